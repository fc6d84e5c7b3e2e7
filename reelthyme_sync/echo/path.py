"""Whether there is a way from the speaker to the microphone at all. Pure; knows only the power of frames.

With a headset there is none. The canceller needs 5 to 20 s to find that out, and until then takes a user who interrupts
for an echo: 22 to 29 dB were taken off him (measured).
"""

from __future__ import annotations

from typing import Final

from .frames import FRAME_MS, FRAMES_PER_SECOND
from .noise import ABOVE
from .residual import AUDIBLE
from .voice import VOICE

_ENOUGH: Final = 600 // FRAME_MS
"""Frames of an audible far end; of an echo that lags by 400 ms something would have come."""

_SOFTER: Final = 10 ** (-38 / 10)
"""The near end's loudest frame, against the far end's loudest: what else may come is no louder than a whisper."""

_FORGOTTEN: Final = FRAMES_PER_SECOND
"""That is, the second in which the delay is measured."""


class EchoPath:
    """Add every frame.

    Attributes:
        absent: for 0.6 s the far end has been loud, and nothing of it was heard. From then on what is heard is not an
            echo, until one is certain.
    """

    def __init__(self) -> None:
        self.absent = False
        self._since_sound = _FORGOTTEN
        self._near = self._far = 0.0
        self._frames = 0

    def add(self, near: float, far: float, noise: float) -> None:
        """The power of a frame of each, and that of the room's noise."""
        self._since_sound += 1
        if near > max(VOICE, ABOVE * noise):
            self._since_sound = 0
            self._begin()
        elif far > AUDIBLE:
            self._frames += 1
            self._near, self._far = max(self._near, near), max(self._far, far)
            self.absent = self.absent or (self._frames >= _ENOUGH and self._near < _SOFTER * self._far)

    def find(self) -> bool:
        """The near end was seen to follow the far end. Tells whether that is an echo after all, and it was missing.

        What is no louder than the noise is none: something always leaks out of a headset.
        """
        found = self.absent and self._since_sound < _FORGOTTEN
        if found:
            self.absent = False
            self._begin()
        return found

    def _begin(self) -> None:
        self._frames = 0
        self._near = self._far = 0.0
