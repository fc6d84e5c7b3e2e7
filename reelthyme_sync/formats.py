"""How much sound a byte is, in the formats of the wire. Pure."""

from __future__ import annotations

from typing import Final

from .events import AudioPcm, AudioPcma, AudioPcmu
from .pcm import BYTES_PER_SAMPLE, SAMPLE_RATE

_G711_BYTES_PER_MS: Final = 8


def bytes_per_ms(audio_format: object) -> float:
    """How many bytes a millisecond takes; what is absent or unknown here counts as the service's own PCM."""
    if isinstance(audio_format, AudioPcmu | AudioPcma):
        return _G711_BYTES_PER_MS
    rate = (audio_format.rate if isinstance(audio_format, AudioPcm) else None) or SAMPLE_RATE
    return rate * BYTES_PER_SAMPLE / 1000


def base64_ms(text: str, audio_format: object) -> float:
    """How many milliseconds base64 lasts, without decoding it."""
    return (len(text) * 3 // 4 - text.count("=", -2)) / bytes_per_ms(audio_format)
