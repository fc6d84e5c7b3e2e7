"""The residual echo suppressor: what an echo canceller leaves over becomes inaudible. Pure.

Knows only the power of frames. The canceller takes 25 to 35 dB off an echo, and little off a voice at the microphone:
the ratio tells them apart. It also leaves a steady noise while the far end speaks, in whose favour the ratio would
decide in every pause: so a voice has to be louder than what is left of the echo at other times, too.
"""

from __future__ import annotations

from typing import Final

from .frames import FRAME_MS

AUDIBLE: Final = 100.0**2
"""The power of a frame of the far end from which on its echo counts."""

VOICE: Final = 40.0**2
"""The power of a frame: no voice is softer."""

_ECHO_LASTS: Final = 600 // FRAME_MS
"""Frames after the far end in which its echo may still come: 400 ms of latency, 200 ms of reverberation."""

_LEARNING: Final = 1200 // FRAME_MS
"""Audible frames of the far end for which no voice is believed: the canceller still learns the room, and what it leaves
over is as loud as a voice (measured: for 0.4 to 1 s)."""

_OPEN_AT: Final = 10 ** (-9 / 10)
"""The part of the near end's power that the canceller leaves of a voice at least, and of an echo rarely. At -10 dB an
echo passes with a drift of 100 ppm; at -8 dB a voice 6 dB below the echo does not."""

_ECHO_AT: Final = 10 ** (-15 / 10)
"""The part up to which it is certainly an echo."""

_ABOVE_REST: Final = 10 ** (8 / 10)
"""How much louder a voice is than what is left of the echo on the average."""

_REST_SMOOTHING: Final = 0.05
_IN_A_ROW: Final = 3
"""Frames: the canceller lets one or two of the echo pass at a hard onset."""

_HOLD: Final = 250 // FRAME_MS
"""Frames for which it stays open, so that no word is chopped."""

_NEAR_FORGETS: Final = 0.7
"""In a frame: the canceller's output lags behind by 9 ms, so that it is compared with the loudest of late."""

_LEFT_SMOOTHING: Final = 0.3
_CLOSED: Final = 10 ** (-30 / 20)
_CLOSED_LEARNING: Final = 10 ** (-50 / 20)
_CLOSING: Final = 0.8


class ResidualSuppressor:
    """Says frame by frame how much of the canceller's output passes."""

    def __init__(self) -> None:
        self._heard = 0  # audible frames of the far end
        self._since_far = _ECHO_LASTS
        self._near = 0.0
        self._left = 0.0
        self._rest = 0.0  # what is left of an echo, on the average
        self._loud = 0
        self._hold = 0
        self._gain = 1.0

    @property
    def echo_possible(self) -> bool:
        """Whether the far end is audible, or was so lately that its echo may be."""
        return self._since_far < _ECHO_LASTS

    @property
    def double_talk(self) -> bool:
        """Whether the user speaks where an echo is possible."""
        return self._hold > 0 and self.echo_possible

    @property
    def far_end_only(self) -> bool:
        """Whether an echo is possible, and the user has not spoken for half a second."""
        return self._gain <= _CLOSED

    def gain(self, near: float, far: float, left: float) -> float:
        """The factor at the end of this frame; from that of the last frame it is to change evenly.

        Args:
            near: the power of the near end.
            far: the power of the far end.
            left: the power of what the canceller left of the near end.
        """
        self._listen(near, far, left)
        self._loud = self._loud + 1 if self._like_a_voice(left) else 0
        self._hold = _HOLD if self._loud >= _IN_A_ROW else max(0, self._hold - 1)
        shut = self.echo_possible and not self.double_talk
        self._gain = max(self._closed, _CLOSING * self._gain) if shut else 1.0  # opens at once, closes slowly
        return self._gain

    @property
    def _learning(self) -> bool:
        return self._heard < _LEARNING

    @property
    def _closed(self) -> float:
        return _CLOSED_LEARNING if self._learning else _CLOSED

    def _listen(self, near: float, far: float, left: float) -> None:
        audible = far > AUDIBLE
        self._heard += audible
        self._since_far = 0 if audible else self._since_far + 1
        self._near = max(near, _NEAR_FORGETS * self._near)
        self._left += _LEFT_SMOOTHING * (left - self._left)
        if self.echo_possible and self._left < _ECHO_AT * self._near:
            self._rest += _REST_SMOOTHING * (left - self._rest)

    def _like_a_voice(self, left: float) -> bool:
        if self._learning and self.echo_possible:
            return False
        return left > max(VOICE, _ABOVE_REST * self._rest) and self._left > _OPEN_AT * self._near
