"""The canceller in four synthetic rooms, three seeds and voices each. Every target holds for every one of them."""

import sys
import time
from functools import cache

import numpy as np
import pytest
import rooms
import webrtcvad
from hypothesis import given, settings
from hypothesis import strategies as st
from rooms import JUMP, ROOMS, SECONDS, SEEDS, USER_AT, Scene, delayed_by, power_db, scene, through
from test_vad import recording

from reelthyme_sync import AudioUnavailable, pcm
from reelthyme_sync.audio.resampling import resample
from reelthyme_sync.echo import EchoCanceller, EchoStats
from reelthyme_sync.vad import SpeechStarted, TurnDetector

ERLE_DB = {"linear": 35, "nonlinear": 25, "drifting": 35, "jumping": 30}
FALSE_SPEECH = 0.03
FOUND_WITHIN_MS = 500
LATENCY = pcm.ms_to_samples(9)

every_room = pytest.mark.parametrize("room", ROOMS)
every_seed = pytest.mark.parametrize("seed", SEEDS)


@cache
def heard(room: str, seed: int, user_db: float | None = None) -> tuple[Scene, bytes, EchoStats]:
    """A room, what the canceller made of it, and its stats at the end."""
    in_room, canceller = scene(ROOMS[room], seed, user_db=user_db), EchoCanceller()
    return in_room, through(canceller, in_room.near, in_room.far), canceller.stats


def settled(sound: bytes, room: str) -> bytes:
    """Without the 2 s that the canceller has to learn a path."""
    spans = [(2, JUMP), (JUMP + 2, SECONDS)] if room == "jumping" else [(2, SECONDS)]
    return b"".join(sound[pcm.ms_to_bytes(1000 * start) : pcm.ms_to_bytes(1000 * end)] for start, end in spans)


def spoken(sound: bytes) -> float:
    """Which part of it WebRTC's detector at its strictest takes for speech."""
    low, detector = resample(sound, pcm.SAMPLE_RATE, 16_000), webrtcvad.Vad(3)
    return float(np.mean([detector.is_speech(low[at : at + 640], 16_000) for at in range(0, len(low) - 639, 640)]))


def found(sound: bytes) -> list[float]:
    """For each time the user speaks, after how many ms the server would know."""
    detector, now, starts = TurnDetector(silence_duration_ms=300), 0, []
    for at in range(0, len(sound), pcm.ms_to_bytes(20)):
        boundaries = detector.push(sound[at : at + pcm.ms_to_bytes(20)])
        now += 20
        starts += [now] * any(isinstance(boundary, SpeechStarted) for boundary in boundaries)
    began = [1000 * second for second in USER_AT]
    return [next((start - at for start in starts if at <= start < at + 3000), np.inf) for at in began]


def middle(sound: bytes) -> np.ndarray:
    """300 to 2000 Hz. Outside it the filters of WebRTC change the phase, which is not heard."""
    samples = np.frombuffer(sound, "<i2").astype(float)
    spectrum, frequency = np.fft.rfft(samples), np.fft.rfftfreq(len(samples), 1 / pcm.SAMPLE_RATE)
    spectrum[(frequency < 300) | (frequency > 2000)] = 0
    return np.fft.irfft(spectrum, len(samples))


def interruptions(sound: bytes) -> int:
    return sum(isinstance(boundary, SpeechStarted) for boundary in TurnDetector().push(sound))


@every_room
@every_seed
def test_the_echo_is_gone(room, seed):
    in_room, out, _ = heard(room, seed)
    erle = power_db(settled(in_room.near, room)) - power_db(settled(out, room))
    assert erle >= ERLE_DB[room]


@every_room
@every_seed
def test_nothing_that_is_left_sounds_like_speech(room, seed):
    in_room, out, _ = heard(room, seed)
    assert spoken(settled(in_room.near, room)) > 0.5
    assert spoken(settled(out, room)) <= FALSE_SPEECH


@pytest.mark.parametrize("room", ["linear", "nonlinear", "drifting"])
@every_seed
def test_the_assistant_does_not_interrupt_itself_not_even_with_its_first_words(room, seed):
    in_room, out, _ = heard(room, seed)
    assert interruptions(in_room.near) > 0
    assert interruptions(out) == 0


@pytest.mark.parametrize("user_db", [0, -6])
@every_room
def test_a_user_who_interrupts_is_found_in_time_and_still_heard(room, user_db):
    waits = []
    for seed in SEEDS:
        in_room, out, _ = heard(room, seed, user_db)
        waits += found(out)
        (speaking,) = np.nonzero(in_room.user)
        cleaned = np.frombuffer(out, "<i2").astype(float)[speaking + LATENCY]
        assert power_db(cleaned) >= power_db(in_room.user[speaking]) - 12
    assert np.median(waits) <= FOUND_WITHIN_MS


@every_room
@every_seed
def test_the_figures_are_told(room, seed):
    in_room, out, stats = heard(room, seed)
    erle = power_db(in_room.near) - power_db(settled(out, room))
    assert stats.erle_db == pytest.approx(erle, abs=12) or (room == "jumping" and stats.erle_db > erle)
    assert stats.erl_db == pytest.approx(power_db(in_room.far) - power_db(in_room.echo), abs=4)
    assert stats.delay_ms == pytest.approx(60 if room == "jumping" else 15, abs=2.5 if room == "drifting" else 1)
    assert not stats.double_talk
    assert stats.double_talk_ms <= (2000 if room == "jumping" else 700)  # until the new delay is known
    _, _, talked = heard(room, seed, 0)
    assert 2500 <= talked.double_talk_ms <= 7500


@pytest.mark.parametrize(("ms", "seed"), [(5, 0), (20, 1), (60, 2), (150, 0), (400, 1)])
def test_the_delay_is_found(ms, seed):
    in_room = scene(delayed_by(ms, softer_db=6), seed, seconds=4)
    canceller = EchoCanceller()
    through(canceller, in_room.near, in_room.far)
    assert canceller.stats.delay_ms == pytest.approx(ms, abs=1)


def test_without_an_echo_nothing_is_claimed():
    far = scene(ROOMS["linear"], 0, seconds=4).far
    noise = np.random.default_rng(0).standard_normal(len(far) // 2)
    for near in (bytes(len(far)), pcm.to_pcm16(noise * 20)):
        canceller = EchoCanceller()
        canceller.process(near, far)
        assert canceller.stats == EchoStats()


@every_seed
@pytest.mark.parametrize("noise", [0, 30])
def test_a_user_with_a_headset_is_not_taken_for_an_echo(seed, noise):
    in_room = scene(ROOMS["linear"], seed, user_db=0)
    hiss = noise * np.random.default_rng(seed).standard_normal(len(in_room.user))
    canceller = EchoCanceller()
    out = through(canceller, pcm.to_pcm16(in_room.user + hiss), in_room.far)
    (speaking,) = np.nonzero(in_room.user)
    said = np.frombuffer(out, "<i2").astype(float)[speaking]
    assert power_db(said) == pytest.approx(power_db(in_room.user[speaking]), abs=1)
    assert max(found(out)) <= FOUND_WITHIN_MS
    assert canceller.stats == EchoStats()


@every_seed
def test_whoever_takes_off_the_headset_is_interrupted_for_two_seconds_at_most(seed):
    """The switch of a laptop's jack: the same device, and suddenly there is an echo."""
    in_room = scene(ROOMS["linear"], seed)
    size, unplugged = len(in_room.near), pcm.ms_to_bytes(4000)
    near = bytes(unplugged) + in_room.near[unplugged:]
    out = through(EchoCanceller(), near, in_room.far)
    assert spoken(out[unplugged : unplugged + pcm.ms_to_bytes(500)]) > 0.3
    settled_at = unplugged + pcm.ms_to_bytes(4000)
    assert interruptions(out[settled_at:size]) == 0
    assert power_db(near[settled_at:]) - power_db(out[settled_at:]) >= ERLE_DB["linear"]


@pytest.mark.parametrize("samples", [-112, -16, 63, 128])
@every_seed
def test_a_sound_card_that_loses_a_few_samples_makes_nobody_interrupt(samples, seed):
    """WebRTC's canceller learns the whole path again, and leaves the echo as it is meanwhile."""
    far = rooms.speech(rooms.VOICES[seed], SECONDS)
    before, after = (np.concatenate([np.zeros(delay), far])[: len(far)] for delay in (608, 608 + samples))
    near = pcm.to_pcm16(np.concatenate([before[: len(far) // 2], after[len(far) // 2 :]]))
    out = through(EchoCanceller(), near, pcm.to_pcm16(far))
    assert interruptions(out) == 0


@pytest.mark.parametrize("noise", [60, 200])
@pytest.mark.parametrize("softer_db", [0, 20, 200])
def test_the_noise_of_the_room_goes_on_while_an_echo_is_suppressed(noise, softer_db):
    """From the silence in between a server would take its return for a voice."""
    in_room = scene(delayed_by(15, softer_db=softer_db), 0)
    hiss = noise * np.random.default_rng(0).standard_normal(len(in_room.echo))
    quiet = pcm.ms_to_samples(2000)
    near = pcm.to_pcm16(hiss + np.concatenate([np.zeros(quiet), in_room.echo[:-quiet]]))
    out = through(EchoCanceller(), near, pcm.silence(2000) + in_room.far[: -2 * quiet])
    assert interruptions(pcm.to_pcm16(hiss)) == interruptions(out) == 0
    levels = [power_db(out[at : at + pcm.ms_to_bytes(100)]) for at in range(0, len(out), pcm.ms_to_bytes(100))]
    assert levels == pytest.approx([20 * np.log10(noise)] * len(levels), abs=6)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_while_nothing_is_played_the_user_passes_unharmed(number):
    speech = recording(number)
    out = through(EchoCanceller(), speech, bytes(len(speech)))
    assert len(out) == len(speech)
    assert power_db(out) == pytest.approx(power_db(speech), abs=1)
    said, passed = (middle(sound) for sound in (speech, out))
    likeness = [np.corrcoef(said[: len(said) - lag], passed[lag:])[0, 1] for lag in range(120, 360)]
    assert max(likeness) > 0.97
    assert not out[: pcm.ms_to_bytes(5)].strip(b"\0")


@pytest.mark.parametrize(
    "options", [{"noise_suppression": "high"}, {"noise_suppression": "very_high", "auto_gain": True}]
)
def test_noise_suppression_and_gain_neither_hide_a_user_nor_raise_an_echo(options):
    silent, talking = (scene(ROOMS["linear"], 0, user_db=user_db) for user_db in (None, 0))
    canceller = EchoCanceller(**options)
    quiet = through(canceller, silent.near, silent.far)
    assert interruptions(quiet) == 0
    assert canceller.stats.erle_db == pytest.approx(heard("linear", 0)[2].erle_db)
    assert max(found(through(canceller, talking.near, talking.far))) <= FOUND_WITHIN_MS


def test_noise_is_suppressed_and_a_soft_voice_raised():
    noise = pcm.to_pcm16(np.random.default_rng(0).standard_normal(5 * pcm.SAMPLE_RATE) * 100)
    later = slice(pcm.ms_to_bytes(3000), None)
    out = through(EchoCanceller(noise_suppression="moderate"), noise, bytes(len(noise)))
    assert power_db(out[later]) < power_db(noise[later]) - 5
    voice = pcm.to_pcm16(0.05 * rooms.speech("coral", 8))
    out = through(EchoCanceller(auto_gain=True), voice, bytes(len(voice)))
    assert power_db(out[later]) > power_db(voice[later]) + 6


@settings(max_examples=8)
@given(st.lists(st.integers(0, 1500), min_size=1, max_size=12), st.booleans())
def test_the_length_of_the_blocks_makes_no_difference(lengths, finishing):
    near, far, expected = _short(finishing=finishing)
    canceller = EchoCanceller(noise_suppression="low" if finishing else None)
    out, at = b"", 0
    for length in lengths:
        block = slice(at, at + 2 * length)
        out += canceller.process(near[block], far[block])
        at += 2 * length
        assert len(out) <= min(at, len(near))
    out += canceller.process(near[at:], far[at:])
    assert out + canceller.rest() == expected


@cache
def _short(*, finishing: bool) -> tuple[bytes, bytes, bytes]:
    in_room = scene(ROOMS["linear"], 0, seconds=1)
    near, far = in_room.near[:-26], in_room.far[:-26]
    out = through(EchoCanceller(noise_suppression="low" if finishing else None), near, far)
    assert len(out) == len(near)
    return near, far, out


def test_after_the_rest_the_next_sound_begins():
    near, far, expected = _short(finishing=False)
    canceller = EchoCanceller()
    assert [through(canceller, near, far), through(canceller, near, far)] == [expected] * 2
    assert canceller.rest() == b""


@pytest.mark.parametrize(("near", "far"), [(bytes(480), bytes(478)), (bytes(3), bytes(3))])
def test_ends_that_do_not_fit_are_refused(near, far):
    with pytest.raises(ValueError, match="bytes"):
        EchoCanceller().process(near, far)


def test_an_assistant_that_is_silent_costs_no_more_than_one_that_speaks():
    in_room, canceller = scene(ROOMS["linear"], 0), EchoCanceller()
    second, speech = pcm.ms_to_bytes(1000), pcm.ms_to_bytes(3000)
    noise = np.random.default_rng(0).normal(0, 20, second // 2).astype("<i2").tobytes()

    def cost(near: bytes, far: bytes) -> float:
        began = time.thread_time()
        canceller.process(near, far)
        return time.thread_time() - began

    speaking = cost(in_room.near[:speech], in_room.far[:speech]) / 3
    cost(noise, bytes(second))  # what it makes of silence becomes too small by and by
    assert min(cost(noise, bytes(second)) for _ in range(3)) < 2 * speaking


def test_a_noise_suppression_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="very_high"):
        EchoCanceller(noise_suppression="enormous")


def test_a_missing_package_has_its_cure(monkeypatch):
    monkeypatch.setitem(sys.modules, "pywebrtc_audio", None)
    with pytest.raises(AudioUnavailable, match=r'pip install "reelthyme_sync\[aec\]"'):
        EchoCanceller()
