"""The residual echo suppressor: puts the room's noise in the place of what a canceller leaves over. Pure.

Knows only whether the far end is audible, and whether the user speaks. A canceller takes 25 to 35 dB off an echo, and
nothing at all while it learns the room: what is left is often louder than a turn detector's idea of silence.
"""

from __future__ import annotations

from typing import Final

from .frames import FRAME_MS

AUDIBLE: Final = 100.0**2
"""The power of a frame of the far end from which on its echo counts."""

ECHO_LASTS: Final = 600 // FRAME_MS
"""Frames after the far end in which its echo may still come: 400 ms of latency, 200 ms of reverberation."""

_IN_A_ROW: Final = 2
"""Frames with a voice, more or less: one is an echo that begins hard."""

_AT_MOST: Final = 2 * _IN_A_ROW
_HOLD: Final = 240 // FRAME_MS
"""Frames for which it stays open, so that no word is chopped."""

_CLOSED: Final = 10 ** (-50 / 20)
"""An echo of full scale comes out below what counts as a voice anywhere."""

_CLOSING: Final = 0.64


class ResidualSuppressor:
    """Says frame by frame how much of the canceller's output passes."""

    def __init__(self) -> None:
        self._since_far = ECHO_LASTS
        self._voiced = 0
        self._hold = 0
        self._gain = 1.0

    @property
    def echo_possible(self) -> bool:
        """Whether the far end is audible, or was so lately that its echo may be."""
        return self._since_far < ECHO_LASTS

    @property
    def double_talk(self) -> bool:
        """Whether the user speaks where an echo is possible."""
        return self._hold > 0 and self.echo_possible

    @property
    def far_end_only(self) -> bool:
        """Whether an echo is possible, and the user has not spoken for half a second."""
        return self._gain <= _CLOSED

    def gain(self, far: float, *, voice: bool) -> float:
        """The factor at the end of this frame; from that of the last frame it is to change evenly.

        Args:
            far: the power of the far end.
            voice: whether this frame holds the user's voice.
        """
        self._since_far = 0 if far > AUDIBLE else self._since_far + 1
        self._voiced = min(self._voiced + 1, _AT_MOST) if voice else max(self._voiced - 1, 0)
        self._hold = _HOLD if self._voiced >= _IN_A_ROW else max(0, self._hold - 1)
        shut = self.echo_possible and not self.double_talk
        self._gain = max(_CLOSED, _CLOSING * self._gain) if shut else 1.0  # opens at once, closes slowly
        return self._gain
