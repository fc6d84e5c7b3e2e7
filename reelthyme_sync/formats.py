"""The formats of sound on the wire: which one a session has, and how much sound a byte of it is. Pure."""

from __future__ import annotations

from typing import TypeAlias

from . import g711
from .events import AudioFormat, AudioPcm, AudioPcma, AudioPcmu
from .events.base import Unset
from .pcm import BYTES_PER_SAMPLE, SAMPLE_RATE

Format: TypeAlias = AudioFormat | Unset | None
"""As a session has it. What is absent, null or unknown here counts as the service's own: 24 kHz PCM16."""


def input_format(session: object) -> AudioFormat | None:
    """The format in which a session hears; None where it does not say, and so is the service's own PCM."""
    return _format(session, "input")


def output_format(speaking: object) -> AudioFormat | None:
    """The format in which a session, or one response, speaks; None where it does not say."""
    return _format(speaking, "output")


def sample_rate(audio_format: Format) -> int:
    """Samples per second."""
    if isinstance(audio_format, AudioPcmu | AudioPcma):
        return g711.SAMPLE_RATE
    return (audio_format.rate if isinstance(audio_format, AudioPcm) else None) or SAMPLE_RATE


def bytes_per_sample(audio_format: Format) -> int:
    """How many bytes one sample takes."""
    return 1 if isinstance(audio_format, AudioPcmu | AudioPcma) else BYTES_PER_SAMPLE


def bytes_per_ms(audio_format: Format) -> float:
    """How many bytes a millisecond takes."""
    return sample_rate(audio_format) * bytes_per_sample(audio_format) / 1000


def base64_ms(text: str, audio_format: Format) -> float:
    """How many milliseconds base64 lasts, without decoding it."""
    return (len(text) * 3 // 4 - text.count("=", -2)) / bytes_per_ms(audio_format)


def _format(owner: object, side: str) -> AudioFormat | None:
    found = getattr(getattr(getattr(owner, "audio", None), side, None), "format", None)
    return found if isinstance(found, AudioPcm | AudioPcmu | AudioPcma) else None
