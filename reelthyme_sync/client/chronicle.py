"""What has happened lately, so that whoever waits for something does not miss what came before the wait began.

In one thread an event cannot come between a request and the wait for its answer; here it can. So every wait counts from
a mark: from what its thread last did through the client, or from what its last wait found. Runs nobody's code.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from typing import Any, Final, Protocol

import attrs

from .._bell import Bell

KEPT: Final = 64
"""Happenings of one name that are kept for those who wait: the latest."""

STARTING: Final = 0
"""The number of a thread that has none yet."""


class Owner(Protocol):
    """Who has handlers."""

    def run(self, happening: Happening) -> None:
        """Call those of its name."""


@attrs.frozen
class Happening:
    """Something that handlers are told.

    Attributes:
        position: the how-manieth of all.
        owner: whose handlers.
        name: as handlers know it.
        payload: what they are given.
    """

    position: int
    owner: Owner
    name: str
    payload: Any

    def with_payload(self, payload: Any) -> Happening:
        """The same, told with another payload."""
        return Happening(self.position, self.owner, self.name, payload)


class _Mine(threading.local):
    """What one thread last did."""

    mark: int | None = None
    event_ids: frozenset[str] = frozenset()


class Chronicle:
    """The latest happenings of each name, in order. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # of all that follows
        self._changed = Bell()
        self._kept: dict[tuple[Owner, str], deque[Happening]] = {}
        self._count = 0
        self._unhandled: set[int] = set()  # positions of those whose handlers have not run
        self._handler: int | None = None  # the thread that runs them, if that is one of ours
        self._end: Callable[[], Exception] | None = None
        self._mine = _Mine()

    @property
    def position(self) -> int:
        """How much has happened so far."""
        return self._count

    @property
    def event_ids(self) -> frozenset[str]:
        """The ids of what this thread last asked for."""
        return self._mine.event_ids

    def note(self, happenings: Iterable[tuple[Owner, str, Any]]) -> list[Happening]:
        """Enter what happens now: whose, of which name, with what payload."""
        with self._lock:
            noted = [self._enter(*happening) for happening in happenings]
        self._changed.ring()
        return noted

    def handled(self, happenings: Iterable[Happening]) -> None:
        """Their handlers have run."""
        with self._lock:
            self._unhandled.difference_update(happening.position for happening in happenings)
        self._changed.ring()

    def handled_on(self, thread: int | None) -> None:
        """Say on which thread of ours handlers run, which waits for nobody but itself.

        Args:
            thread: its number; ``STARTING`` before it has one; None when there is none.
        """
        with self._lock:
            self._handler = thread
        self._changed.ring()

    def begin(self) -> None:
        """What happened before does not end a wait, and handlers that have not been told of it never will be."""
        with self._lock:
            self._end = None
            self._unhandled.clear()

    def end(self, why: Callable[[], Exception]) -> None:
        """Nothing more will happen: waits that find nothing raise this."""
        with self._lock:
            self._end = why
        self._changed.ring()

    def mark(self, *event_ids: str) -> int:
        """The calling thread does something whose answer it may wait for, with these events. Gives the mark."""
        self._mine.mark, self._mine.event_ids = self._count, frozenset(event_ids)
        return self._mine.mark

    def mark_at(self, position: int) -> None:
        """The calling thread begins anew: it is told of what happened there, whatever it did for others before."""
        self._mine.mark, self._mine.event_ids = position, frozenset()

    def found(self, position: int) -> None:
        """The calling thread has found what it waited for: it waits for nothing that was before that."""
        self._mine.mark = max(position, self._mine.mark or 0)

    def adopt(self, event_ids: Iterable[str]) -> None:
        """These events, too, belong to what this thread last did."""
        self._mine.event_ids |= frozenset(event_ids)

    def wait(
        self,
        owner: Owner,
        name: str,
        timeout: float | None,
        *,
        matches: Callable[[Any], bool] = lambda _: True,
        refused: Callable[[int], Exception | None] = lambda _: None,
        after: int | None = None,
    ) -> Happening:
        """The first one of this name that matches, since the mark of this thread, or ``after``.

        On a thread that handlers run on it is found as soon as it has come, on every other one when its handlers
        have run.

        Args:
            owner: whose it is.
            name: which.
            timeout: seconds; None waits for ever.
            matches: whether a payload will do.
            refused: what to raise instead, because of what has come since that position.
            after: a position; by default this thread's mark, or now.

        Raises:
            TimeoutError: it did not happen in time.
            Exception: what ``refused`` gives, or what ended it all.
        """
        begin = self._begin(after)
        found: list[Happening] = []

        def look() -> bool:
            with self._lock:
                found.extend(each for each in self._since(owner, name, begin) if matches(each.payload))
                if not found and (error := refused(begin) or self._ended()) is not None:
                    raise error
                return bool(found)

        if not self._changed.wait_for(look, timeout):
            raise TimeoutError(f"no {name} for {timeout} s")
        if after is None:
            self._mine.mark = found[0].position
        return found[0]

    def wake(self) -> None:
        """Have everybody who waits ask again whether it was refused."""
        self._changed.ring()

    def since(self, owner: Owner, name: str, after: int) -> list[Any]:
        """The payloads of this name that have come since, also if their handlers have not run yet."""
        with self._lock:
            return [each.payload for each in self._kept.get((owner, name), ()) if each.position > after]

    def _ended(self) -> Exception | None:
        return self._end() if self._end is not None and not self._unhandled_for_caller() else None

    def _begin(self, after: int | None) -> int:
        if after is not None:
            return after
        return self._count if self._mine.mark is None else self._mine.mark

    def _since(self, owner: Owner, name: str, begin: int) -> Iterable[Happening]:
        unhandled = self._unhandled_for_caller()
        return [
            each
            for each in self._kept.get((owner, name), ())
            if each.position > begin and each.position not in unhandled
        ]

    def _unhandled_for_caller(self) -> AbstractSet[int]:
        return frozenset() if self._handler in (None, threading.get_ident()) else self._unhandled

    def _enter(self, owner: Owner, name: str, payload: Any) -> Happening:
        self._count += 1
        happening = Happening(self._count, owner, name, payload)
        self._unhandled.add(happening.position)
        self._kept.setdefault((owner, name), deque(maxlen=KEPT)).append(happening)
        return happening
