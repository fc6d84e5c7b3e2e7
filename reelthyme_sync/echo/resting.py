"""WebRTC's canceller, which rests while there is nothing that it could take out. Pure."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from .fader import rising
from .frames import FRAME

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LATENCY: Final = 224
"""Samples by which the canceller delays a voice (measured, 500 to 3000 Hz); so does what takes its place."""

_PRIMING: Final = 3
"""Frames that it is given first when it goes on: its filters still hold what was before its rest."""


class RestingCanceller:
    """Is given every frame, needed or not; what comes out has the same delay either way, and passes without a click.

    AEC3 takes two thirds of all work, whether there is an echo or not.

    Args:
        processor: the canceller; int16 in, int16 out.
    """

    def __init__(self, processor: Any) -> None:
        import numpy as np

        self._float = np.dtype(np.float32)
        self._processor = processor
        self._rising = rising()
        # In the place of silence, with a power of 0.05. Of zeros AEC3 makes ever smaller numbers, down to those that
        # processors are slow with: after half a second it took 21 % of a core instead of 2.3 (measured).
        self._hiss = np.zeros(FRAME, np.int16)
        self._hiss[::40], self._hiss[20::40] = 1, -1
        self._begin()

    def _begin(self) -> None:
        import numpy as np

        self._resting = True
        self._last: deque[tuple[NDArray[np.int16], NDArray[np.int16]]] = deque(maxlen=_PRIMING)
        self._late = np.zeros(_LATENCY, self._float)

    def process(self, near: NDArray[np.int16], far: NDArray[np.int16] | None, *, needed: bool) -> NDArray[np.float32]:
        """What is left of the near end.

        Args:
            near: a frame.
            far: a frame; None for silence.
            needed: whether an echo of what was played may be in it.
        """
        was_resting, self._resting = self._resting, not needed
        far = self._hiss if far is None else far
        late = self._delayed(near)
        if self._resting and was_resting:
            self._last.append((near, far))
            return late
        if was_resting:
            for frames in self._last:
                self._processor.process(*frames)
        self._last.clear()
        left: NDArray[np.float32] = self._processor.process(near, far).astype(self._float)
        if self._resting != was_resting:
            left += (late - left) * (self._rising if self._resting else 1 - self._rising)
        return left

    def reset(self) -> None:
        """Forget the room, and what was before."""
        self._processor.reset()
        self._begin()

    def _delayed(self, near: NDArray[np.int16]) -> NDArray[np.float32]:
        import numpy as np

        sound: NDArray[np.float32] = np.concatenate((self._late, near), dtype=np.float32)
        self._late = sound[FRAME:]
        return sound[:FRAME]
