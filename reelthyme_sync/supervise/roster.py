"""Who is followed in this process: the places, taken before anybody connects and free when all is over."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from .._bell import Bell
from ..errors import AlreadyFollowed, TooManyCalls

if TYPE_CHECKING:
    from .followed_call import FollowedCall


class Roster:
    """So many places. Any thread.

    Args:
        limit: how many.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._changing = threading.Lock()
        self._left = Bell()
        self._calls: dict[str, FollowedCall | None] = {}  # None while it is being connected to
        self._closed = False

    def reserve(self, call_id: str) -> None:
        """Take a place.

        Raises:
            AlreadyFollowed: the call has one.
            TooManyCalls: there is none left, or there will be none any more.
        """
        with self._changing:
            if call_id in self._calls:
                raise AlreadyFollowed("This call is followed already")
            self._refuse_if_closed()
            if len(self._calls) >= self._limit:
                raise TooManyCalls(f"{self._limit} calls are followed, and that is the limit")
            self._calls[call_id] = None

    def enter(self, call: FollowedCall) -> None:
        """Take the place that was reserved.

        Raises:
            TooManyCalls: everybody was told to leave meanwhile.
        """
        with self._changing:
            self._refuse_if_closed()
            self._calls[call.call_id] = call

    def leave(self, call_id: str) -> None:
        """Free the place."""
        with self._changing:
            del self._calls[call_id]
        self._left.ring()

    def close(self) -> None:
        """Let nobody in any more."""
        with self._changing:
            self._closed = True

    def calls(self) -> list[FollowedCall]:
        """Those that are followed."""
        with self._changing:
            return [call for call in self._calls.values() if call is not None]

    def taken(self) -> int:
        """How many places are, those of calls that are being connected to among them."""
        with self._changing:
            return len(self._calls)

    def wait_until_left(self, timeout: float) -> bool:
        """Wait until all have gone but the one that waits. Tells whether they have."""
        return self._left.wait_for(lambda: len(self._calls) <= sum(call.runs_here for call in self.calls()), timeout)

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise TooManyCalls("The supervisor was closed, and follows no more calls")
