"""``Supervisor``: follows calls in the background, at most so many, and ends them all when the process ends."""

from __future__ import annotations

import _thread
import contextlib
import itertools
import logging
import os
import signal
from collections.abc import Callable
from functools import partial
from time import monotonic
from types import FrameType
from typing import Any, Final

import attrs

from .. import _sigterm
from .._alarm import Alarm
from .._bell import Bell
from .._credentials import hidden, hidden_values
from ..connecting import connect
from ..errors import ConnectFailed
from ..events import ServerEvent, SessionCreated
from ..session import Session
from .followed_call import FollowedCall, Run
from .roster import Roster

log = logging.getLogger("reelthyme_sync")

GREETED_WITHIN: Final = 2.0
"""Seconds that the server has to greet or to refuse; one that does neither is taken at its silence."""

_CLOSE_TIMEOUT: Final = 3.0
"""Seconds that closing one session takes at most, so that closing the supervisor takes less than its five."""

_numbers = itertools.count(1)


@attrs.frozen
class _Here:
    """What a supervisor has in one process."""

    roster: Roster
    idle: Alarm


class Supervisor:
    """Follows calls of browsers and telephones, each on a thread of its own. One for a web application; any thread.

    It may be made before the server forks its workers (``gunicorn --preload``): each process has its own calls, and as
    many as ``limit``. What was followed before a fork goes on where it was.

    Args:
        limit: how many calls one process follows at most. A call costs three threads.
        idle_timeout: seconds without an event of the server after which a call is let go: signs of life of the
            connection do not count, so that a browser that has vanished is noticed.

    Raises:
        ValueError: one of them is not above zero.
    """

    def __init__(self, limit: int = 100, idle_timeout: float = 120.0) -> None:
        if limit < 1 or not idle_timeout > 0:
            raise ValueError(f"limit and idle_timeout must be above zero, not {limit} and {idle_timeout}")
        self._limit = limit
        self._idle_timeout = idle_timeout
        self._processes: dict[int, _Here] = {}  # changed in one step: a lock could be held by nobody after a fork
        _import_transport()
        _sigterm.watch()

    def __repr__(self) -> str:
        return f"<Supervisor of {len(self.calls)} calls>"

    @property
    def calls(self) -> list[FollowedCall]:
        """Those that this process follows now."""
        return self._here.roster.calls()

    def follow(self, call_id: str, run: Run, **connect_options: Any) -> FollowedCall:
        """Connect to a call, here and now; then have ``run(session)`` called on a thread of its own.

        The session is closed when ``run`` returns. What it raises is logged and kept as ``failure``; nothing else ends.

        Args:
            call_id: of the call.
            run: holds the conversation until the session ends.
            connect_options: what ``connect`` takes. With the client secret of the browser as ``api_key`` the service
                itself finds out whether it is that browser's call. An ``endpoint`` has to name the call too.

        Raises:
            TooManyCalls: as many as may be are followed or being connected to, or the supervisor was closed.
            AlreadyFollowed: this one is.
            ConnectFailed: there is no such call, or it is not to be followed with this key (then not ``recoverable``);
                or nobody answers.
            MissingApiKey, ValueError: as of ``connect``; before anything connects.
        """
        options = _hidden(connect_options)  # first: a traceback may show what is local here
        del connect_options
        endpoint = options.get("endpoint")
        if endpoint is not None and not endpoint.follows_call:
            raise ValueError("endpoint= follows no call: make it with call_id=…, as endpoints.azure(…, call_id=…) does")
        here = self._here
        here.roster.reserve(call_id)
        try:
            named = call_id if endpoint is None else None  # which connect takes in one place only
            session = connect(call_id=named, **{"close_timeout": _CLOSE_TIMEOUT, **options})
            try:
                _await_greeting(session)
                left = partial(here.roster.leave, call_id)
                call = FollowedCall(call_id, session, run, idle=here.idle, idle_timeout=self._idle_timeout, left=left)
                here.roster.enter(call)
                call.begin()
            except BaseException:
                session.close()
                raise
        except BaseException:
            here.roster.leave(call_id)
            raise
        return call

    def close(self, timeout: float = 5.0) -> None:
        """End all that this process follows, at once, and follow no more. Returns after ``timeout`` at the latest.

        The calls themselves go on; ``calls.hangup`` ends one. Idempotent; in a conversation's own function it does not
        wait for that.
        """
        deadline = monotonic() + timeout
        roster = self._here.roster
        roster.close()
        for call in roster.calls():
            call.hang_up()
        if not roster.wait_until_left(deadline - monotonic()):
            left = roster.taken()
            log.error("%d calls did not end in %s s: is one connecting, or its conversation stuck?", left, timeout)

    def close_on_signals(self, *numbers: int) -> None:
        """End all calls as soon as one of these comes, and then do what was done about it before. On the main thread.

        For servers that take signals for themselves and then wait for requests to end, as gunicorn does: a stream of a
        transcript ends with its call. In gunicorn's configuration: ``post_worker_init``. Where nobody has taken
        SIGTERM, calls end before it ends the process, without being asked; but in a process that was forked after the
        supervisor was made, only where this is called.

        Args:
            numbers: ``SIGTERM`` if none is given. What else has no handler keeps having none.

        Raises:
            ValueError: this is not the main thread.
        """
        _sigterm.watch()
        for number in numbers or (signal.SIGTERM,):
            before = signal.getsignal(number)
            ended_already = isinstance(before, _sigterm.Termination) or (
                isinstance(before, _Chained) and before.supervisor is self
            )
            if callable(before) and not ended_already:
                signal.signal(number, _Chained(self, before))

    @property
    def _here(self) -> _Here:
        process = os.getpid()
        if (here := self._processes.get(process)) is None:
            made = _Here(Roster(self._limit), Alarm(f"reelthyme-idle-{next(_numbers)}"))
            here = self._processes.setdefault(process, made)
        return here


@attrs.frozen
class _Chained:
    """A handler that comes before another. It runs in the middle of what the main thread does, and takes no lock."""

    supervisor: Supervisor
    before: Callable[[int, FrameType | None], Any]

    def __call__(self, number: int, frame: FrameType | None) -> None:
        with contextlib.suppress(RuntimeError):  # no more threads: then the calls end with the process
            _thread.start_new_thread(self.supervisor.close, ())
        self.before(number, frame)


def _import_transport() -> None:
    """What the first connection would import. A child forked meanwhile would wait for the end of that for ever."""
    import encodings.idna  # noqa: F401  # of which Python makes use to look up a name

    from ..transport import opening, websocket  # noqa: F401


def _await_greeting(session: Session) -> None:
    """Wait until the server has greeted.

    Raises:
        ConnectFailed: it has ended the session instead, as some do with a wrong key.
    """
    news, greeted = Bell(), False

    def hear(event: ServerEvent) -> bool:
        nonlocal greeted
        if isinstance(event, SessionCreated):
            greeted = True
            news.ring()
        return False

    deaf, forget = session.intercept(hear), session.on_end(news.ring)
    news.wait_for(lambda: greeted or session.end is not None, GREETED_WITHIN)
    deaf()
    forget()
    if not greeted and (end := session.end) is not None:
        raise ConnectFailed(f"The server let nobody follow the call: {end}", recoverable=end.recoverable) from end


def _hidden(options: dict[str, Any]) -> dict[str, Any]:
    """Options of ``connect`` of which a traceback shows neither key nor headers."""
    secret = {"api_key": hidden(options.get("api_key")), "headers": hidden_values(options.get("headers") or {})}
    return {**options, **secret}
