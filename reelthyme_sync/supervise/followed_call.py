"""One call that is followed: its session, the thread that runs the conversation, and how it ended."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Literal, TypeAlias

from .._alarm import Alarm
from .._exit import Resident
from .._worker import Worker, log_failure
from ..errors import ConnectionClosed, ConnectionLost
from ..events import ServerEvent
from ..session import Session

log = logging.getLogger("reelthyme_sync")

Run: TypeAlias = Callable[[Session], None]
"""Holds the conversation; the session is closed when it returns."""

Ended: TypeAlias = Literal["finished", "idle", "closed", "failed"]
"""``finished``: the conversation has come to its end, or the caller has hung up. ``idle``: nobody said anything for too
long. ``closed``: by us, or the process ended. ``failed``: ``failure`` says how."""


class FollowedCall:
    """A call that a supervisor follows. ``Supervisor.follow`` makes one; any thread may ask it.

    Attributes:
        call_id: of the call.
        session: its sideband.
        ended: how it ended; None while it goes on.
        failure: what ended it, if that was an exception that nobody wanted.
    """

    def __init__(
        self, call_id: str, session: Session, run: Run, *, idle: Alarm, idle_timeout: float, left: Callable[[], None]
    ) -> None:
        self.call_id = call_id
        self.session = session
        self.ended: Ended | None = None
        self.failure: BaseException | None = None
        self._idle = idle
        self._idle_timeout = idle_timeout
        self._left = left
        self._deciding = threading.Lock()
        self._asked: Literal["idle", "closed"] | None = None
        self._callbacks: list[Callable[[], object]] = []
        self._heard = monotonic()
        self._call_off: Callable[[], None] = _nothing
        self._forget: Callable[[], None] = _nothing
        self._worker = Worker(f"reelthyme-call-{session.ordinal}", partial(run, session), self._over)

    def __repr__(self) -> str:
        return f"<FollowedCall {self.session.ordinal} {self.ended or 'goes on'}>"

    @property
    def done(self) -> bool:
        """Whether it is over: the session has ended, and the conversation's function has returned."""
        return self.ended is not None

    def begin(self) -> None:
        """Start the conversation. The supervisor does this, once."""
        self.session.intercept(self._hear)
        resident = Resident(hang_up=partial(self._ask, "closed"), abort=_nothing, join=self._worker.join)
        self._forget = resident.end_with_process()
        try:
            self._look()
            self._worker.start()
        except BaseException:
            self._call_off()
            self._forget()
            raise

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for its end, at most so many seconds. Tells whether it has come.

        Raises:
            ForkedSession: the call is followed in the process from which this one was forked.
            RuntimeError: the conversation's own function waits for itself.
        """
        self.session.home.check()
        if self.runs_here:
            raise RuntimeError("a conversation cannot wait for its own end: return from its function instead")
        return self._worker.join(timeout)

    def on_end(self, callback: Callable[[], object]) -> None:
        """Have ``callback`` called once it is over: on the call's own thread, or at once if it is.

        The call's place with the supervisor is free when all of them have returned.
        """
        with self._deciding:
            if self.ended is None:
                self._callbacks.append(callback)
                return
        _call(callback)

    def hang_up(self, why: Literal["idle", "closed"] = "closed") -> None:
        """Begin to end the sideband, and return at once. The call itself goes on: ``calls.hangup`` ends that."""
        if not self.session.home.here or not self._ask(why):
            return
        try:
            Worker(f"reelthyme-hangup-{self.session.ordinal}", self.session.close, log_failure).start()
        except RuntimeError:  # since Python 3.12 there are no more threads once the process is exiting
            self.session.close()

    def close(self, timeout: float = 5.0) -> bool:
        """End the sideband, and wait for that; in the conversation's own function, without waiting."""
        self.hang_up()
        return self.done or self.runs_here or (self.session.home.here and self.wait(timeout))

    @property
    def runs_here(self) -> bool:
        """Whether this is the thread of its conversation."""
        return threading.current_thread().name == self._worker.name

    def _ask(self, why: Literal["idle", "closed"]) -> bool:
        """Note that it is to end. False if somebody has before, or it is over."""
        with self._deciding:
            if self._asked is not None or self.ended is not None:
                return False
            self._asked = why
            return True

    def _hear(self, _event: ServerEvent) -> bool:
        self._heard = monotonic()
        return False

    def _look(self) -> None:
        """Hang up if nobody has said anything for too long; else look again when that may be so."""
        left = self._heard + self._idle_timeout - monotonic()
        if left <= 0:
            log.warning("%s: no event for %s s", self._worker.name, self._idle_timeout)
            self.hang_up("idle")
            return
        with self._deciding:
            if self.ended is None:
                self._call_off = self._idle.set(left, self._look)

    def _over(self, failure: BaseException | None) -> None:
        self.session.close()
        with self._deciding:
            if failure is None or self._expected(failure):
                self.ended = self._asked or "finished"
            else:
                self.failure = failure
                self.ended = "failed"
            callbacks, self._callbacks = self._callbacks, []
            self._call_off()
        if self.failure is not None:
            log.error("%s: the conversation failed", self._worker.name, exc_info=self.failure)
        for callback in callbacks:
            _call(callback)
        self._forget()
        self._left()

    def _expected(self, failure: BaseException) -> bool:
        """Whether it only says that the session has ended as it should."""
        if isinstance(failure, ConnectionLost):
            return self._asked is not None
        return isinstance(failure, ConnectionClosed)


def _call(callback: Callable[[], object]) -> None:
    try:
        callback()
    except (Exception, SystemExit):  # the others are to be told, and the call's place is to become free
        log.exception("a callback for the end of a call failed")


def _nothing() -> None: ...
