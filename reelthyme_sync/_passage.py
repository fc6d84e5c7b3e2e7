"""What passes between the user and whichever link is the present one, with the journal that sees it all.

Two locks, always taken in this order: ``_sending``, so that messages enter the journal and the link in the same order,
and nothing comes before what a new server has to be told first; and ``_changed``, which guards the journal and which
link is the present one. Nothing blocks while it is held.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from math import inf
from time import monotonic
from typing import Final, TypeVar

import attrs

from . import codec
from ._link import Link
from .beta import Shape
from .errors import ConnectionClosed
from .events import Disconnected, Reconnected, ServerEvent, SessionCreated, evolve
from .resume.journal import Journal
from .transport import Transport

S = TypeVar("S", bound=ServerEvent)

_MOVE_HOLDS: Final = 2.0
"""Seconds that a sender waits at most at the end of a turn, so that the next begins on the new socket."""


@attrs.define(eq=False)
class Span:
    """The time with one socket.

    Attributes:
        planned: whether it was opened while the last one still held.
        attempts: how many it took.
        link: None until it runs, and again after its end.
        told: whether the user knows of it, and of nothing else since.
        useful: whether a server has said something to the user in it.
        delivering: whether its reader is with the user, or waits for one who has stopped.
        verdict: how it ended.
    """

    planned: bool = False
    attempts: int = 0
    link: Link | None = None
    told: bool = False
    useful: bool = False
    delivering: bool = False
    verdict: ConnectionClosed | None = None
    began: float = attrs.field(factory=monotonic)
    began_at: float = attrs.field(factory=time.time)


class Passage:
    """Senders come in by ``send``, readers by the links' ``deliver``; one thread, its owner, changes the link.

    Args:
        transport: the first one, open.
        make_link: makes the link of a transport.
        journal: a new one, ours from now on.
        ordinal: the session's.
        shape: whose words the server speaks.
        deliver: gets every event for the user, on a reader or on the owner's thread.
        max_queue: messages that may wait while there is no socket before ``send`` blocks; 0: no bound.
    """

    def __init__(
        self,
        transport: Transport,
        make_link: Callable[..., Link],
        *,
        journal: Journal,
        ordinal: int,
        shape: Shape,
        deliver: Callable[[ServerEvent], None],
        max_queue: int,
    ) -> None:
        self._make_link = make_link
        self._ordinal = ordinal
        self._shape = shape
        self._deliver = deliver
        self._max_queue = max_queue
        self._journal = journal
        self._sending = threading.Lock()
        self._changed = threading.Condition()
        self._shut = False
        self._watching = False
        self._moving = False
        self._held_until: float | None = None
        self._refused: set[int] = set()  # numbers of messages that no link has taken
        self._left_over: set[bytes] = set()  # messages that a link took and did not send
        self._numbered = 0
        self._span = Span(told=True)
        self._span.link = self._linked(self._span, transport)

    @property
    def span(self) -> Span:
        """The present one, or the last."""
        return self._span

    @property
    def unsent(self) -> list[bytes]:
        """What was taken, and has never got onto a wire."""
        with self._changed:
            waiting = [(message.number, message.data()) for message in self._journal.waiting()]
            return [data for number, data in waiting if number in self._refused or data in self._left_over]

    def expires_in(self, span: Span) -> float | None:
        """Seconds from the begin of the span to the end that the server announced."""
        expires_at = getattr(self._journal.session, "expires_at", None)
        return expires_at - span.began_at if expires_at else None

    # --- the caller's threads -------------------------------------------------------------------------------------

    def send(self, data: bytes, timeout: float | None) -> bool:
        """Hand a message over. False if none is taken any more. While there is no socket, it waits for the next.

        Raises:
            TimeoutError: there was no room for that long.
        """
        deadline = inf if timeout is None else monotonic() + timeout
        # Not a thread of ours: it may be the very one that makes the room, or it carries sound, which must go on.
        if not threading.current_thread().name.startswith("reelthyme-"):
            self._await_move(deadline)
            self._await_room(deadline)
        if not self._sending.acquire(timeout=_left(deadline)):
            raise TimeoutError
        try:
            return self._send(data, None if timeout is None else max(0.0, deadline - monotonic()))
        finally:
            self._sending.release()

    def shut(self) -> Link | None:
        """Take no more messages. Gives the present link."""
        with self._changed:
            self._shut = True
            self._changed.notify_all()
            return self._span.link

    def _await_move(self, deadline: float) -> None:
        """Between two turns, when the socket is to be replaced: a program that asks at once leaves no time for it."""
        if not self._moving:
            return
        with self._changed:
            if self._held_until is None and self._journal.between_turns:
                self._held_until = monotonic() + _MOVE_HOLDS  # once for each attempt, however many messages come
            longest = min(deadline, self._held_until or 0.0) - monotonic()
            self._changed.wait_for(lambda: not (self._moving and self._journal.between_turns), longest)

    def _await_room(self, deadline: float) -> None:
        """While there is no socket, nothing else would hold up whoever sends."""
        if self._max_queue:
            with self._changed:
                if not self._changed.wait_for(self._has_room, _left(deadline)):
                    raise TimeoutError

    def _has_room(self) -> bool:
        return self._shut or self._span.link is not None or self._journal.unanswered < self._max_queue

    def _send(self, data: bytes, timeout: float | None) -> bool:
        with self._changed:
            if self._shut:
                return False
            message = self._journal.say(data)  # first: the answer must not come before the question is known
            if message is None:
                return True
            self._refused.add(message.number)
            link = self._span.link
        taken = False
        try:
            taken = link is not None and link.send(message.data(), timeout)
        except BaseException:
            with self._changed:
                self._journal.unsay(message)
                self._refused.discard(message.number)
            raise
        if taken:
            self._refused.discard(message.number)
        return True  # where there is no link, or it has just ended, the journal has the message

    # --- the readers ----------------------------------------------------------------------------------------------

    def _arrived(self, span: Span, data: bytes) -> None:
        event = codec.decode(data, shape=self._shape)
        with self._changed:
            if span is not self._span:
                return  # the last words of a socket that has been left
            wanted = self._journal.hear(event)
            span.useful = span.useful or (span.told and wanted)
            news = self._news(span)
            span.delivering = wanted or news is not None
            if self._watching or isinstance(event, SessionCreated):  # which may say when it ends
                self._changed.notify_all()
        if wanted:
            self._deliver(event)
        if news is not None:
            self._deliver(news)
        span.delivering = False
        if self._watching:
            with self._changed:
                self._changed.notify_all()

    def _link_ended(self, span: Span, verdict: ConnectionClosed) -> None:
        with self._changed:
            span.verdict = verdict
            span.link = None
            self._left_over.update(verdict.unsent)
            self._changed.notify_all()

    # --- the owner's thread ---------------------------------------------------------------------------------------

    def await_end(self, until: Callable[[], float]) -> ConnectionClosed | None:
        """How the present span ended; None if it is time for something else, which is in ``until()`` seconds."""
        span = self._span
        with self._changed:
            while span.verdict is None:
                left = threading.TIMEOUT_MAX if self._shut else min(until(), threading.TIMEOUT_MAX)
                if left <= 0:
                    return None
                self._changed.wait(left)
            return span.verdict

    def cut(self, verdict: ConnectionClosed) -> None:
        """The socket is gone: end what had begun, and tell the user."""
        with self._changed:
            told, ends = self._span.told, self._journal.cut()
            self._span.told = False
        if told:
            interrupted = [end.response.id for end in ends]
            self._deliver(self._named(Disconnected(message=str(verdict), code=verdict.code, interrupted=interrupted)))
            for end in ends:
                self._deliver(self._named(end))

    def await_quiet(self) -> bool:
        """Wait until a change of the socket would cut nothing off; in vain if it breaks before, or is closed."""
        return self._watch(self._quiet, None)

    def hold(self) -> None:
        """Have senders wait, between two turns, for a socket that is being opened; for two seconds at most."""
        with self._changed:
            self._moving = True
            self._held_until = None

    def let_go(self) -> None:
        """Have them wait no more."""
        with self._changed:
            self._moving = False
            self._changed.notify_all()

    def take_over(self, transport: Transport, span: Span, *, unless_busy: bool = False) -> Link | None:
        """Make ``span`` the present one, with this transport. None if something is under way that would be cut off."""
        with self._sending:
            with self._changed:
                if unless_busy and not (self._span.verdict is None and self._quiet()):
                    return None
                messages = self._journal.restore()
                self._refused.clear()
                self._left_over.clear()
                self._span = span
                span.link = link = self._linked(span, transport)  # before its reader may come in
                self._changed.notify_all()
            for place, message in enumerate(messages):
                if not link.send(message, None):
                    with self._changed:
                        self._left_over.update(messages[place:])
                    break
        return link

    def confirm(self, timeout: float | None) -> bool:
        """Wait until the server knows what it has to know, and the user that it does. False if it ends instead."""
        span = self._span
        self._watch(lambda: span.told, timeout)
        with self._changed:
            news = self._news(span, late=True) if span.verdict is None else None
        if news is not None:
            self._deliver(news)
        return span.told

    def _linked(self, span: Span, transport: Transport) -> Link:
        return self._make_link(
            transport,
            deliver=partial(self._arrived, span),
            decided=lambda _: None,  # whoever sends to a link that ends is not refused: the journal has the message
            ended=partial(self._link_ended, span),
        )

    def _quiet(self) -> bool:
        return self._journal.between_turns and not self._span.delivering

    def _watch(self, happened: Callable[[], bool], timeout: float | None) -> bool:
        span = self._span
        with self._changed:
            self._watching = True  # else nobody need be woken for every event
            self._changed.wait_for(lambda: happened() or span.verdict is not None or self._shut, timeout)
            self._watching = False
            return span.verdict is None and not self._shut and happened()

    def _news(self, span: Span, *, late: bool = False) -> Reconnected | None:
        """What to tell the user once the server has taken in what it was told, or is too late with it."""
        restoration = self._journal.restoration
        if span.told or restoration is None or not (restoration.complete or late):
            return None
        span.told = True
        return self._named(restoration.report(planned=span.planned, attempts=span.attempts))

    def _named(self, event: S) -> S:
        self._numbered += 1
        return evolve(event, event_id=f"reelthyme_{self._ordinal}_{self._numbered}")


def _left(deadline: float) -> float:
    """Seconds until then, for a lock or a condition."""
    return min(max(0.0, deadline - monotonic()), threading.TIMEOUT_MAX)
