"""How long a room goes on sounding after the speaker has fallen silent: latency and reverberation. Pure.

Measured at the first end of the assistant's speech at which it can be. An echo goes on without a gap, and is over
within a second: where the microphone hears more than that, somebody speaks, and the next end is waited for.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from .frames import FRAME_MS
from .voice import VOICE

_SPEECH: Final = 500 // FRAME_MS
"""Frames for which the far end must have been audible."""

_PAUSE: Final = 300 // FRAME_MS
"""Frames without sound up to which the same speech goes on."""

_WATCHED: Final = 1200 // FRAME_MS
_LONGEST_MS: Final = 1000
_TOGETHER: Final = 60 // FRAME_MS
"""Frames that are judged together; as many are added to what was measured, which is the shortest tail."""

_ABOVE_FLOOR: Final = 10 ** (6 / 10)
_GAP: Final = 160 // FRAME_MS
"""Frames of quiet after which what is heard is something else."""


class TailMeter:
    """Add every frame; ``ms`` is the length of the tail, between 60 and 1000 ms, or None until it was measured."""

    def __init__(self) -> None:
        self.ms: float | None = None
        self._audible = 0  # frames of this speech
        self._after: list[float] = []  # powers of the near end since

    def add(self, near: float, *, audible: bool) -> None:
        """The power of a frame of the near end, and whether the far end is audible in it."""
        if self.ms is not None:
            return
        if audible:
            self._audible = self._audible + 1 if len(self._after) < _PAUSE else 1
            self._after = []
        elif self._audible:
            self._after.append(near)
            if len(self._after) == _WATCHED:
                self.ms = _length(self._after) if self._audible >= _SPEECH else None
                self.forget()

    def forget(self) -> None:
        """Another sound begins. What was measured holds."""
        self._audible, self._after = 0, []


def _length(after: list[float]) -> float | None:
    """Milliseconds until these powers are down at their floor for good; None if that was no echo."""
    levels = [sum(after[start : start + _TOGETHER]) / _TOGETHER for start in range(len(after) - _TOGETHER + 1)]
    threshold = max(VOICE, _ABOVE_FLOOR * min(levels))
    loud = [0, *(number for number, level in enumerate(levels) if level > threshold)]
    if any(later - number > _GAP for number, later in pairwise(loud)):
        return None
    ms = (loud[-1] + _TOGETHER) * FRAME_MS
    return ms if ms <= _LONGEST_MS else None
