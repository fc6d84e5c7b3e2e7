"""One connection of a ``RealtimeAPI``: a session, and whoever is told of what passes on it, until its end.

Everything that belongs to one session hangs on it, so that the end of an old one means nothing to the next.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from .. import codec
from ..errors import ConnectionClosed, ConnectionLost
from ..events import ClientEvent, ServerEvent, UnknownEvent
from ..session import Outgoing, Session
from .chronicle import Chronicle, Owner
from .dispatcher import Dispatcher
from .narration import Closed
from .narrator import Narrator, Told


class Connection:
    """Carries what passes on a session to the handlers. It begins with ``open``.

    Args:
        owner: whose handlers are told of the wire.
        session: is open, and ours from now on.
        chronicle: counts it as the next connection, and its calling thread's waits from here.
        narrator: adds to what is told.
        log: is given every event.
        failed: is told what a hook raised.
        threaded: whether handlers run on a thread of their own.

    Attributes:
        let_go: whether the application has disconnected.
    """

    def __init__(
        self,
        owner: Owner,
        session: Session,
        chronicle: Chronicle,
        narrator: Narrator,
        *,
        log: Callable[[str, object], object],
        failed: Callable[[BaseException], object],
        threaded: bool,
    ) -> None:
        self.session = session
        self.let_go = False
        self._owner = owner
        self._chronicle = chronicle
        self._log = log
        self._over = False  # the end has been told, and nothing more will be
        self._number = chronicle.begin()
        self._narration = narrator.opened(session)
        self._dispatcher = Dispatcher(
            session.ordinal, self._number, chronicle, session.screen, failed, threaded=threaded
        )

    @property
    def end(self) -> ConnectionClosed | None:
        """How it ended, a new exception each time; None while it goes on."""
        end = self.session.end
        return None if end is None else self._narration.named(end)

    def open(self, opening: Callable[[Session], object]) -> None:
        """Begin to hear, once ``opening`` has sent what is to be sent before. What it raises, ends the connection."""
        self.session.observe(self._sent)
        try:
            with contextlib.suppress(ConnectionClosed):  # so soon: handlers are told of it, and of what was said before
                opening(self.session)
        except BaseException:
            self.session.close()
            raise
        finally:
            self.session.intercept(self._received, last=True)
            self.session.on_end(self._ended)

    def close(self) -> None:
        """End it; returns when handlers have been told, except on threads that the end waits for. Idempotent."""
        if not self.session.home.here:
            return
        self.session.close()
        if self._over:  # otherwise this is a thread of the session's, which has to end first
            self._dispatcher.join()

    def post(self, told: Told) -> None:
        """Have handlers told, where and when it is their turn: behind those of all that has happened before."""
        self._dispatcher.post(told)

    def events(self) -> Iterator[ServerEvent]:
        """All events of the server until the end, each after its handlers have run, on this thread.

        Raises:
            ConcurrentReceive: handlers run on another thread.
            ConnectionLost: it ended although nobody closed it.
        """
        yield from self._dispatcher.events()
        if isinstance(end := self.end, ConnectionLost):
            raise end

    def _received(self, event: ServerEvent) -> bool:
        self._dispatcher.post(self._narration.received(event, self._both("server", event)), event)
        self._narration.follow()
        self._log("received", event)
        return True

    def _sent(self, outgoing: Outgoing) -> None:
        event = _typed(outgoing)
        self._dispatcher.post(self._narration.sent(event, self._both("client", event)))
        self._log("sent", event)

    def _ended(self) -> None:
        end = self.end
        assert end is not None
        closed = Closed(isinstance(end, ConnectionLost), end)
        told: Told = [(self._owner, "error", end)] if closed.error else []
        self._dispatcher.post(self._narration.closed(closed, [*told, (self._owner, "close", closed)]))
        self._chronicle.end(self._number, lambda: self.end or end)
        self._dispatcher.end()
        self._over = True

    def _both(self, source: str, event: ClientEvent | ServerEvent | UnknownEvent) -> Told:
        """Handlers of its own name, and those of all."""
        return [(self._owner, f"{source}.{event.type}", event), (self._owner, f"{source}.*", event)]


def _typed(outgoing: Outgoing) -> ClientEvent | UnknownEvent:
    return outgoing if isinstance(outgoing, ClientEvent) else codec.decode_client(codec.encode(outgoing))
