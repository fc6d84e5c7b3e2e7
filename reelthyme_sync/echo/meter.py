"""How loud the echo is, and how much of it is left. Pure; knows only the power of frames."""

from __future__ import annotations

import math
from collections import deque
from typing import Final

from .frames import FRAME_MS
from .voice import VOICE

_FRAMES: Final = 2000 // FRAME_MS

_AT_LEAST: Final = 200 // FRAME_MS
"""Frames without which nothing is said."""


class EchoMeter:
    """Compares powers over the last 2 s in which only the far end was heard."""

    def __init__(self) -> None:
        self._recent: deque[tuple[float, float, float]] = deque(maxlen=_FRAMES)

    def add(self, near: float, far: float, out: float) -> None:
        """The powers of a frame in which nobody but the far end is heard."""
        self._recent.append((near, far, out))

    def losses(self) -> tuple[float | None, float | None]:
        """ERLE and ERL in dB; None while no echo has been met: what is softer than any voice is noise."""
        near, far, out = map(sum, zip(*self._recent, strict=True)) if self._recent else (0.0, 0.0, 0.0)
        if len(self._recent) < _AT_LEAST or near < VOICE * len(self._recent):
            return None, None
        return _db(near / max(out, 1.0)), _db(max(far, 1.0) / near)


def _db(ratio: float) -> float:
    return round(10 * math.log10(ratio), 1)
