"""Calls that are made when their time has come, on one thread, which lives only while there are any to wait for."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
from collections.abc import Callable
from time import monotonic

import attrs

from ._worker import Worker, log_failure

log = logging.getLogger("reelthyme_sync")


@attrs.frozen(order=True)
class _Due:
    at: float
    number: int
    ring: Callable[[], None] = attrs.field(order=False)


class Alarm:
    """Rings when it is time. Any thread may set it.

    Args:
        name: of the thread: ``reelthyme-ROLE-N``.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._due: list[_Due] = []
        self._waits = False

    def set(self, seconds: float, ring: Callable[[], None]) -> Callable[[], None]:
        """Call ``ring`` in so many seconds. Gives what calls that off; which may be too late, and then does nothing.

        Args:
            seconds: from now.
            ring: is called without any lock, and must not take long: others may be due.
        """
        due = _Due(monotonic() + seconds, next(self._numbers), ring)
        with self._changed:
            if not self._waits:
                Worker(self._name, self._run, log_failure).start()  # first: where no thread can start, nothing is set
                self._waits = True
            heapq.heappush(self._due, due)
            self._changed.notify()
        return lambda: self._call_off(due)

    def close(self) -> None:
        """Call everything off."""
        with self._changed:
            self._due.clear()
            self._changed.notify()

    def _call_off(self, due: _Due) -> None:
        with self._changed:
            if due in self._due:
                self._due.remove(due)
                heapq.heapify(self._due)
                self._changed.notify()

    def _run(self) -> None:
        while (due := self._next()) is not None:
            try:
                due.ring()
            except Exception:  # what is due later must ring all the same
                log.exception("%s: a call failed", self._name)

    def _next(self) -> _Due | None:
        """Wait for the next that is due. None if there is none: the thread ends, and the next ``set`` begins one."""
        with self._changed:
            while self._due:
                remaining = self._due[0].at - monotonic()
                if remaining <= 0:
                    return heapq.heappop(self._due)
                self._changed.wait(remaining)
            self._waits = False
            return None
