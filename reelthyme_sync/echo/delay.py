"""By how much the echo lags behind the far end: the generalised cross-correlation with phase transform. Pure.

Over the last second, at 4 kHz: once a second until an answer is found, then every other second. No answer is given
unless one peak stands out.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from .frames import FRAME, FRAMES_PER_SECOND
from .residual import AUDIBLE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_STEP: Final = 6
_RATE_KHZ: Final = 4
_WINDOW: Final = FRAMES_PER_SECOND
_RANGE: Final = FRAMES_PER_SECOND // 2
_FFT: Final = 8192
"""Points: the far end's 1.5 s and the lags, so that nothing wraps round into the range."""

_ACTIVE: Final = _WINDOW // 3
"""Frames of the far end that must be audible: a word or two."""

_STANDS_OUT: Final = 14.0
"""Standard deviations above which a peak is believed: without an echo they reach 9.4, with one they begin at 19."""


class DelayMeter:
    """Add every frame; ``ms`` is the last delay that was sure, or None."""

    def __init__(self) -> None:
        self.ms: float | None = None
        self._near: deque[NDArray[np.float32]] = deque(maxlen=_WINDOW)
        self._far: deque[NDArray[np.float32]] = deque(maxlen=_WINDOW + _RANGE)
        self._active = 0
        self._frames = 0

    def add(self, near: NDArray[np.float32], far: NDArray[np.float32], far_power: float) -> bool:
        """A frame of each, and the power of the far end's. Tells whether the delay was just measured, and is sure."""
        self._near.append(near)
        self._far.append(far)
        self._active += far_power > AUDIBLE
        self._frames += 1
        if self._frames < _WINDOW + _RANGE:
            return False
        sure = self._active >= _ACTIVE and self._measure()
        self._frames, self._active = _RANGE - (0 if self.ms is None else _WINDOW), 0
        return sure

    def _measure(self) -> bool:
        import numpy as np

        near = np.zeros((_WINDOW + _RANGE) * FRAME // _STEP, np.float32)
        near[_RANGE * FRAME // _STEP :] = _decimated(self._near)
        cross = np.fft.rfft(near, _FFT) * np.fft.rfft(_decimated(self._far), _FFT).conj()
        strength = np.abs(cross)
        correlation = np.fft.irfft(cross / (strength + strength.mean() + 1e-9), _FFT)
        lags = np.abs(correlation[: _RANGE * FRAME // _STEP])
        peak = int(lags.argmax())
        sure = bool(lags[peak] > _STANDS_OUT * correlation.std())
        if sure:
            self.ms = peak / _RATE_KHZ
        return sure


def _decimated(frames: deque[NDArray[np.float32]]) -> NDArray[np.float32]:
    """4 kHz, by sums of six: what folds down is the same in both ends, and helps."""
    import numpy as np

    sound = np.concatenate(frames).astype(np.float32).reshape(-1, _STEP)
    decimated: NDArray[np.float32] = sound.dot(np.ones(_STEP, np.float32))
    decimated -= decimated.mean()
    return decimated
