"""Near end and far end in frames of 20 ms, whatever they come in. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from attrs import frozen

from ..pcm import BYTES_PER_SAMPLE, SAMPLE_RATE, ms_to_samples

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FRAME_MS: Final = 20
"""Half of the work of frames of 10 ms, for what numpy takes is the number of its calls; a voice is noticed as early."""

FRAME: Final = ms_to_samples(FRAME_MS)
"""Samples in a frame."""

FRAMES_PER_SECOND: Final = SAMPLE_RATE // FRAME
_SIZE: Final = FRAME * BYTES_PER_SAMPLE


@frozen
class Powers:
    """The mean squares of a frame: of the near end, of the far end, and of what the canceller left of the near end."""

    near: float
    far: float
    left: float


class Frames:
    """Pairs of frames, near and far, each an array of ``FRAME`` samples."""

    def __init__(self) -> None:
        self._near = b""
        self._far = b""

    def push(self, near: bytes, far: bytes) -> Iterator[tuple[NDArray[np.int16], NDArray[np.int16]]]:
        """Add sound; gives the pairs that are now complete.

        Raises:
            ValueError: the two differ in length, or end within a sample.
        """
        if len(near) != len(far):
            raise ValueError(f"{len(near)} bytes of the near end do not go with {len(far)} of the far end")
        if len(near) % BYTES_PER_SAMPLE:
            raise ValueError(f"{len(near)} bytes are no whole number of 16-bit samples")
        near, far = self._near + near, self._far + far
        whole = len(near) // _SIZE * _SIZE
        self._near, self._far = near[whole:], far[whole:]
        return _pairs(near[:whole], far[:whole])

    def rest(self) -> tuple[Iterator[tuple[NDArray[np.int16], NDArray[np.int16]]], int]:
        """What fills no frame, filled up with silence, and how many bytes of it are sound. Nothing from then on."""
        near, far, self._near, self._far = self._near, self._far, b"", b""
        filled = _SIZE if near else 0
        return _pairs(near.ljust(filled, b"\0"), far.ljust(filled, b"\0")), len(near)


def _pairs(near: bytes, far: bytes) -> Iterator[tuple[NDArray[np.int16], NDArray[np.int16]]]:
    import numpy as np

    for offset in range(0, len(near), _SIZE):
        yield np.frombuffer(near, "<i2", FRAME, offset), np.frombuffer(far, "<i2", FRAME, offset)


def power(sound: NDArray[np.float32]) -> float:
    """The mean square of a frame."""
    return float(sound.dot(sound)) / FRAME
