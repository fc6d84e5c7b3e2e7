"""Who runs the handlers: a thread of its own, or the caller's. One event after another, as they came."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import attrs

from .._mailbox import Mailbox, MailboxEnded
from .._worker import Worker, log_failure
from ..errors import ConcurrentReceive
from ..events import ServerEvent
from .chronicle import STARTING, Chronicle, Happening, Owner

log = logging.getLogger("reelthyme_sync")

LINGER: Final = 5.0
"""Seconds that the end waits for handlers that are still running."""

BACKLOG: Final = 2_000
"""Arrivals that wait for their handlers when it is time to say so: some minutes of speech."""


@attrs.frozen
class _Arrival:
    """What handlers are to be told at once, and the event that it is about, if the loop is to have it."""

    happenings: list[Happening]
    event: ServerEvent | None


class Dispatcher:
    """Carries what happens to its handlers.

    Args:
        ordinal: the session's.
        number: of the connection.
        chronicle: where it is entered.
        screen: the last look at an event before anybody is told of it; None drops it.
        failed: is told what ``screen`` raised.
        threaded: on a thread of its own; otherwise on the one that iterates over ``events``.
    """

    def __init__(
        self,
        ordinal: int,
        number: int,
        chronicle: Chronicle,
        screen: Callable[[ServerEvent], ServerEvent | None],
        failed: Callable[[BaseException], object],
        *,
        threaded: bool,
    ) -> None:
        self._chronicle = chronicle
        self._number = number
        self._screen = screen
        self._failed = failed
        self._mailbox: Mailbox[_Arrival] = Mailbox()
        self._posting = threading.Lock()  # what is noted first is carried first
        self._posted = self._taken = 0
        self._warned = False
        self._iterating = threading.Lock()
        # On a thread of ours, sys.exit() in a handler can end nothing but the handler.
        self._catches: type[BaseException] = BaseException if threaded else Exception
        self._worker = Worker(f"reelthyme-dispatch-{ordinal}", self._run, log_failure) if threaded else None
        if self._worker is not None:
            self._chronicle.handled_on(STARTING, number)  # what is posted before it runs has not been handled
            self._worker.start()

    def post(self, told: Iterable[tuple[Owner, str, Any]], event: ServerEvent | None = None) -> None:
        """Have handlers called. Any thread; returns at once.

        Args:
            told: whose handlers, of which name, are given what.
            event: what the loop gets.
        """
        with self._posting:
            self._mailbox.push(_Arrival(self._chronicle.note(told, self._number), event))
            self._posted += 1
            if self._posted - self._taken >= BACKLOG and not self._warned:
                self._warned = True
                log.warning("%d events wait for handlers: %s", BACKLOG, self._advice)

    def events(self) -> Iterator[ServerEvent]:
        """Run the handlers here; gives each event of the server once they have run.

        Raises:
            ConcurrentReceive: a thread of our own runs them, or another one iterates.
        """
        if self._worker is not None or not self._iterating.acquire(blocking=False):
            raise ConcurrentReceive(
                "Handlers run on another thread: iterate in one thread only, over a client made with threaded=False"
            )
        try:
            for arrival in self._arrivals():
                if (event := self._handle(arrival)) is not None:
                    yield event
        finally:
            self._iterating.release()

    def end(self) -> None:
        """Nothing more will be posted; what was is still to be handled. Any thread."""
        self._mailbox.end()

    def join(self) -> None:
        """Wait, after ``end``, until a thread of our own has handled all, or takes too long. Returns at once on it."""
        if self._worker is not None and threading.current_thread().name != self._worker.name:
            self._worker.join(LINGER)

    def _run(self) -> None:
        self._chronicle.handled_on(threading.get_ident(), self._number)
        try:
            for arrival in self._arrivals():
                self._handle(arrival)
        finally:
            self._chronicle.handled_on(None, self._number)

    @property
    def _advice(self) -> str:
        return "iterate over events()" if self._worker is None else "one of them takes too long"

    def _arrivals(self) -> Iterator[_Arrival]:
        while True:
            try:
                arrival = self._mailbox.get()
            except MailboxEnded:
                return
            self._taken += 1
            yield arrival

    def _handle(self, arrival: _Arrival) -> ServerEvent | None:
        """Call the handlers, unless the hooks drop the event; gives it as they left it."""
        event = arrival.event if arrival.event is None else self._screened(arrival.event)
        if event is None and arrival.event is not None:
            self._chronicle.drop(arrival.happenings)
            return None
        try:
            for happening in arrival.happenings:
                if self._worker is not None:
                    self._chronicle.mark_at(happening)
                changed = happening.payload is arrival.event and event is not arrival.event
                told = self._chronicle.tell_as(happening, event) if changed else happening
                happening.owner.run(told, catches=self._catches)
        finally:
            self._chronicle.handled(arrival.happenings)
        return event

    def _screened(self, event: ServerEvent) -> ServerEvent | None:
        try:
            return self._screen(event)
        except self._catches as error:  # the user's fault must not keep what comes after it from being told
            log.exception("an incoming hook failed on %s", event.type)
            self._failed(error)
            return None
