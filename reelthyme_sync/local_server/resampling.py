"""Another sample rate for a whole piece of PCM16. Pure; soxr does it when it is installed, numpy otherwise."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_HALF_TAPS: Final = 32
_ROWS: Final = 4_096
"""Output samples computed at a time: bounds the table of taps to 2 MB, however long the sound is."""


def resample(sound: bytes, source_rate: int, target_rate: int) -> bytes:
    """``sound`` at ``target_rate``, as long in seconds as before."""
    if source_rate == target_rate or not sound:
        return sound
    import numpy as np

    samples = np.frombuffer(sound, np.int16)
    try:
        import soxr
    except ImportError:
        return resample_by_sinc(samples, source_rate, target_rate)
    return bytes(soxr.resample(samples, source_rate, target_rate).astype(np.int16))


def resample_by_sinc(samples: NDArray[np.int16], source_rate: int, target_rate: int) -> bytes:
    """A Kaiser-windowed sinc of 64 taps round every new sample."""
    import numpy as np

    length = math.ceil(len(samples) * target_rate / source_rate)
    padded = np.pad(samples.astype(np.float64), _HALF_TAPS)
    rows = [np.arange(start, min(start + _ROWS, length)) for start in range(0, length, _ROWS)]
    new = np.concatenate(
        [_interpolate(padded, row * (source_rate / target_rate), target_rate / source_rate) for row in rows]
    )
    return bytes(np.clip(np.rint(new), -32_768, 32_767).astype(np.int16))


def _interpolate(padded: NDArray[np.float64], at: NDArray[np.floating[Any]], ratio: float) -> NDArray[np.float64]:
    import numpy as np

    cutoff = 0.95 * min(1.0, ratio)
    first = np.floor(at).astype(np.int64)[:, None] + np.arange(1, 2 * _HALF_TAPS + 1)
    distance = first - _HALF_TAPS - at[:, None]
    window = np.i0(8.0 * np.sqrt(np.clip(1 - (distance / _HALF_TAPS) ** 2, 0, None))) / np.i0(8.0)
    taps = cutoff * np.sinc(cutoff * distance) * window
    return np.asarray((padded[first.clip(0, len(padded) - 1)] * taps).sum(axis=1))
