"""How loud sound is: root mean square and peak, block by block. Pure; knows no device and no clock.

Pushed by whoever carries the sound, never by the callback of a device: numpy is imported when it is first needed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import attrs

from ..pcm import SAMPLE_RATE, Chunker, ms_to_samples

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BLOCK_MS: Final = 20
"""What one level is taken of: short enough for a meter that moves with the syllables."""

FLOOR: Final = -96.0
"""dBFS of silence, and of all that is softer than the smallest step of 16 bits."""

_FULL_SCALE: Final = 32768


@attrs.frozen
class Level:
    """How loud a block is, in dBFS: 0.0 is the loudest that 16 bits hold, ``FLOOR`` is silence.

    Attributes:
        rms: of the block as a whole, what a listener takes for its loudness. A sine that just fits has -3.0.
        peak: of its loudest sample; at 0.0 the sound is probably clipped.
    """

    rms: float
    peak: float


SILENCE: Final = Level(FLOOR, FLOOR)


def level_of(pcm: bytes) -> Level:
    """The level of all of ``pcm`` together: PCM16, whole samples. Nothing is silent."""
    import numpy as np

    samples: NDArray[np.float64] = np.frombuffer(pcm, "<i2").astype(np.float64)
    if not samples.size:
        return SILENCE
    return Level(_decibels(math.sqrt(np.mean(samples**2))), _decibels(float(np.max(np.abs(samples)))))


class Meter:
    """Measures sound that comes in pieces of any length.

    Args:
        sample_rate: samples per second.
    """

    def __init__(self, sample_rate: int = SAMPLE_RATE) -> None:
        self._blocks = Chunker(ms_to_samples(BLOCK_MS, sample_rate))

    def push(self, pcm: bytes) -> list[Level]:
        """Add sound; gives one level for each 20 ms that are now complete, in order."""
        return [level_of(block) for block in self._blocks.push(pcm)]


def _decibels(amplitude: float) -> float:
    return max(FLOOR, 20 * math.log10(amplitude / _FULL_SCALE)) if amplitude else FLOOR
