"""A sound of which every few milliseconds tell where in it they belong: noise, found again by correlation.

No period, no repetition, and its samples are those of a seed: what a microphone heard of it can be located to the
sample, in any order and after any gap. Between 300 and 6000 Hz, where resamplers on the way leave it as it is.
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
from measuring import Samples

from reelthyme_sync.pcm import SAMPLE_RATE, ms_to_samples

PEAK = 20_000
BAND = (300.0, 6000.0)
LIKE = 0.995
"""What comes through the sound card is its original to 0.9999. A stretch of 20 ms in which one is silent or belongs
elsewhere is below this; what is not of the code at all reaches 0.4."""

Floats = np.ndarray[Any, np.dtype[np.float64]]


@attrs.frozen
class Found:
    """Where a stretch belongs.

    Attributes:
        position: of its first sample, in samples from the beginning of the code.
        likeness: its correlation with the original there, 1 for the same.
    """

    position: int
    likeness: float


class PositionCode:
    """``ms`` milliseconds of it, as PCM16."""

    def __init__(self, ms: float, *, seed: int = 1) -> None:
        size = ms_to_samples(ms)
        spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(size))
        frequencies = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
        spectrum[(frequencies < BAND[0]) | (frequencies > BAND[1])] = 0
        noise = np.fft.irfft(spectrum, size)
        self.samples: Samples = (noise * (PEAK / np.abs(noise).max())).astype("<i2")
        self.pcm = self.samples.tobytes()

    def find(self, stretch: Samples) -> Found:
        """Where in the code it belongs."""
        return self.find_near(stretch, self.samples.size // 2, within=self.samples.size)

    def find_near(self, stretch: Samples, position: int, *, within: int) -> Found:
        """Where it belongs, at most so many samples before or after a position."""
        first = max(0, position - within)
        original = self.samples[first : position + within + stretch.size].astype(float)
        matches = _correlate(original, stretch.astype(float))
        best = int(np.argmax(matches))
        energy = np.linalg.norm(original[best : best + stretch.size]) * np.linalg.norm(stretch.astype(float))
        return Found(first + best, float(matches[best] / energy) if energy else 0.0)


def _correlate(whole: Floats, part: Floats) -> Floats:
    """One figure for each place at which the part lies within the whole."""
    size = 1 << (whole.size + part.size).bit_length()
    product = np.fft.rfft(whole, size) * np.conj(np.fft.rfft(part, size))
    return np.fft.irfft(product, size)[: whole.size - part.size + 1]
