"""The sound that is played to find out about a loop. Pure."""

from __future__ import annotations

import math
from typing import Final

from ..pcm import SAMPLE_RATE, ms_to_samples, silence, to_pcm16

QUIET_MS: Final = 700
"""Before the sweep: the noise of the room."""

SWEEP_MS: Final = 800

_SWEEP_HZ: Final = (100.0, 10_000.0)
_SWEEP_PEAK: Final = 8192.0
"""-12 dBFS: heard above a fan, and nobody starts."""

_FADE_MS: Final = 20
"""At both ends of the sweep, which would click."""

PAUSE_MS: Final = 1000
"""After the sweep, for echoes that are late; and after the speech."""


def probe(speech: bytes) -> bytes:
    """The sound to play: quiet, an exponential sweep, a pause, ``speech``, a pause. PCM16."""
    return silence(QUIET_MS) + _sweep() + silence(PAUSE_MS) + speech + silence(PAUSE_MS)


def _sweep() -> bytes:
    """From low to high, an equal time for every octave."""
    import numpy as np

    seconds = np.arange(ms_to_samples(SWEEP_MS)) / SAMPLE_RATE
    low, high = _SWEEP_HZ
    octaves = math.log(high / low) / (SWEEP_MS / 1000)
    wave = np.sin(2 * np.pi * low / octaves * np.expm1(octaves * seconds))
    fade = np.clip(np.minimum(seconds, seconds[::-1]) * 1000 / _FADE_MS, 0, 1)
    return to_pcm16(_SWEEP_PEAK * fade * wave)
