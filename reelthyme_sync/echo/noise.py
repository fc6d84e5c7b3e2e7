"""The noise of the room: how loud it is, and some of it to put in the place of an echo. Pure.

Where an echo is suppressed, silence would stand out of the noise before and after it: a turn detector takes the return
of the noise for a voice (measured, from -54 dBFS on).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from .frames import FRAME_MS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ABOVE: Final = 10 ** (6 / 10)
"""How much more power than the noise on the average a frame has that is more than noise."""

_SMOOTHING: Final = 0.36
_SPAN: Final = 500 // FRAME_MS
_SPANS: Final = 10
"""In 5 s even somebody who speaks all the time takes a breath: the softest moment is the noise."""

_SOFTEST: Final = 1.5
"""The noise on the average has that much more power than at its softest moment in so long a time."""

_KEPT: Final = 1000 // FRAME_MS


class RoomNoise:
    """Add every frame in which neither the far end nor its echo is heard.

    Attributes:
        power: its mean square on the average; 0 at first.
    """

    def __init__(self) -> None:
        self.power = 0.0
        self._smooth: float | None = None
        self._softest: deque[float] = deque([float("inf")], maxlen=_SPANS)  # of each span
        self._frames_left = _SPAN
        self._kept: deque[tuple[float, NDArray[np.float32]]] = deque(maxlen=_KEPT)

    def add(self, frame: NDArray[np.float32], power: float) -> None:
        """A frame of the near end, and its power."""
        self._smooth = power if self._smooth is None else self._smooth + _SMOOTHING * (power - self._smooth)
        self._softest[-1] = min(self._softest[-1], self._smooth)
        self.power = _SOFTEST * min(self._softest)
        if power <= ABOVE * self.power:
            self._kept.append((power, frame))
        self._frames_left -= 1
        if not self._frames_left:
            self._frames_left = _SPAN
            self._softest.append(self._smooth)

    def more(self) -> NDArray[np.float32] | None:
        """A frame of it, as it once was heard; None if it never was. One that turns out to be a voice is forgotten."""
        while self._kept:
            power, frame = self._kept.popleft()
            if power <= ABOVE * self.power:
                self._kept.append((power, frame))
                return frame
        return None
