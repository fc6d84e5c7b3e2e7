"""What has happened lately, so that whoever waits for something does not miss what came before the wait began.

In one thread an event cannot come between a request and the wait for its answer; here it can. So every wait counts from
a mark: from what its thread last did through the client, or from what its last wait found. A mark belongs to one
connection, and a wait that counts from it ends with that one, whatever begins afterwards. Runs nobody's code.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, Final, Protocol

import attrs

from .._bell import Bell
from ..errors import EventsMissed

if TYPE_CHECKING:
    from .pending import PendingReply

KEPT: Final = 64
"""Happenings of one name that are kept for those who wait: the latest, and whatever somebody still has to see."""

STARTING: Final = 0
"""The number of a thread that has none yet."""

_ENDS_KEPT: Final = 64


class Owner(Protocol):
    """Who has handlers."""

    def run(self, happening: Happening, catches: type[BaseException] = Exception) -> None:
        """Call those of its name; what they raise of this kind, stops nobody."""


@attrs.frozen
class Mark:
    """Where a wait begins to look.

    Attributes:
        position: how much had happened.
        connection: in which it looks, and with which it ends.
    """

    position: int
    connection: int


@attrs.frozen
class Happening:
    """Something that handlers are told.

    Attributes:
        position: the how-manieth of all.
        owner: whose handlers.
        name: as handlers know it.
        payload: what they are given.
        connection: on which it happened.
    """

    position: int
    owner: Owner
    name: str
    payload: Any
    connection: int = 1

    @property
    def mark(self) -> Mark:
        """What counts from here."""
        return Mark(self.position, self.connection)


class _Mine(threading.local):
    """What one thread last did."""

    mark: Mark | None = None
    event_ids: frozenset[str] = frozenset()
    asked: PendingReply | None = None


class Chronicle:
    """The latest happenings of each name, in order. Any thread.

    Connections are numbered from 1. What happens before there is any, belongs to the first.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # of all that follows
        self._changed = Bell()
        self._kept: dict[tuple[Owner, str], OrderedDict[int, Happening]] = {}  # by position
        self._lost: dict[tuple[Owner, str], Happening] = {}  # the last that was not kept
        self._waiting: list[tuple[tuple[Owner, str], Mark]] = []  # who waits for what, since when
        self._count = 0
        self._unhandled: set[int] = set()  # positions of those whose handlers have not run, in this connection
        self._handler: int | None = None  # the thread that runs them, if that is one of ours
        self._begun = 0  # how many connections
        self._beginning = Mark(0, 1)
        self._ends: dict[int, Callable[[], Exception]] = {}  # by connection
        self._mine = _Mine()

    @property
    def beginning(self) -> Mark:
        """Where the latest connection began."""
        return self._beginning

    @property
    def event_ids(self) -> frozenset[str]:
        """The ids of what this thread last asked for."""
        return self._mine.event_ids

    @property
    def asked(self) -> PendingReply | None:
        """The reply that this thread last asked for, and has not got yet."""
        return self._mine.asked

    # --- what happens -------------------------------------------------------------------------------------------

    def begin(self) -> int:
        """A connection begins, and the calling thread counts from here. Gives its number.

        Handlers that have not been told of what happened before, never will be.
        """
        with self._lock:
            self._begun = number = self._begun + 1
            self._beginning = Mark(self._count, number)
            self._handler = None
            self._unhandled.clear()
        self.mark()
        return number

    def end(self, number: int, why: Callable[[], Exception]) -> None:
        """Nothing more will happen on this connection: waits that find nothing raise this."""
        with self._lock:
            self._ends[number] = why
            if len(self._ends) > _ENDS_KEPT:
                del self._ends[next(iter(self._ends))]
        self._changed.ring()

    def note(self, happenings: Iterable[tuple[Owner, str, Any]], number: int | None = None) -> list[Happening]:
        """Enter what happens now: whose, of which name, with what payload; on which connection, if not the latest."""
        with self._lock:
            connection = self.beginning.connection if number is None else number
            noted = [self._enter(*happening, connection) for happening in happenings]
        self._changed.ring()
        return noted

    def tell_as(self, happening: Happening, payload: Any) -> Happening:
        """Handlers are told, and waits find, another payload instead."""
        changed = attrs.evolve(happening, payload=payload)
        with self._lock:
            kept = self._kept[happening.owner, happening.name]
            if happening.position in kept:
                kept[happening.position] = changed
        return changed

    def drop(self, happenings: Iterable[Happening]) -> None:
        """Nobody is told of these, and no wait finds them."""
        with self._lock:
            for happening in happenings:
                self._unhandled.discard(happening.position)
                self._kept[happening.owner, happening.name].pop(happening.position, None)
        self._changed.ring()

    def handled(self, happenings: Iterable[Happening]) -> None:
        """Their handlers have run."""
        with self._lock:
            self._unhandled.difference_update(happening.position for happening in happenings)
        self._changed.ring()

    def handled_on(self, thread: int | None, number: int) -> None:
        """Say on which thread of ours handlers run, which waits for nobody but itself.

        Args:
            thread: its number; ``STARTING`` before it has one; None when there is none.
            number: of the connection whose handlers they are; one that is not the latest does not count.
        """
        with self._lock:
            if number == self.beginning.connection:
                self._handler = thread
        self._changed.ring()

    def wake(self) -> None:
        """Have everybody who waits ask again whether it was refused."""
        self._changed.ring()

    # --- what a thread does -------------------------------------------------------------------------------------

    def mark(self, *event_ids: str) -> Mark:
        """The calling thread does something whose answer it may wait for, with these events. Gives the mark."""
        with self._lock:
            mark = self._now()
        return self._begin_anew(mark, event_ids)

    def mark_at(self, happening: Happening) -> None:
        """The calling thread begins anew: it is told of this, whatever it did for others before."""
        self._begin_anew(happening.mark)

    def adopt(self, event_ids: Iterable[str], asked: PendingReply | None = None) -> None:
        """These events, too, belong to what this thread last did; and this is the reply that it asked for."""
        self._mine.event_ids |= frozenset(event_ids)
        self._mine.asked = asked

    def answered(self) -> None:
        """The calling thread has got what it asked for, or heard that it will not: no other wait is about that."""
        self._mine.event_ids, self._mine.asked = frozenset(), None

    def found(self, mark: Mark) -> None:
        """The calling thread has found what it waited for: it waits for nothing that was before that."""
        mine = self._mine.mark
        if mine is None or mark.position > mine.position:
            self._mine.mark = mark

    # --- waiting ------------------------------------------------------------------------------------------------

    def wait(
        self,
        owner: Owner,
        name: str,
        timeout: float | None,
        *,
        matches: Callable[[Any], bool] = lambda _: True,
        refused: Callable[[Mark], Exception | None] = lambda _: None,
        after: Mark | None = None,
    ) -> Happening:
        """The first one of this name that matches, since the mark of this thread, or ``after``.

        On a thread that handlers run on it is found as soon as it has come, on every other one when its handlers
        have run.

        Args:
            owner: whose it is.
            name: which.
            timeout: seconds; None waits for ever.
            matches: whether a payload will do.
            refused: what to raise instead, because of what has come since that mark.
            after: a mark; by default this thread's, or now.

        Raises:
            TimeoutError: it did not happen in time, or its handlers have not finished.
            EventsMissed: so many have come since that the first are not kept any more; the next wait begins with those
                that are.
            Exception: what ``refused`` gives, or what ended the connection of the mark.
        """
        key = owner, name
        with self._lock:
            begin = after or self._mine.mark or self._now()
            self._waiting.append((key, begin))  # from now on all that it may find is kept
        if after is None:
            self._mine.mark = begin

        def find() -> Happening | None:
            if (lost := self._lost_since(key, begin)) is not None:
                if after is None:
                    self._mine.mark = lost.mark
                raise EventsMissed(f"so many {name} have come since the last wait that the first are forgotten")
            return next((each for each in self._since(key, begin) if matches(each.payload)), None)

        try:
            found = self._wait(name, begin, timeout, find, refused)
        finally:
            with self._lock:
                self._waiting.remove((key, begin))
        if after is None:
            self._mine.mark = found.mark
        return found

    def wait_until_told(
        self,
        owner: Owner,
        name: str,
        timeout: float | None,
        *,
        payload: Callable[[], Any],
        refused: Callable[[Mark], Exception | None],
        after: Mark,
    ) -> Happening:
        """As ``wait``, for what ``payload`` gives, None until it has come: it is found however long ago it came."""
        key = owner, name

        def find() -> Happening | None:
            wanted = payload()
            if wanted is None:
                return None
            for each in self._since(key, after):
                if each.payload is wanted:
                    return each
            lost = self._lost.get(key)  # what is not kept any more has been handled; what has yet to be noted, has not
            forgotten = lost is not None and lost.position > after.position
            return Happening(after.position, *key, wanted, after.connection) if forgotten else None

        return self._wait(name, after, timeout, find, refused)

    def since(self, owner: Owner, name: str, after: Mark) -> list[Happening]:
        """Those of this name that have come since, also if their handlers have not run yet."""
        with self._lock:
            return list(self._since((owner, name), after))

    # --- inside -------------------------------------------------------------------------------------------------

    def _wait(
        self,
        name: str,
        begin: Mark,
        timeout: float | None,
        find: Callable[[], Happening | None],
        refused: Callable[[Mark], Exception | None],
    ) -> Happening:
        found: Happening | None = None

        def look() -> bool:
            nonlocal found
            with self._lock:
                found = find()
                if found is not None:
                    return found.position not in self._unhandled_for_caller(begin)
                if (error := refused(begin) or self._ended(begin)) is not None:
                    raise error
                return False

        if not self._changed.wait_for(look, timeout):
            late = "" if found is None else ": it has come, and a handler of something that came before still runs"
            raise TimeoutError(f"no {name} for {timeout:g} s{late}")
        assert found is not None
        return found

    def _now(self) -> Mark:
        return Mark(self._count, self.beginning.connection)

    def _begin_anew(self, mark: Mark, event_ids: Iterable[str] = ()) -> Mark:
        self._mine.mark, self._mine.event_ids, self._mine.asked = mark, frozenset(event_ids), None
        return mark

    # --- under the lock -----------------------------------------------------------------------------------------

    def _since(self, key: tuple[Owner, str], begin: Mark) -> Iterable[Happening]:
        return (
            each
            for each in self._kept.get(key, {}).values()
            if each.position > begin.position and each.connection == begin.connection
        )

    def _unhandled_for_caller(self, begin: Mark) -> AbstractSet[int]:
        alone = self._handler in (None, threading.get_ident()) or begin.connection != self.beginning.connection
        return frozenset() if alone else self._unhandled

    def _ended(self, begin: Mark) -> Exception | None:
        """What ended the connection. The thread has been told then, and counts from the next one, if there is one."""
        if not self._ends or self._unhandled_for_caller(begin):
            return None
        why = self._ends.get(max(begin.connection, next(iter(self._ends))))
        if why is not None and begin.connection != self.beginning.connection and self._mine.mark == begin:
            self._begin_anew(self.beginning)
        return None if why is None else why()

    def _lost_since(self, key: tuple[Owner, str], begin: Mark) -> Happening | None:
        lost = self._lost.get(key)
        if lost is None or lost.connection != begin.connection or lost.position <= begin.position:
            return None
        return lost

    def _enter(self, owner: Owner, name: str, payload: Any, connection: int) -> Happening:
        self._count = position = self._count + 1
        happening = Happening(position, owner, name, payload, connection)
        if connection == self._beginning.connection:
            self._unhandled.add(position)
        key = owner, name
        if (kept := self._kept.get(key)) is None:
            kept = self._kept[key] = OrderedDict()
        kept[position] = happening
        if len(kept) > KEPT:
            self._forget(key, kept)
        return happening

    def _forget(self, key: tuple[Owner, str], kept: OrderedDict[int, Happening]) -> None:
        """Keep no more than is needed: the latest, what has not been handled, and what somebody waits for."""
        needed_after = self._count
        if self._waiting:
            needed_after = min(
                (begin.position for waited, begin in self._waiting if waited == key), default=self._count
            )
        while len(kept) > KEPT:
            oldest = next(iter(kept))
            if oldest > needed_after or oldest in self._unhandled:
                return
            self._lost[key] = kept.pop(oldest)
