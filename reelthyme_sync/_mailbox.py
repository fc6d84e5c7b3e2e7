"""A queue with an end: between the caller's thread and the reader or the writer.

``queue.Queue`` carries the items. What it lacks is added here: an end that stays (every later ``get`` meets it), a
``put`` that tells whether it came before the end, and a bound that can be lifted while somebody waits for room.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")


class _End:
    """The type of ``_END``."""


_END: Final = _End()


class MailboxEnded(Exception):
    """Nothing more will come."""


class Mailbox(Generic[T]):
    """First in, first out, until it ends.

    Args:
        max_queue: items that may wait here before ``put`` blocks; 0 means no bound.
    """

    def __init__(self, max_queue: int = 0) -> None:
        self._queue: queue.Queue[T | _End] = queue.Queue()
        self._room = threading.Semaphore(max_queue) if max_queue else None
        self._gate = threading.Lock()  # decides whether a put came before the end
        self._ended = False

    def put(self, item: T, timeout: float | None = None) -> bool:
        """Add an item. False if the end came first: the item is not in the mailbox.

        Raises:
            TimeoutError: there was no room for that long.
        """
        room = self._room
        if room is not None:
            if not room.acquire(timeout=timeout):
                raise TimeoutError
            if self._room is None:
                room.release()  # the bound was lifted, which woke us: wake the next who waits
        with self._gate:
            if not self._ended:
                self._queue.put(item)
            return not self._ended

    def get(self, timeout: float | None = None) -> T:
        """Take the oldest item.

        Raises:
            TimeoutError: none came in that time.
            MailboxEnded: all have been taken, and there will be no more.
        """
        try:
            item = self._queue.get(timeout=timeout)
        except queue.Empty:
            raise TimeoutError from None
        if isinstance(item, _End):
            self._queue.put(item)  # for whoever comes next
            raise MailboxEnded
        if (room := self._room) is not None:
            room.release()
        return item

    @property
    def bounded(self) -> bool:
        """Whether a ``put`` may block."""
        return self._room is not None

    def sift(self, keep: Callable[[T], bool]) -> None:
        """Take out those of the waiting items that ``keep``, asked in order, does not. It must not use the mailbox."""
        with self._queue.mutex:
            waiting = [item for item in self._queue.queue if isinstance(item, _End) or keep(item)]
            taken = len(self._queue.queue) - len(waiting)
            self._queue.queue.clear()
            self._queue.queue.extend(waiting)
        if (room := self._room) is not None and taken:
            room.release(taken)

    def end(self) -> None:
        """Let nothing more in. What is in it already can still be taken. Idempotent."""
        with self._gate:
            if self._ended:
                return
            self._ended = True
            self._queue.put(_END)
        self.lift_bound()

    def lift_bound(self) -> None:
        """Let a blocked ``put`` go on, and never block one again."""
        room, self._room = self._room, None
        if room is not None:
            room.release()
