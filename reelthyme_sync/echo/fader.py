"""A gain that changes without a click. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .frames import FRAME

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Fader:
    """Multiplies frames of sound. A new gain is reached at the end of a frame, evenly. At first it is 1."""

    def __init__(self) -> None:
        import numpy as np

        self._gain = 1.0
        self._steps = np.arange(1, FRAME + 1, dtype=np.float32) / np.float32(FRAME)
        self._pcm = np.dtype("<i2")

    def fade(self, sound: NDArray[np.float32], gain: float) -> NDArray[np.int16]:
        """A frame, at most as loud as it was."""
        before, self._gain = self._gain, gain
        if gain != before:
            sound = sound * (before + (gain - before) * self._steps)
        elif gain != 1.0:
            sound = sound * gain
        return sound.round().astype(self._pcm)
