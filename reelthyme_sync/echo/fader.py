"""A gain that changes without a click. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .frames import FRAME

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def rising() -> NDArray[np.float32]:
    """A factor for each sample of a frame, evenly up to 1."""
    import numpy as np

    return np.arange(1, FRAME + 1, dtype=np.float32) / np.float32(FRAME)


class Fader:
    """Multiplies frames of sound. A new gain is reached at the end of a frame, evenly. At first it is 1."""

    def __init__(self) -> None:
        import numpy as np

        self._gain = 1.0
        self._steps = rising()
        self._pcm = np.dtype("<i2")

    def fade(
        self, sound: NDArray[np.float32], gain: float, behind: NDArray[np.float32] | None = None
    ) -> NDArray[np.int16]:
        """A frame, with what is ``behind`` it in the place of what is taken away."""
        before, self._gain = self._gain, gain
        if gain == before == 1.0:
            return sound.astype(self._pcm)  # whole numbers, as they came
        factors = before + (gain - before) * self._steps if gain != before else gain
        faded = sound * factors
        if behind is not None:
            faded += behind * (1 - factors)
        return faded.round().astype(self._pcm)
