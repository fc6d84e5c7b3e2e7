"""Link after link as one: the session outlives its sockets.

One thread, the supervisor, takes every decision: it opens the next socket when one has broken or grown old. What passes
meanwhile is the passage's business.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from math import inf
from secrets import token_hex
from time import monotonic
from typing import Final, TypeAlias

from ._link import Link
from ._passage import Passage, Span
from ._worker import Worker
from .beta import Shape
from .errors import ConnectionClosed, ConnectionLost, RealtimeError
from .events import ServerEvent
from .reconnect import Reconnect
from .resume.journal import Journal
from .transport import Transport
from .transport.opening import Opening

log = logging.getLogger("reelthyme_sync")

_RETRY_MOVE: Final = 10.0
"""Seconds until the next attempt to leave an old socket, when there was none to be had."""

_OLD_LINK_CLOSES_WITHIN: Final = 2.0

Reopen: TypeAlias = Callable[[Opening], Transport]
"""Opens a further transport; the ``Opening`` is made with the time that this may take, and can stop it."""


class Lifeline:
    """What ``Link`` is, over many transports.

    Args:
        transport: the first one, open.
        make_link: makes the link of a transport.
        policy: when to try again.
        reopen: opens a further transport.
        ordinal: the N in the threads' names.
        shape: whose words the server speaks.
        follows_call: whether the conversation goes on without us.
        deliver: gets every event for the user, on a reader or on the supervisor.
        decided: called once, with the end of all, before ``send`` begins to refuse.
        ended: called once, as the last act, with the same.
        open_timeout: seconds that ``reopen`` may take, and the server to take in what it is told.
        max_queue: messages that may wait while there is no socket before ``send`` blocks; 0: no bound.
    """

    def __init__(
        self,
        transport: Transport,
        make_link: Callable[..., Link],
        *,
        policy: Reconnect,
        reopen: Reopen,
        ordinal: int,
        shape: Shape,
        follows_call: bool,
        deliver: Callable[[ServerEvent], None],
        decided: Callable[[ConnectionClosed], None],
        ended: Callable[[ConnectionClosed], None],
        open_timeout: float | None,
        max_queue: int,
    ) -> None:
        self._policy = policy
        self._reopen = reopen
        self._ordinal = ordinal
        self._decided = decided
        self._ended = ended
        self._open_timeout = open_timeout
        self._closing = threading.Event()
        self._finishing = threading.Lock()
        self._close_timeout = _OLD_LINK_CLOSES_WITHIN
        self._opening = Opening(open_timeout)
        self._delays = policy.delays()
        self._no_move_before = 0.0
        self._passage = Passage(
            transport,
            make_link,
            journal=Journal(token_hex(4), shape=shape, follows_call=follows_call),
            ordinal=ordinal,
            shape=shape,
            deliver=deliver,
            max_queue=max_queue,
        )
        self._supervisor = Worker(f"reelthyme-reconnect-{ordinal}", self._supervise, self._supervised)
        self._supervisor.start()

    @property
    def closing(self) -> bool:
        """Whether ``close`` has been called."""
        return self._closing.is_set()

    def send(self, data: bytes, timeout: float | None) -> bool:
        """Hand a message over. False if none is taken any more. While there is no socket, it waits for the next.

        Raises:
            TimeoutError: there was no room for that long.
        """
        return self._passage.send(data, timeout)

    def close(self, timeout: float) -> None:
        """End it all: what was sent before goes out first, if there is a socket. At most ``timeout`` seconds."""
        deadline = monotonic() + timeout
        self._close_timeout = timeout
        link = self.hang_up()
        if link is not None:
            link.close(timeout)
        if not self._supervisor.join(max(0.0, deadline - monotonic())) and self._passage.span.link is None:
            self._finish(self._closed_between(None))  # it looks up a name, or asks for a token: nothing can end that

    def hang_up(self) -> Link | None:
        """Begin to close, as ``Link.hang_up``. Does not wait. Gives the present link."""
        self._closing.set()
        self._opening.abort()
        if (link := self._passage.shut()) is not None:
            link.hang_up()
        return link

    def abort(self) -> None:
        """Cut the connection: the end comes now."""
        if (link := self._passage.span.link) is not None:
            link.abort()

    def join(self, timeout: float) -> bool:
        """Wait for the end, at most ``timeout`` seconds. True if it has come."""
        return self._supervisor.join(timeout)

    # --- the supervisor -------------------------------------------------------------------------------------------

    def _supervise(self) -> None:
        while True:
            verdict = self._passage.await_end(self._until_move)
            if verdict is None:
                self._passage.hold()
                self._move()
                self._passage.let_go()
            elif not self._recovers(verdict):
                return self._finish(verdict)
            elif (final := self._reconnect(verdict)) is not None:
                return self._finish(final)

    def _recovers(self, verdict: ConnectionClosed) -> bool:
        return verdict.recoverable and not self.closing

    def _until_move(self) -> float:
        span = self._passage.span
        due = span.began + self._policy.time_to_move(self._passage.expires_in(span))
        return max(due, self._no_move_before) - monotonic()

    def _move(self) -> None:
        """Leave a socket that has grown old, as soon as nothing would be cut off."""
        old = self._passage.span
        if not self._passage.await_quiet():
            return
        try:
            transport = self._open()
        except Exception as error:
            log.info("no new socket for session %d to move to: %s", self._ordinal, error)
            self._no_move_before = monotonic() + _RETRY_MOVE
            return
        left_behind = old.link
        if not self._take_over(transport, Span(planned=True, attempts=1), unless_busy=True):
            return
        log.info("session %d has moved to a new socket", self._ordinal)
        self._passage.let_go()
        if left_behind is not None:
            left_behind.close(_OLD_LINK_CLOSES_WITHIN)
        self._passage.confirm(self._open_timeout)

    def _reconnect(self, verdict: ConnectionClosed) -> ConnectionClosed | None:
        """Go on with a new socket. None if we do, or else the end."""
        log.info("session %d is disconnected: %s", self._ordinal, verdict)
        span = self._passage.span
        if span.useful or monotonic() - span.began > self._policy.max_delay:
            self._delays = self._policy.delays()  # else the server takes us in only to throw us out: no new start
        self._passage.cut(verdict)
        cause: Exception = verdict
        for attempts, delay in enumerate(self._delays, start=1):
            asked = getattr(cause, "retry_after", None) or 0.0
            if self._closing.wait(max(delay, min(asked, self._policy.max_delay))):
                return self._closed_between(cause)
            try:
                transport = self._open()
            except Exception as error:
                if self.closing:
                    return self._closed_between(cause)
                if not getattr(error, "recoverable", not isinstance(error, RealtimeError | ValueError)):
                    return self._lost(f"{verdict}, and a new connection is refused: {error}", error, verdict)
                log.info("attempt %d of session %d to reconnect failed: %s", attempts, self._ordinal, error)
                cause = error
                continue
            self._take_over(transport, Span(attempts=attempts))
            if self._passage.confirm(self._open_timeout):
                return None
            end = self._passage.await_end(lambda: inf)
            if end is None or not self._recovers(end):
                return end
            self._passage.cut(end)
            cause = end
        return self._lost(f"{verdict}, and it could not be restored: {cause}", cause, verdict)

    def _open(self) -> Transport:
        self._opening = Opening(self._open_timeout)
        if self.closing:  # close() may have aborted the one before
            self._opening.abort()
        transport = self._reopen(self._opening)
        if self.closing:
            _discard(transport)
            raise ConnectionClosed("The session is closed")
        return transport

    def _take_over(self, transport: Transport, span: Span, *, unless_busy: bool = False) -> bool:
        try:
            link = self._passage.take_over(transport, span, unless_busy=unless_busy)
        except BaseException:
            _discard(transport)
            raise
        if link is None:
            _discard(transport)
            return False
        self._no_move_before = 0.0
        if self.closing:  # close() may have come before there was a link to be closed
            link.close(self._close_timeout)
        return True

    def _closed_between(self, cause: Exception | None) -> ConnectionClosed:
        if self._passage.unsent:
            return self._lost("The session was closed while it was disconnected", cause)
        return ConnectionClosed("The session is closed")

    def _lost(
        self, message: str, cause: BaseException | None, verdict: ConnectionClosed | None = None
    ) -> ConnectionLost:
        """The end while there is no socket, with all that waits for one."""
        code, reason = (verdict.code, verdict.reason) if verdict else (None, "")
        lost = ConnectionLost(message, code=code, reason=reason, unsent=self._passage.unsent)
        lost.__cause__ = cause
        return lost

    def _finish(self, verdict: ConnectionClosed) -> None:
        """Tell the end, once; ``close`` does not wait for a supervisor that cannot be woken."""
        if not self._finishing.acquire(blocking=False):
            return
        self._decided(verdict)
        self._passage.shut()
        if (unsent := self._passage.unsent) and not isinstance(verdict, ConnectionLost) and self.closing:
            verdict = self._lost("The session was closed before all was sent", verdict)
        verdict.unsent = tuple(unsent)
        self._ended(verdict)

    def _supervised(self, failure: BaseException | None) -> None:
        """A fault of ours must not leave anybody waiting."""
        if failure is not None:
            log.error("the supervisor of session %d failed", self._ordinal, exc_info=failure)
            self.abort()
            self._finish(self._lost(f"The session broke off: {failure!r}", failure))


def _discard(transport: Transport) -> None:
    transport.abort()
    transport.close()
