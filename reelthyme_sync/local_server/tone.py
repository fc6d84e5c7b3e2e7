"""A voice for machines without one: a soft tone that lasts as long as the words would. Pure."""

from __future__ import annotations

from typing import Final

from .. import pcm

_MS_PER_CHARACTER: Final = 65
_FADE_MS: Final = 20
_AMPLITUDE: Final = 4_000
_PITCH_HZ: Final = 220.0


def tone(text: str, _variant: str = "", speed: float = 1.0) -> bytes:
    """24 kHz PCM16 in place of ``text``, faded at both ends so that it does not click."""
    import numpy as np

    length = pcm.ms_to_samples(len(text) * _MS_PER_CHARACTER / speed)
    position = np.arange(length)
    fade = np.clip(np.minimum(position, length - 1 - position) / pcm.ms_to_samples(_FADE_MS), 0, 1)
    wave = np.sin(2 * np.pi * _PITCH_HZ / pcm.SAMPLE_RATE * position)
    return bytes((_AMPLITUDE * fade * wave).astype(np.int16))
