"""A queue with an end: between the caller's thread and the reader or the writer.

A ``queue.Queue`` carries the items. What it lacks is added: an end that stays (every later ``get`` meets it), a ``put``
that tells whether it came before the end, and a bound that can be lifted while somebody waits for room. Who takes an
item takes no lock: reader and consumer, holding each other up at one, took twice as long; and SIGTERM stops a main
thread that is putting one in, lock and all, while the writer is still to send what is there: once in 30 ends it could
not.
"""

from __future__ import annotations

import contextlib
import queue
from collections import deque
from collections.abc import Callable, Iterator
from math import inf
from time import monotonic
from typing import Generic, TypeVar

from ._bell import Bell

T = TypeVar("T")


class MailboxEnded(Exception):
    """Nothing more will come."""


class Mailbox(Generic[T]):
    """First in, first out, until it ends.

    Args:
        max_queue: items that may wait here before ``put`` blocks; 0 means no bound.
    """

    def __init__(self, max_queue: int = 0) -> None:
        waiting: queue.Queue[T] = queue.Queue()
        self._items: deque[T] = waiting.queue  # its own operations are atomic
        self._lock = waiting.mutex  # of those who put in, or end
        self._news = Bell()  # or ended
        self._room = Bell()  # or none needed any more
        self._max_queue = max_queue
        self._ended = False

    def put(self, item: T, timeout: float | None = None) -> bool:
        """Add an item. False if the end came first: the item is not in the mailbox.

        Raises:
            TimeoutError: there was no room for that long.
        """
        deadline = inf if timeout is None else monotonic() + timeout
        while True:
            with self._lock:
                if self._ended:
                    return False
                if self._takes():
                    self._append(item)
                    return True
            if not self._room.wait_for(self._takes, deadline - monotonic()):
                raise TimeoutError

    def push(self, item: T) -> bool:
        """Add an item although there may be no room, and without waiting. False if the end came first."""
        with self._lock:
            if not self._ended:
                self._append(item)
            return not self._ended

    def get(self, timeout: float | None = None) -> T:
        """Take the oldest item.

        Raises:
            TimeoutError: none came in that time.
            MailboxEnded: all have been taken, and there will be no more.
        """
        if not self._items:
            self._await(timeout)
        try:
            item = self._items.popleft()
        except IndexError:
            return self.get(timeout)  # somebody else was quicker
        if self._max_queue:
            self._room.ring()
        return item

    @property
    def bounded(self) -> bool:
        """Whether a ``put`` may block."""
        return self._max_queue > 0

    def sift(self, keep: Callable[[T], bool]) -> None:
        """Take out those of the waiting items that ``keep``, asked in order, does not. One thread at a time."""
        waiting = list(self._take_all())
        kept = [item for item in waiting if keep(item)]  # outside of the lock: it is the user's code
        with self._lock:
            self._items.extendleft(reversed(kept))
            self._news.ring()
            self._room.ring()

    def rest(self) -> list[T]:
        """Take all that is left in a mailbox that has ended."""
        return list(self._take_all())

    def end(self) -> None:
        """Let nothing more in. What is in it already can still be taken. Idempotent."""
        with self._lock:
            self._ended = True
            self._news.ring()
            self._room.ring()

    def lift_bound(self) -> None:
        """Let every blocked ``put`` go on, and never block one again."""
        with self._lock:
            self._max_queue = 0
            self._room.ring()

    def _append(self, item: T) -> None:
        self._items.append(item)
        self._news.ring()

    def _await(self, timeout: float | None) -> None:
        if not self._news.wait_for(self._gives, timeout):
            raise TimeoutError
        if not self._items and self._ended:
            raise MailboxEnded

    def _take_all(self) -> Iterator[T]:
        while self._items:
            with contextlib.suppress(IndexError):  # somebody else took it
                yield self._items.popleft()

    def _gives(self) -> bool:
        return bool(self._items) or self._ended

    def _takes(self) -> bool:
        return self._ended or not self._max_queue or len(self._items) < self._max_queue
