import numpy as np
import pytest
from test_vad import noise, recording

from reelthyme_sync.audio.gate import Gate
from reelthyme_sync.pcm import ms_to_bytes, silence

PRE_ROLL = ms_to_bytes(300)


def gated(sound: bytes, *, step: int = 480, **settings) -> bytes:
    gate = Gate(**settings)
    pieces = [sound[start : start + step] for start in range(0, len(sound), step)]
    passed = [gate.push(piece) for piece in pieces]
    assert [len(piece) for piece in passed] == [len(piece) for piece in pieces]
    return b"".join([*passed, gate.rest()])


@pytest.mark.parametrize("number", [1, 2, 3])
def test_speech_passes_whole_and_later_by_the_pre_roll(number):
    speech = recording(number)
    sound = silence(1000) + speech + silence(1000)
    assert gated(sound) == silence(300) + sound


def test_what_is_no_speech_becomes_silence_of_the_same_length():
    hiss, click = noise(2000, 30), noise(40, 12_000)
    sound = hiss + click + hiss
    assert gated(sound) == silence(300) + bytes(len(sound))


def test_noise_round_speech_is_taken_away_up_to_the_pre_roll_and_after_the_hold():
    hiss, speech = noise(2000, 30), recording(1)
    passed = gated(hiss + speech + hiss, hold_ms=200)[PRE_ROLL:]
    (loud,) = np.nonzero(np.frombuffer(passed, "<i2"))
    words = slice(len(hiss), len(hiss) + len(speech))
    assert passed[words].strip(b"\0") in speech
    assert loud[0] * 2 >= len(hiss) - PRE_ROLL
    assert loud[-1] * 2 <= len(hiss) + len(speech) + ms_to_bytes(220)


def test_the_length_of_the_pushes_makes_no_difference():
    sound = noise(700, 30) + recording(1) + noise(1500, 30) + recording(3) + noise(700, 30)
    assert gated(sound, step=1234) == gated(sound, step=len(sound))


def test_after_the_rest_the_next_sound_begins():
    gate = Gate()
    speech = silence(200) + recording(1) + silence(1000)
    for _ in range(2):
        assert gate.push(speech) + gate.rest() == silence(300) + speech


def test_a_pre_roll_in_which_speech_cannot_be_found_is_refused():
    with pytest.raises(ValueError, match="160"):
        Gate(pre_roll_ms=100)
