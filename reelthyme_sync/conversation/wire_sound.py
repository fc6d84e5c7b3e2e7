"""Sound of the wire as PCM16, at the rate that it comes in: nothing is resampled here. Pure."""

from __future__ import annotations

from .. import g711
from ..events import AudioPcma, AudioPcmu
from ..formats import Format
from ..pcm import BYTES_PER_SAMPLE, decode_base64


def read_samples(audio: str, audio_format: Format, half: bytes = b"") -> tuple[bytes, bytes]:
    """The whole samples, and the half of one that is left for the next piece: a piece may end anywhere.

    Args:
        audio: base64; what is none is no sound.
        audio_format: as a session has it.
        half: what the last piece of the same sound left.
    """
    try:
        data = decode_base64(audio)
    except ValueError:
        return b"", half
    if isinstance(audio_format, AudioPcmu):
        return g711.decode_mulaw(data), b""
    if isinstance(audio_format, AudioPcma):
        return g711.decode_alaw(data), b""
    if half:
        data = half + data
    if len(data) % BYTES_PER_SAMPLE:
        return data[:-1], data[-1:]
    return data, b""
