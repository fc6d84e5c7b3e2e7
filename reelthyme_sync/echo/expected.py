"""The echo that is to be expected of what was played, band by band: what is louder is somebody's voice. Pure.

A canceller needs to know the path of the echo to the sample, and learns it again whenever that changes; until then what
it leaves over is as loud as a voice. How loud each band of the echo is at most does not change with the path, and is
known after a second of speech.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from ..pcm import SAMPLE_RATE
from .frames import FRAME, FRAME_MS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BANDS: Final = 20
_LOWEST_HZ: Final = 100
_HIGHEST_HZ: Final = 8000

_DIES: Final = 10 ** (-3 / 10)
"""In a frame: a room that dies away by 60 dB in 400 ms."""

_REMEMBERED: Final = 3000 // FRAME_MS
_ENOUGH: Final = 1000 // FRAME_MS
"""Frames with an audible far end that are learnt from, at least."""

_STRONG: Final = 10 ** (-25 / 10)
"""Against the loudest of a band: from what is softer nothing is learnt, as it drowns in the noise."""

_MOST: Final = 0.9
"""The part of the frames in which a band of the echo is no louder than it is expected to be, ..."""

_MARGIN: Final = 10 ** (6 / 10)
"""... and by how much louder it may still be then."""


class ExpectedEcho:
    """Add every frame, and learn whenever the delay has been measured.

    Attributes:
        unexplained: the part of the near end's power, in the last frame, that no echo accounts for, 0 to 1; None until
            the echo is known.
    """

    def __init__(self) -> None:
        import numpy as np

        self.unexplained: float | None = None
        lines = np.fft.rfftfreq(FRAME, 1 / SAMPLE_RATE)[:, None]
        edges = np.geomspace(_LOWEST_HZ, _HIGHEST_HZ, _BANDS + 1)
        self._members = ((edges[:-1] <= lines) & (lines < edges[1:])).astype(np.float32)
        self._window = np.hanning(FRAME).astype(np.float32)
        silent = np.zeros(_BANDS, np.float32)
        self._far = deque([silent, silent], maxlen=2)
        self._near: deque[NDArray[np.float32]] = deque(maxlen=_REMEMBERED)
        self._sounding = deque([silent], maxlen=_REMEMBERED)
        self._audible: deque[bool] = deque([False], maxlen=_REMEMBERED)
        self._voiced: deque[bool] = deque([False], maxlen=_REMEMBERED)
        self._lag = 0
        self._most: NDArray[np.float32] | None = None

    def add(self, near: NDArray[np.float32], far: NDArray[np.float32], *, audible: bool) -> None:
        """A frame of each, and whether the far end's is audible."""
        import numpy as np

        lines = np.abs(np.fft.rfft((near, far) * self._window)).astype(np.float32)
        heard, sounds = (lines * lines) @ self._members
        self._near.append(heard)
        self._sounding.append(np.maximum.reduce([sounds, *self._far, _DIES * self._sounding[-1]]))
        self._far.append(sounds)
        self._audible.append(audible)
        self._voiced.append(False)
        if self._most is not None:
            over = heard - self._most * self._sounding[-1 - self._lag]
            self.unexplained = float(over.clip(0).sum() / max(heard.sum(), 1.0))

    def rest(self) -> None:
        """In the place of a frame, while no echo is possible: what is heard is none, and nothing is to be learnt."""
        if self._most is not None:
            self.unexplained = 1.0

    def exclude(self) -> None:
        """There was a voice in the last frame: nothing is to be learnt of it."""
        self._voiced[-1] = True

    def learn(self, delay_ms: float) -> None:
        """The echo lags behind by so much: of what was heard so far, remember the most that it was of what sounded."""
        import numpy as np

        lag = max(0, round(delay_ms / FRAME_MS) - 1)  # what sounds is three frames, and the echo in the middle
        size = len(self._near) - lag
        audible, voiced = np.array(self._audible)[-size:], np.array(self._voiced)[-size:]
        alone = audible & ~voiced
        if lag != self._lag or alone.sum() < _ENOUGH:  # of an echo that is not where it was, all is taken for a voice
            alone = audible
        if alone.sum() < _ENOUGH:
            return
        self._lag = lag
        heard, sounding = np.array(self._near)[-size:], np.array(self._sounding)[-size - lag :][:size]
        strong = alone[:, None] & (sounding > _STRONG * sounding.max(axis=0))
        ratios = np.sort(np.where(strong, heard / np.maximum(sounding, 1.0), 0.0), axis=0)
        fewer = (1 - _MOST) * strong.sum(axis=0)  # from the end, since what is not strong comes first
        most = ratios[size - 1 - fewer.astype(int), np.arange(_BANDS)]
        self._most = _MARGIN * most.astype(np.float32)
