"""What has been learnt of a room: its noise, whether it has an echo, how late and how loud that is. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .delay import DelayMeter
from .expected import ExpectedEcho
from .frames import Powers
from .noise import RoomNoise
from .path import EchoPath
from .residual import AUDIBLE
from .voice import VoiceFinder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Acoustics:
    """For every frame ask for the ``voice`` in it, then ``learn`` from it.

    Attributes:
        noise: the room's.
    """

    def __init__(self) -> None:
        self.noise = RoomNoise()
        self._path = EchoPath()
        self._delay = DelayMeter()
        self._expected = ExpectedEcho()
        self._finder = VoiceFinder()

    @property
    def delay_ms(self) -> float | None:
        """By how much the echo lags behind the far end; None until that is sure."""
        return self._delay.ms

    @property
    def without_echo(self) -> bool:
        """Whether it is certain that the far end is not heard here."""
        return self._path.absent

    def voice(self, near: NDArray[np.float32], far: NDArray[np.float32], powers: Powers, *, silent: bool) -> bool:
        """Whether the user's voice is in this frame; ``silent``: nothing was played for longer than an echo lasts."""
        if silent:
            self._expected.rest()
        else:
            self._expected.add(near, far, audible=powers.far > AUDIBLE)
        return self._finder.add(powers, noise=self.noise.power, unexplained=self._expected.unexplained)

    def learn(
        self,
        near: NDArray[np.float32],
        far: NDArray[np.float32],
        powers: Powers,
        *,
        echo_possible: bool,
        double_talk: bool,
    ) -> None:
        """Learn from the frame what can be learnt from it."""
        if double_talk:
            self._expected.exclude()
        if not echo_possible:
            self.noise.add(near, powers.near)
        self._path.add(powers.near, powers.far, self.noise.power)
        if self._delay.add(near, far, powers.far):
            if self._path.find():
                self._finder = VoiceFinder()  # which does not trust the canceller until that has learnt the room
            self._expected.learn(self._delay.ms or 0.0)
