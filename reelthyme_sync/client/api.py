"""``RealtimeAPI``: the connection as the reference client has it, with handlers for every event of either side."""

from __future__ import annotations

import contextlib
import inspect
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

from .._credentials import Credential, hidden, hidden_values
from ..connecting import connect
from ..errors import AlreadyConnected, ConnectionClosed, NotConnected
from ..events import ClientEvent, ServerEvent, UnknownEvent, evolve
from ..ids import generate_id
from ..session import Session
from .chronicle import Chronicle
from .connection import Connection
from .event_handler import EventHandler
from .narration import Closed, time_now
from .narrator import Narrator, Told


class _Plain:
    """Adds nothing."""

    def opened(self, session: Session) -> _Plain:
        return self

    def received(self, event: ServerEvent, told: Told) -> Told:
        return told

    def follow(self) -> None: ...

    def sent(self, event: ClientEvent | UnknownEvent, told: Told) -> Told:
        return told

    def closed(self, closed: Closed, told: Told) -> Told:
        return told

    def named(self, end: ConnectionClosed) -> ConnectionClosed:
        return end

    def failed(self, error: BaseException, told: Told) -> Told:
        return told


def _nothing(session: Session) -> None:
    pass


class RealtimeAPI(EventHandler):
    """One connection at a time, which tells its handlers of all that is said on it.

    They are told ``server.NAME`` and then ``server.*`` of what the server says, ``client.NAME`` and ``client.*`` of
    what we say, and ``close`` at the end, after an ``error`` if the connection was lost. Use it alone for a log or a
    protocol of your own; ``RealtimeClient`` has one.

    Args:
        session: an open session to be used instead of a connection of its own, by the one ``connect()`` that there is
            then.
        url: a relay or a local server; by default OpenAI.
        api_key: as of ``reelthyme_sync.connect``.
        debug: write every event to stderr.
        threaded: handlers run on a thread of the library; otherwise on the one that iterates over ``events()``. What
            comes is never held up for them: it waits in memory, and ``max_queue`` does not bound that.
        advice: what ``NotConnected`` says.
        options: whatever else ``reelthyme_sync.connect`` takes.

    Raises:
        TypeError: it takes no such option.
    """

    _connection: Connection | None = None  # the latest, also when it has ended

    def __init__(
        self,
        session: Session | None = None,
        *,
        url: str | None = None,
        api_key: Credential | None = None,
        debug: bool = False,
        threaded: bool = True,
        chronicle: Chronicle | None = None,
        narrator: Narrator | None = None,
        advice: str = "RealtimeAPI is not connected: call .connect() first",
        **options: Any,
    ) -> None:
        api_key, options = hidden(api_key), with_hidden_headers(options)  # first: a traceback may show what is local
        if session is not None and not isinstance(session, Session):
            raise TypeError(f"session is a Session, not {type(session).__name__}: an address is url=, a key api_key=")
        super().__init__(chronicle)
        self.debug = debug
        self._given = session
        self._open: Callable[..., Session] = _opener(url=url, api_key=api_key, **options)
        self._threaded = threaded
        self._narrator: Narrator = _Plain() if narrator is None else narrator
        self._advice = advice
        self._connecting = threading.Lock()

    def __repr__(self) -> str:
        connection: Connection | None = vars(self).get("_connection")  # a traceback asks for one that could not be made
        return f"<RealtimeAPI {'not connected' if connection is None or connection.session.closed else 'connected'}>"

    @property
    def connection(self) -> Connection:
        """The one that is open, or that has ended by itself: what came on it can still be asked for.

        Raises:
            NotConnected: there was none, or you have disconnected.
            ForkedSession: it belongs to the process from which this one was forked.
        """
        connection = self._connection
        if connection is None or connection.let_go:
            raise NotConnected(self._advice)
        connection.session.home.check()
        return connection

    @property
    def session(self) -> Session:
        """The session that is open.

        Raises:
            NotConnected: none is. It says how the last one ended, if you did not disconnect.
            ForkedSession: it belongs to the process from which this one was forked.
        """
        connection = self.connection
        if connection.session.closed:
            end = connection.end
            raise NotConnected(self._advice if end is None else f"{self._advice} (the last ended: {end})") from end
        return connection.session

    def is_connected(self) -> bool:
        """Whether events can be sent."""
        connection = self._connection
        return connection is not None and not connection.let_go and not connection.session.closed

    def connect(self, model: str | None = None, *, opening: Callable[[Session], object] = _nothing) -> Literal[True]:
        """Open the connection. If the last is just ending, that comes first, with what handlers are told of it.

        Args:
            model: to talk to, if it is not the default's or that of the ``url``.
            opening: sends what is to be sent before anything is heard.

        A server that ends the session at once is no error here: ``close`` is told, after what it said before.

        Raises:
            AlreadyConnected: it is open, or another thread is opening it.
            NotConnected: the session that it was made with has been used.
            MissingApiKey, ConnectFailed, ValueError: as of ``reelthyme_sync.connect``.
        """
        if not self._connecting.acquire(blocking=False):
            raise AlreadyConnected("Already connecting, on another thread")
        try:
            if self.is_connected():
                raise AlreadyConnected("Already connected")
            if self._connection is not None:
                self._connection.close()
            self._connection = self._connect(model)
            self._connection.open(opening)
        finally:
            self._connecting.release()
        return True

    def disconnect(self) -> Literal[True]:
        """End the connection; what was sent goes out first, and what has arrived is told to handlers. Idempotent."""
        if (connection := self._connection) is not None:
            connection.let_go = True
            connection.close()
        return True

    def send(self, name: str | ClientEvent, data: Mapping[str, Any] | None = None) -> Literal[True]:
        """Send an event, which gets an id if it has none.

        Args:
            name: its name on the wire, or the whole event.
            data: its fields; they may name an ``event_id`` of your own.

        Raises:
            NotConnected: there is no connection.
            TypeError: the data are no mapping.
            InvalidEvent: it cannot be encoded.
        """
        session = self.session
        event: ClientEvent | dict[str, Any]
        if isinstance(name, ClientEvent):
            event = name if name.event_id else evolve(name, event_id=generate_id("evt_"))
            event_id = event.event_id
        else:
            if data is not None and not isinstance(data, Mapping):
                raise TypeError(f"data must be an object: a dictionary, not {type(data).__name__}")
            event = {"event_id": generate_id("evt_"), "type": name, **(data or {})}
            event_id = event["event_id"]
        self._chronicle.mark(str(event_id))
        session.send(event)
        return True

    def receive(self, name: str, event: Any) -> Literal[True]:
        """Tell handlers of an event as if the server had sent it; on this thread, at once."""
        self.dispatch(f"server.{name}", event)
        return self.dispatch("server.*", event)

    def post(self, told: Told) -> None:
        """Have handlers told, where and when it is their turn: behind those of all that has happened before."""
        if self._connection is not None:
            self._connection.post(told)

    def events(self) -> Iterator[ServerEvent]:
        """All events of the server until the end, each after its handlers have run, on this thread.

        For ``threaded=False``; the first is the first of the connection, which may have ended meanwhile.

        Raises:
            NotConnected: there was no connection, or you have disconnected.
            ConcurrentReceive: handlers run on another thread.
            ConnectionLost: it ended although nobody closed it.
        """
        yield from self.connection.events()

    def log(self, *words: object) -> Literal[True]:
        """Write to stderr, with the time, if ``debug`` is on. One that is closed is no error."""
        if self.debug:
            with contextlib.suppress(AttributeError, OSError, ValueError):  # none at all, a broken pipe, a closed file
                sys.stderr.write(" ".join([f"[Websocket/{time_now()}]", *(str(word) for word in words)]) + "\n")
        return True

    def _connect(self, model: str | None) -> Connection:
        if self._given is None:
            session = self._open(model)
        elif self._connection is None:
            session = self._given
        else:
            raise NotConnected("The session that this was made with has been used: make another, with another session")
        return Connection(
            self,
            session,
            self._chronicle,
            self._narrator,
            log=self.log,
            failed=self._failed,
            threaded=self._threaded,
        )

    def _failed(self, error: BaseException) -> None:
        self._tell(self._narrator.failed(error, [(self, "error", error)]))


def with_hidden_headers(options: dict[str, Any]) -> dict[str, Any]:
    """Options of ``connect`` whose headers a ``repr`` does not show."""
    return {**options, "headers": hidden_values(options.get("headers") or {})}


def _opener(**options: Any) -> Callable[[str | None], Session]:
    """Connects with these, and with the model that it is given.

    Raises:
        TypeError: one of them is none that there is.
    """
    inspect.signature(connect).bind(**options)
    return lambda model: connect(**{**options, **({"model": model} if model is not None else {})})
