"""Synthetic rooms: what a microphone hears of a loudspeaker, and of a user beside it. Every seed is another room.

An impulse response is the direct path and 200 ms of reverberation that dies away by 60 dB, both with the same energy.
The echo is as loud as what is played, which is what a laptop does at full volume.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from test_vad import recording

from reelthyme_sync.pcm import SAMPLE_RATE, ms_to_bytes, ms_to_samples, to_pcm16

SECONDS = 12
SEEDS = (0, 1, 2)
VOICES = ("coral", "cedar", "ash")
JUMP = SECONDS // 2
USER_AT = (3, 6, 10)
"""Seconds at which the user begins to speak."""

TEXT = """The river runs past the old mill and under a bridge of grey stone. On its far bank a woman sells apples from a
cart, and children ask her every day how many are left. She laughs and says that there are as many as there were
yesterday, less those that were eaten. In winter the water freezes, and then the whole village comes out to skate."""

SPEAK = """
import ctypes, sys
from reelthyme_sync.local_server.voice import Voice

ctypes.CDLL(None).srand(1)
sys.stdout.buffer.write(b"".join(Voice().speak(*sys.argv[1:])))
"""
"""In a process of its own: espeak-ng breathes by C's random numbers, which whatever it said before has moved on.
Some of its voices, marin among them, are never the same twice all the same."""

Signal = NDArray[np.float64]
Room = Callable[[Signal, np.random.Generator], Signal]


@frozen(eq=False)
class Scene:
    """What the speaker was given, what the microphone gave, and what of that was echo and what the user."""

    far: bytes
    near: bytes
    echo: Signal
    user: Signal


def linear(far: Signal, rng: np.random.Generator) -> Signal:
    return _heard(far, _impulse_response(rng))


def nonlinear(far: Signal, rng: np.random.Generator) -> Signal:
    """A small loudspeaker at its limits: compressed, and not the same in both directions."""
    x = far / 8000
    return _heard(4000 * (np.tanh(2 * x) + 0.15 * x**2), _impulse_response(rng))


def drifting(far: Signal, rng: np.random.Generator) -> Signal:
    """Two clocks, 100 ppm apart."""
    at = np.arange(len(far))
    return _heard(np.interp(at * (1 - 100e-6), at, far), _impulse_response(rng))


def jumping(far: Signal, rng: np.random.Generator) -> Signal:
    """At half time another path, and 45 ms more of latency."""
    before, after = _heard(far, _impulse_response(rng)), _heard(far, _impulse_response(rng, delay_ms=60))
    middle = JUMP * SAMPLE_RATE
    return np.concatenate([before[:middle], after[middle:]])


ROOMS: dict[str, Room] = {"linear": linear, "nonlinear": nonlinear, "drifting": drifting, "jumping": jumping}


def delayed_by(ms: float, *, softer_db: float = 0) -> Room:
    """A linear room with that latency and that echo return loss."""
    return lambda far, rng: _heard(far, _impulse_response(rng, delay_ms=ms)) * 10 ** (-softer_db / 20)


def scene(room: Room, seed: int, *, user_db: float | None = None, seconds: int = SECONDS) -> Scene:
    """The assistant speaks all the time; the user too, at ``USER_AT``, that much louder than the echo."""
    rng = np.random.default_rng(seed)
    far = speech(VOICES[seed % len(VOICES)], seconds).copy()
    echo = room(far, rng)
    user = np.zeros(len(far))
    if user_db is not None:
        for number, start in enumerate(USER_AT, start=1):
            begin = start * SAMPLE_RATE
            words = _words(number)[: len(user) - begin]
            user[begin : begin + len(words)] = words
        user *= np.sqrt((echo**2).mean() / (user[np.abs(user) > 300] ** 2).mean()) * 10 ** (user_db / 20)
    noise = 3 * rng.standard_normal(len(far))
    return Scene(to_pcm16(far), to_pcm16(echo + user + noise), echo, user)


@cache
def speech(voice: str, seconds: int) -> Signal:
    """The assistant, without an end; the same samples every time."""
    said = subprocess.run([sys.executable, "-c", SPEAK, TEXT, voice], capture_output=True, check=True, timeout=30)
    samples = np.frombuffer(said.stdout, "<i2")
    return 0.7 * np.resize(samples, seconds * SAMPLE_RATE).astype(float)


def through(control: Any, near: bytes, far: bytes, *, block_ms: int = 10) -> bytes:
    """A whole sound through an echo control."""
    size = ms_to_bytes(block_ms)
    blocks = range(0, len(near), size)
    return b"".join(control.process(near[at : at + size], far[at : at + size]) for at in blocks) + control.rest()


def power_db(sound: bytes | Signal) -> float:
    """The power of a sound in dB over one step of 16 bits."""
    samples = np.frombuffer(sound, "<i2").astype(float) if isinstance(sound, bytes) else sound
    return float(10 * np.log10(max(np.mean(samples**2), 1e-9)))


def _words(number: int) -> Signal:
    """A recording without the silence before it and behind it."""
    samples = np.frombuffer(recording(number), "<i2").astype(float)
    (loud,) = np.nonzero(np.abs(samples) > 500)
    return samples[loud[0] : loud[-1]]


def _impulse_response(rng: np.random.Generator, *, delay_ms: float = 15) -> Signal:
    size = ms_to_samples(200)
    reverberation = rng.standard_normal(size) * 10 ** (-3 * np.arange(size) / size)
    response = reverberation / np.sqrt((reverberation**2).sum())
    response[0] += 1
    return np.concatenate([np.zeros(ms_to_samples(delay_ms)), response / np.sqrt((response**2).sum())])


def _heard(sound: Signal, response: Signal) -> Signal:
    size = 1 << (len(sound) + len(response) - 2).bit_length()
    return np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(response, size), size)[: len(sound)]
