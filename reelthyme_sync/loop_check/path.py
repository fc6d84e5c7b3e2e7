"""The path from the speaker to the microphone: by how much the echo lags, and whether it still does. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..pcm import ms_to_samples

if TYPE_CHECKING:
    from .powers import Samples

_EARLIEST_MS: Final = 300
_LATEST_MS: Final = 1000
"""Where the echo is looked for. Before the sound itself: that is what two streams of which one lags look like."""

_CLEAR: Final = 20.0
"""How far the peak of an impulse response must stand out of its median. Noise alone has one of 8."""

_REGULAR: Final = 0.01
"""Of the mean power: frequencies that were played softer say nothing about the path."""

_NEARBY_MS: Final = 5
_SAME: Final = 0.75
"""Of the highest peak: speech shows a room's reflections in other proportions than the sweep does."""


def _impulse_response(heard: Samples, played: Samples) -> Samples:
    """The path from one to the other, as magnitudes: ``_EARLIEST_MS`` of lags below zero, then ``_LATEST_MS`` above."""
    import numpy as np

    size = 1 << (heard.size + played.size).bit_length()
    source = np.fft.rfft(played, size)
    power = np.abs(source) ** 2
    response = np.fft.irfft(np.fft.rfft(heard, size) * source.conj() / (power + _REGULAR * power.mean()), size)
    before, after = ms_to_samples(_EARLIEST_MS), ms_to_samples(_LATEST_MS)
    magnitudes: Samples = np.abs(np.r_[response[-before:], response[:after]])
    return magnitudes


def find_lag(heard: Samples, played: Samples) -> int | None:
    """Samples by which the echo comes after what was played; None if there is none."""
    import numpy as np

    if not heard.any() or not played.any():
        return None
    response = _impulse_response(heard, played)
    peak = int(response.argmax())
    return peak - ms_to_samples(_EARLIEST_MS) if response[peak] > _CLEAR * np.median(response) else None


def comes_after(lag: int, heard: Samples, played: Samples) -> bool:
    """Whether the echo of this part comes after so many samples."""
    if not heard.any() or not played.any():
        return False
    response = _impulse_response(heard, played)
    at, nearby = lag + ms_to_samples(_EARLIEST_MS), ms_to_samples(_NEARBY_MS)
    around = response[max(0, at - nearby) : at + nearby]
    return bool(around.max() > _SAME * response.max())
