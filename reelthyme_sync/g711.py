"""G.711: the eight bits a sample of telephones, mu-law (``audio/pcmu``) and A-law (``audio/pcma``). Pure.

Table look-ups in numpy, bit for bit what ITU-T's own software (G.191) computes. Python's old ``audioop`` does not: it
rounds negative samples of mu-law away from zero, so that 508 of them get another code: -1 comes back as -8, here as 0.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAMPLE_RATE: Final = 8_000
"""Samples per second of both formats, and so bytes."""

_SEGMENT_BITS: Final = 4
_POSITIVE: Final = 0x80
_MULAW_BIAS: Final = 33
"""In the 14-bit steps of mu-law: it makes each segment twice as wide as the one before it, the first too."""

_MULAW_TOP: Final = 0x1FFF
_ALAW_TOGGLED: Final = 0x55
"""The bits that A-law inverts on the line, so that a quiet line still has edges."""


def encode_mulaw(pcm: bytes) -> bytes:
    """PCM16 as mu-law: a byte for each sample.

    Raises:
        ValueError: half a sample.
    """
    return _look_up(_mulaw_codes(), pcm, "<u2")


def decode_mulaw(data: bytes) -> bytes:
    """Mu-law as PCM16, twice as many bytes."""
    return _look_up(_mulaw_samples(), data, "u1")


def encode_alaw(pcm: bytes) -> bytes:
    """PCM16 as A-law: a byte for each sample.

    Raises:
        ValueError: half a sample.
    """
    return _look_up(_alaw_codes(), pcm, "<u2")


def decode_alaw(data: bytes) -> bytes:
    """A-law as PCM16, twice as many bytes."""
    return _look_up(_alaw_samples(), data, "u1")


def _look_up(table: NDArray[Any], data: bytes, index: str) -> bytes:
    import numpy as np

    return bytes(table[np.frombuffer(data, index)].tobytes())


# Two threads that come first at the same time may both build a table: the same one, so no lock is needed.


@cache
def _mulaw_codes() -> NDArray[np.uint8]:
    """The code of every sample, by the sample's own 16 bits taken as an index."""
    import numpy as np

    samples = _all_samples()
    steps = np.minimum((_magnitudes(samples) >> 2) + _MULAW_BIAS, _MULAW_TOP)
    segments = np.frexp(steps)[1] - 6  # each segment begins at a power of two, the first at 32
    codes = segments << _SEGMENT_BITS | steps >> (segments + 1) & 0xF
    return np.asarray((codes ^ 0x7F) | _sign_bits(samples), np.uint8)  # mu-law has all its bits inverted on the line


@cache
def _alaw_codes() -> NDArray[np.uint8]:
    """The code of every sample, by the sample's own 16 bits taken as an index."""
    import numpy as np

    samples = _all_samples()
    steps = _magnitudes(samples) >> 4
    segments = np.maximum(np.frexp(steps)[1] - 4, 0)  # the first two are equally wide, and begin at 0 and 16
    codes = segments << _SEGMENT_BITS | steps >> np.maximum(segments - 1, 0) & 0xF
    return np.asarray((codes | _sign_bits(samples)) ^ _ALAW_TOGGLED, np.uint8)


@cache
def _mulaw_samples() -> NDArray[np.int16]:
    """The sample in the middle of what each code stands for."""
    import numpy as np

    codes = np.arange(256)
    segments, steps = _parts(codes ^ 0x7F)
    return _signed((((2 * steps + _MULAW_BIAS) << segments) - _MULAW_BIAS) << 2, codes)


@cache
def _alaw_samples() -> NDArray[np.int16]:
    """The sample in the middle of what each code stands for."""
    import numpy as np

    codes = np.arange(256) ^ _ALAW_TOGGLED
    segments, steps = _parts(codes)
    steps = np.where(segments > 0, steps + 16, steps)
    return _signed((2 * steps + 1) << np.maximum(segments - 1, 0) << 3, codes)


def _all_samples() -> NDArray[np.int16]:
    import numpy as np

    return np.arange(1 << 16).astype(np.uint16).view(np.int16)


def _magnitudes(samples: NDArray[np.int16]) -> NDArray[np.int64]:
    """Of a negative sample its one's complement, so that -1 is as far from nothing as 0: what G.191 does."""
    import numpy as np

    return np.where(samples < 0, ~samples, samples).astype(np.int64)


def _sign_bits(samples: NDArray[np.int16]) -> NDArray[np.int64]:
    import numpy as np

    return np.where(samples < 0, 0, _POSITIVE)


def _parts(codes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The segment of each code, and its step in there."""
    return codes >> _SEGMENT_BITS & 0x7, codes & 0xF


def _signed(magnitudes: NDArray[np.int64], codes: NDArray[np.int64]) -> NDArray[np.int16]:
    import numpy as np

    return np.where(codes & _POSITIVE, magnitudes, -magnitudes).astype("<i2")
