"""Whether a frame holds the user's voice, beside an echo or without one. Pure; knows only powers.

Once it is known how loud an echo is to be expected, what is louder is a voice. Until then the canceller has to tell: it
takes 25 to 35 dB off an echo, and little off a voice.
"""

from __future__ import annotations

from typing import Final

from .frames import FRAME_MS, Powers
from .noise import ABOVE
from .residual import AUDIBLE

VOICE: Final = 40.0**2
"""The power of a frame: no voice is softer."""

_UNEXPLAINED: Final = 0.1
"""The part of the near end's power that no echo accounts for. An echo has 0.01 in 99 frames of 100, and 0.11 from a
loudspeaker at its limits; a voice as loud as the echo has 0.18 in every other frame, one 6 dB softer in every fifth."""

_LEARNING: Final = 2000 // FRAME_MS
"""Audible frames of the far end for which the canceller is not asked, since it still learns the room: up to 1.8 s."""

_OPEN_AT: Final = 10 ** (-9 / 10)
"""The part of the near end's power that the canceller leaves of a voice at least, and of an echo rarely. At -10 dB an
echo passes with a drift of 100 ppm; at -8 dB a voice 6 dB below the echo does not."""

_ECHO_AT: Final = 10 ** (-15 / 10)
"""The part up to which it is certainly an echo."""

_ABOVE_REST: Final = 10 ** (8 / 10)
"""How much louder a voice is than what is left of the echo on the average: a steady noise, in whose favour the ratio
decides in every pause."""

_REST_SMOOTHING: Final = 0.1
_NEAR_FORGETS: Final = 0.5
"""In a frame: the canceller's output lags behind by 9 ms, so that it is compared with the loudest of late."""

_LEFT_SMOOTHING: Final = 0.5


class VoiceFinder:
    """Add every frame."""

    def __init__(self) -> None:
        self._heard = 0  # audible frames of the far end
        self._near = 0.0
        self._left = 0.0
        self._rest = 0.0  # what is left of an echo, on the average

    def add(self, powers: Powers, *, noise: float, unexplained: float | None) -> bool:
        """Whether this frame holds a voice.

        Args:
            powers: the frame's.
            noise: the power of the room's noise.
            unexplained: the part of the near end's power that no echo accounts for; None while that is not known.
        """
        self._follow(powers)
        least = max(VOICE, ABOVE * noise)
        if unexplained is not None:
            return unexplained > _UNEXPLAINED and unexplained * powers.near > least
        if self._heard < _LEARNING:
            return False
        return powers.left > max(least, _ABOVE_REST * self._rest) and self._left > _OPEN_AT * self._near

    def _follow(self, powers: Powers) -> None:
        self._heard += powers.far > AUDIBLE
        self._near = max(powers.near, _NEAR_FORGETS * self._near)
        self._left += _LEFT_SMOOTHING * (powers.left - self._left)
        if self._left < _ECHO_AT * self._near:
            self._rest += _REST_SMOOTHING * (powers.left - self._rest)
