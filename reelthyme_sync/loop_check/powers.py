"""How loud a recording is, without what is no sound: an offset, and the hum of the mains. Pure; samples as floats."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, TypeAlias

from ..audio.metering import FLOOR
from ..pcm import SAMPLE_RATE, ms_to_samples

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples: TypeAlias = NDArray[np.float64]

_BLOCK_MS: Final = 20
_HUM_HZ: Final = (60.0, 100.0)
"""Up to the first nothing counts, from the second on all does: neither an offset nor the mains' hum is an echo."""

_NOTHING: Final = 1 / 256  # the power of a sixteenth of a step of 16 bits


def noise_power(quiet: Samples) -> float:
    """The power of most blocks: a cough, or the click with which a device begins, is not the room."""
    import numpy as np

    return float(np.median(block_powers(quiet))) if quiet.size >= ms_to_samples(_BLOCK_MS) else 0.0


def block_powers(samples: Samples) -> Samples:
    """The mean square of every 20 ms."""
    size = ms_to_samples(_BLOCK_MS)
    blocks = samples[: samples.size // size * size].reshape(-1, size)
    powers: Samples = (blocks**2).mean(axis=1)
    return powers


def without_hum(samples: Samples) -> Samples:
    """What a high-pass leaves, nothing delayed."""
    import numpy as np

    if not samples.size:
        return samples
    low, high = _HUM_HZ
    share = np.clip((np.fft.rfftfreq(samples.size, 1 / SAMPLE_RATE) - low) / (high - low), 0, 1)
    passed: Samples = np.fft.irfft(np.sin(np.pi / 2 * share) ** 2 * np.fft.rfft(samples), samples.size)
    return passed


def power(samples: Samples) -> float:
    """The mean square; 0 of nothing."""
    return float((samples**2).mean()) if samples.size else 0.0


def decibels(power: float, other: float) -> float:
    """How far ``power`` is above another one; silence on either side leaves the figure finite."""
    return 10 * math.log10(max(power, _NOTHING) / max(other, _NOTHING))


def dbfs(power: float) -> float:
    """How loud that is, against the loudest that 16 bits hold."""
    return max(FLOOR, decibels(power, 32768.0**2))
