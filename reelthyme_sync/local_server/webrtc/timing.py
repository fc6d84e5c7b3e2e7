"""The time of a call's two streams: when a frame is due, and what a stream lacks. Pure: knows no peer and no clock."""

from __future__ import annotations

from typing import Final

FRAME_SECONDS: Final = 0.02
"""What one packet of sound lasts."""

_MAY_LAG: Final = 0.1
"""Seconds of lateness that are made up for, by frames one right after the other; the far side's jitter buffer has room
for them. A loop that stood still longer would send a burst."""

_MAY_LACK: Final = 1.0
"""Seconds that packets can be missing for; a longer jump of the time stamps is another stream."""


class Slots:
    """When the frames that we send are due: each a frame's time after the one before, however long the work took.

    Slots that were missed by more than 0.1 s stay empty. Their sound is not lost, it goes into the slots that follow.
    """

    def __init__(self) -> None:
        self._start: float | None = None
        self._slot = -1

    def take(self, now: float) -> tuple[int, float]:
        """The number of the next slot, and the seconds until it is due. The first one is due at once.

        Args:
            now: seconds, of a clock that never goes back.
        """
        if self._start is None:
            self._start = now
        self._slot += 1
        late = now - self._due()
        if late > _MAY_LAG:
            self._slot += round(late / FRAME_SECONDS)
        return self._slot, max(0.0, self._due() - now)

    def _due(self) -> float:
        assert self._start is not None
        return self._start + self._slot * FRAME_SECONDS


class Gaps:
    """What a stream that we receive lacks: packets that were lost or never sent take time all the same."""

    def __init__(self) -> None:
        self._expected: float | None = None
        self._waited = 0.0

    def waited(self, seconds: float) -> None:
        """Nothing came for so long, and silence was taken instead."""
        self._waited += seconds

    def before(self, start: float, seconds: float) -> float:
        """The seconds of silence that belong before a frame.

        Args:
            start: where in its stream the frame begins, by its time stamp, in seconds.
            seconds: how long it is.
        """
        lack = 0.0 if self._expected is None else start - self._expected - self._waited
        self._expected = start + seconds
        self._waited = 0.0
        return lack if 0.0 < lack <= _MAY_LACK else 0.0
