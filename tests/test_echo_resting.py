"""The canceller rests while there is no echo to take out: nobody hears that it does."""

import numpy as np
import pytest
import rooms
from hypothesis import given
from hypothesis import strategies as st
from rooms import ROOMS, Scene, power_db, scene, through

from reelthyme_sync import pcm
from reelthyme_sync.echo import EchoCanceller
from reelthyme_sync.echo import canceller as canceller_module
from reelthyme_sync.echo.frames import FRAME, FRAME_MS
from reelthyme_sync.echo.resting import RestingCanceller
from reelthyme_sync.vad import TurnDetector

LATENCY = 224
PAUSES = [(4, 7), (9, 11)]
"""Seconds in which the assistant is silent."""


class Delaying:
    """In the place of WebRTC's canceller: delays as much, takes nothing out, and counts."""

    def __init__(self) -> None:
        self.frames = 0
        self.reset()

    def process(self, near: np.ndarray, _far: np.ndarray) -> np.ndarray:
        self.frames += 1
        sound = np.concatenate((self._kept, near))
        self._kept = sound[FRAME:]
        return sound[:FRAME]

    def reset(self) -> None:
        self._kept = np.zeros(LATENCY, np.int16)


class Counted:
    """A processor, and how many frames it was given."""

    def __init__(self, processor: object) -> None:
        self._processor = processor
        self.frames = 0

    def process(self, near: np.ndarray, far: np.ndarray) -> np.ndarray:
        self.frames += 1
        return self._processor.process(near, far)

    def reset(self) -> None:
        self._processor.reset()


@given(st.lists(st.tuples(st.integers(1, 12), st.booleans()), min_size=1, max_size=8), st.booleans())
def test_it_can_rest_at_any_time_and_for_any_time(spans, anew):
    needed = [need for length, need in spans for _ in range(length)]
    sound = np.random.default_rng(0).integers(-20_000, 20_000, FRAME * len(needed)).astype(np.int16)
    processor = Delaying()
    canceller = RestingCanceller(processor)
    if anew:
        canceller.process(sound[:FRAME], None, needed=needed[0])
        canceller.reset()
    frames = sound.reshape(-1, FRAME)
    out = np.concatenate(
        [canceller.process(near, None, needed=need) for near, need in zip(frames, needed, strict=True)]
    )
    expected = np.concatenate((np.zeros(LATENCY), sound))[: len(sound)]
    assert out == pytest.approx(expected, abs=0.01)


def test_at_rest_it_does_nothing_and_is_ready_again_after_three_frames():
    processor, near = Delaying(), np.zeros(FRAME, np.int16)
    canceller = RestingCanceller(processor)
    for _ in range(100):
        canceller.process(near, None, needed=False)
    assert processor.frames == 0
    canceller.process(near, None, needed=True)
    assert processor.frames == 4
    canceller.process(near, None, needed=True)
    assert processor.frames == 5
    for _ in range(100):
        canceller.process(near, None, needed=False)
    assert processor.frames == 6  # the last fades into what takes its place


def paused(in_room: Scene, *, hiss: float = 0.0) -> tuple[bytes, bytes]:
    """The near end and the far end of a room in which the assistant pauses; its echo dies away as it would."""
    far = np.frombuffer(in_room.far, "<i2").astype(float)
    for start, end in PAUSES:
        far[start * pcm.SAMPLE_RATE : end * pcm.SAMPLE_RATE] = 0
    echo = rooms.linear(far, np.random.default_rng(0))
    noise = (3 + hiss) * np.random.default_rng(1).standard_normal(len(far))
    return pcm.to_pcm16(echo + in_room.user + noise), pcm.to_pcm16(far)


def test_after_a_pause_it_knows_the_room_as_before():
    near, far = paused(scene(ROOMS["linear"], 0))
    canceller = EchoCanceller()
    out = through(canceller, near, far)
    for start, end in ((2, 4), (7, 9), (11, 12)):
        spoken = slice(pcm.ms_to_bytes(1000 * start), pcm.ms_to_bytes(1000 * end))
        assert power_db(near[spoken]) - power_db(out[spoken]) >= 35
    detector = TurnDetector()
    assert not detector.push(out)
    assert canceller.stats.double_talk_ms == 0


def test_whoever_speaks_when_the_pause_ends_is_not_cut_off():
    """The user begins at 6 s, the assistant at 7 s."""
    in_room = scene(ROOMS["linear"], 0, user_db=0)
    near, far = paused(in_room)
    out = np.frombuffer(through(EchoCanceller(), near, far), "<i2").astype(float)
    for begin in (6.2, 6.6, 6.8, 7.0, 7.2):
        span = slice(round(begin * pcm.SAMPLE_RATE), round((begin + 0.2) * pcm.SAMPLE_RATE))
        later = slice(span.start + LATENCY, span.stop + LATENCY)
        assert power_db(out[later]) >= power_db(in_room.user[span]) - 6


def test_a_step_in_a_tone_is_not_heard_when_it_rests_and_when_it_goes_on():
    """A microphone's constant voltage, which the canceller takes away and a rest does not, is no step either."""
    in_room = scene(ROOMS["linear"], 0)
    tone = 1000 * np.sin(2 * np.pi * 440 * np.arange(len(in_room.user)) / pcm.SAMPLE_RATE)
    near, far = paused(Scene(in_room.far, in_room.near, in_room.echo, tone + 300))
    out = np.frombuffer(through(EchoCanceller(), near, far), "<i2").astype(float)
    steepest = 1000 * 2 * np.pi * 440 / pcm.SAMPLE_RATE
    for start, end in PAUSES:
        about = slice(round((start + 0.595) * pcm.SAMPLE_RATE), round((end + 0.009) * pcm.SAMPLE_RATE))
        assert np.abs(np.diff(out[about])).max() < 2 * steepest


@pytest.mark.parametrize("headset", [False, True])
def test_it_rests_in_a_pause_and_with_a_headset(headset, monkeypatch):
    made = []
    make = canceller_module._processor
    monkeypatch.setattr(
        canceller_module, "_processor", lambda **options: made.append(Counted(make(**options))) or made[-1]
    )
    in_room = scene(ROOMS["linear"], 0)
    near, far = paused(in_room)
    if headset:
        near = pcm.to_pcm16(3 * np.random.default_rng(0).standard_normal(len(near) // 2))
    through(EchoCanceller(), near, far)
    (counted,) = made
    needed_ms = 600 if headset else 12_000 - 5000 + 2 * 600  # an echo may come 600 ms after what was played
    assert needed_ms <= counted.frames * FRAME_MS <= needed_ms + 300
