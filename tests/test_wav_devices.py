import threading
import wave

import pytest

from reelthyme_sync import AudioUnavailable
from reelthyme_sync.audio.devices import Microphone, Speaker
from reelthyme_sync.audio.wav_devices import WavMicrophone, WavSpeaker
from reelthyme_sync.pcm import ms_to_bytes, silence

LOUD = b"\x11\x11"
PATIENCE = 20.0


def sound(ms: float) -> bytes:
    return LOUD * (ms_to_bytes(ms) // 2)


def read(path) -> bytes:
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 24_000)
        return file.readframes(file.getnframes())


@pytest.fixture
def question(tmp_path):
    """A file of 55 ms: no whole number of blocks."""
    path = tmp_path / "question.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 24_000, 0, "NONE", ""))
        file.writeframes(sound(55))
    return path


def test_both_fulfil_the_contract(question, tmp_path):
    for paced in (True, False):
        microphone: Microphone = WavMicrophone(question, paced=paced)
        speaker: Speaker = WavSpeaker(tmp_path / "answer.wav", paced=paced)
        assert (microphone.sample_rate, microphone.overflows) == (24_000, 0)
        assert (speaker.sample_rate, speaker.heard) == (24_000, 0)
        for device in (microphone, speaker, microphone, speaker):
            device.close()


def test_a_paced_file_is_heard_in_blocks_of_10_ms_and_then_silence(question):
    microphone = WavMicrophone(question)
    blocks = [microphone.read() for _ in range(10)]
    assert {len(block) for block in blocks} == {ms_to_bytes(10)}
    assert b"".join(blocks) == sound(55) + silence(45)
    microphone.stop()
    assert not b"".join(iter(microphone.read, b"")).strip(b"\0")
    microphone.close()


def test_an_unpaced_file_is_heard_at_once_and_then_the_end(question):
    microphone = WavMicrophone(question, paced=False)
    assert list(iter(microphone.read, b"")) == [sound(10)] * 5 + [sound(5)]
    assert microphone.read() == b""
    microphone.close()


def test_an_unpaced_file_can_be_stopped(question):
    microphone = WavMicrophone(question, paced=False)
    assert microphone.read() == sound(10)
    microphone.stop()
    assert microphone.read() == b""
    microphone.close()


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(AudioUnavailable, match="no file"):
        WavMicrophone(tmp_path / "missing.wav")


def test_a_paced_speaker_writes_in_real_time_with_the_silences(tmp_path):
    speaker = WavSpeaker(tmp_path / "a.wav")
    speaker.write(sound(100))
    speaker.drain()
    assert speaker.heard == ms_to_bytes(100) // 2
    assert len(read(tmp_path / "a.wav")) >= ms_to_bytes(90)  # before it is closed: the file is valid as it grows
    speaker.close()
    played = read(tmp_path / "a.wav")
    assert speaker.starved == (len(played) - ms_to_bytes(100)) // 2
    from_sound_on = played[played.index(LOUD) :]
    assert from_sound_on.startswith(sound(100))
    assert not from_sound_on[ms_to_bytes(110) :].strip(b"\0")  # it dies away within 10 ms


def test_what_is_cleared_is_not_played(tmp_path):
    speaker = WavSpeaker(tmp_path / "a.wav")
    speaker.write(sound(2000))
    speaker.clear()
    speaker.drain()
    speaker.write(silence(20))
    speaker.drain()
    speaker.close()
    assert read(tmp_path / "a.wav").count(LOUD) <= ms_to_bytes(1000) // 2


def test_an_unpaced_speaker_writes_what_it_gets(tmp_path):
    speaker = WavSpeaker(tmp_path / "a.wav", paced=False)
    assert read(tmp_path / "a.wav") == b""
    for _ in range(1000):
        speaker.wait_writable()
        speaker.write(sound(10))
    speaker.clear()
    speaker.drain()
    assert (speaker.heard, speaker.starved) == (240_000, 0)
    assert read(tmp_path / "a.wav") == sound(10_000)
    speaker.close()
    speaker.close()
    with pytest.raises(AudioUnavailable, match="closed"):
        speaker.write(sound(10))


@pytest.mark.parametrize("paced", [True, False])
def test_a_place_where_nothing_can_be_written(tmp_path, paced):
    with pytest.raises(AudioUnavailable, match="Cannot write"):
        WavSpeaker(tmp_path / "missing" / "a.wav", paced=paced)


def test_one_thread_waits_while_another_clears(tmp_path):
    speaker = WavSpeaker(tmp_path / "a.wav")
    speaker.write(sound(60_000))
    drained = threading.Thread(target=speaker.drain)
    drained.start()
    speaker.clear()
    drained.join(PATIENCE)
    assert not drained.is_alive()
    speaker.close()
