"""Sleeping until something has changed, so that Ctrl-C ends the sleep at any moment.

A ``Condition`` will not do where the main thread waits. Ctrl-C that comes after Python's last look for signals, and
before that thread sleeps, wakes nobody: 3 of 2,093 that were sent just then. And one that interrupts a condition at the
wrong moment makes it let go of a lock that it does not have: 2 of 8,000.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable
from math import inf
from time import monotonic
from typing import Final

LOOK_UP_EVERY: Final = 0.5
"""Seconds that the main thread sleeps at most, before it lets Python look for signals."""


class Bell:
    """Wakes everybody who waits. Whoever changes what others wait for rings it afterwards."""

    def __init__(self) -> None:
        self._sleepers: deque[threading.Lock] = deque()  # taken: each waits for its own

    def ring(self) -> None:
        """Have everybody who waits look again. Any thread; cheap when nobody does."""
        if self._sleepers:
            for sleeper in tuple(self._sleepers):
                with contextlib.suppress(RuntimeError):  # somebody else has just woken it
                    sleeper.release()

    def wait_for(self, condition: Callable[[], bool], timeout: float | None = None) -> bool:
        """Wait until the condition holds, which is asked at each ring; False if it does not in that many seconds."""
        if condition():
            return True
        deadline = inf if timeout is None else monotonic() + timeout
        longest = LOOK_UP_EVERY if threading.current_thread() is threading.main_thread() else threading.TIMEOUT_MAX
        news = threading.Lock()
        news.acquire()
        self._sleepers.append(news)  # before the next look: what changes after that rings for us
        try:
            while not condition():
                if (left := deadline - monotonic()) <= 0:
                    return False
                news.acquire(timeout=min(left, longest))
        finally:
            self._sleepers.remove(news)
        return True
