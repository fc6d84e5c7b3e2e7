"""When a reply may begin to sound: early, but with enough in hand that it need not stop again. Pure: told the time.

Audio comes in bursts. Whoever plays the first one at once falls silent before the second, if that is late; whoever
waits for long answers slowly. How late bursts are is seen from those that have come. Its owner guards it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Final

import attrs

WORST_BURST_MS: Final = 300.0
"""By how much delivery is believed to fall behind before any was seen."""

MARGIN_MS: Final = 40.0
"""On top of what was seen: a block of ours, one of the device, and a thread that wakes late."""

SHORTEST_MS: Final = 60.0
LONGEST_MS: Final = 500.0

REMEMBERED: Final = 8
"""Replies. The target follows the worst of them."""


@attrs.define
class _Delivery:
    """How one part has come so far.

    Attributes:
        part: which.
        began: when its first piece came.
        first_ms: how long that was.
        target_ms: what it needs in hand before it begins; 0 for a part that is not held.
        received_ms: how much has come.
        lag_ms: by how much it has fallen behind real time at worst. The first piece is not counted as a lead, because
            that of the next part may be small.
        lead_ms: by how much it was ahead of real time when the last piece came.
        complete: no more will come.
    """

    part: Hashable
    began: float
    first_ms: float
    target_ms: float
    received_ms: float = 0.0
    lag_ms: float = 0.0
    lead_ms: float = 0.0
    complete: bool = False

    def receive(self, ms: float, now: float) -> None:
        ahead_ms = self.received_ms - (now - self.began) * 1000
        self.lag_ms = max(self.lag_ms, min(self.first_ms, self.received_ms) - ahead_ms)
        self.lead_ms = ahead_ms + ms
        self.received_ms += ms

    def wait(self, now: float) -> float:
        if self.complete or self.received_ms >= self.target_ms:
            return 0.0
        return max(0.0, self.began + self.target_ms / 1000 - now)


class Prebuffer:
    """Holds back the beginning of a reply. Times are in seconds of any clock, lengths in milliseconds of sound.

    A reply begins when it is complete, when the target is in hand, or when as much time has passed since its first
    piece: then it has had its chance, and a trickle is not held for ever. Once begun it is never held again.
    """

    def __init__(self) -> None:
        self._lags = deque([WORST_BURST_MS], REMEMBERED)
        self._delivery: _Delivery | None = None

    @property
    def target_ms(self) -> float:
        """What the next reply needs in hand, or must wait for, before it begins."""
        lag = max([*self._lags, self._delivery.lag_ms if self._delivery else 0.0])
        return min(max(lag + MARGIN_MS, SHORTEST_MS), LONGEST_MS)

    def receive(self, part: Hashable, ms: float, now: float, *, gap: bool) -> None:
        """Note a piece of a part, as it arrives.

        Args:
            part: whatever tells one from the next.
            ms: its length.
            now: the time.
            gap: nothing else is sounding or about to. A part that follows without one is not held.
        """
        if self._delivery is None or self._delivery.part != part:
            self._learn()
            self._delivery = _Delivery(part, now, ms, self.target_ms if gap else 0.0)
        self._delivery.receive(ms, now)

    def complete(self, part: Hashable = None) -> None:
        """All of the part has come; without one, of whichever it is."""
        if self._delivery is not None and part in (None, self._delivery.part):
            self._delivery.complete = True

    def starve(self, ms: float) -> None:
        """Note that the part fell silent for so long because the next piece was late: more in hand had bridged it."""
        if self._delivery is not None:
            self._delivery.lag_ms = max(self._delivery.lag_ms, self._delivery.target_ms - MARGIN_MS + ms)

    def wait(self, now: float) -> float:
        """Seconds until what has come may sound, if no more comes; 0.0 when it may."""
        return self._delivery.wait(now) if self._delivery is not None else 0.0

    def _learn(self) -> None:
        if self._delivery is None:
            return
        if self._delivery.lead_ms > LONGEST_MS:  # more than any burst: a service that runs ahead
            self._lags.clear()
        self._lags.append(self._delivery.lag_ms)
        self._delivery = None
