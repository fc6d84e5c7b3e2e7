"""``RealtimeAPI``: the connection as the reference client has it, with handlers for every event of either side."""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal, Protocol, TypeAlias

from .. import codec
from .._credentials import Credential, hidden, hidden_values
from ..connecting import connect
from ..errors import AlreadyConnected, ConnectionClosed, ConnectionLost, NotConnected
from ..events import ClientEvent, ServerEvent, UnknownEvent, evolve
from ..ids import generate_id
from ..session import Outgoing, Session
from .chronicle import Chronicle, Owner
from .dispatcher import Dispatcher
from .event_handler import EventHandler
from .narration import Closed, RealtimeEvent

Told: TypeAlias = list[tuple[Owner, str, Any]]
"""Whose handlers, of which name, are given what."""


class Narrator(Protocol):
    """Adds to what handlers are told. Called on threads of the session, and on those that send."""

    def opened(self, session: Session) -> None:
        """A connection has been opened; nothing has been heard on it yet."""

    def received(self, event: ServerEvent, told: Told) -> Told:
        """An event of the server, and what the handlers of the connection are told of it."""

    def follow(self) -> None:
        """What was received has been entered: do what is due because of it."""

    def sent(self, event: ClientEvent | UnknownEvent, told: Told) -> Told:
        """An event of ours, just before it is sent."""

    def failed(self, error: Exception, told: Told) -> Told:
        """A handler or a hook has raised."""

    def closed(self, closed: Closed, told: Told) -> Told:
        """The end."""


class _Plain:
    """Adds nothing."""

    def opened(self, session: Session) -> None: ...

    def received(self, event: ServerEvent, told: Told) -> Told:
        return told

    def follow(self) -> None: ...

    def sent(self, event: ClientEvent | UnknownEvent, told: Told) -> Told:
        return told

    def failed(self, error: Exception, told: Told) -> Told:
        return told

    def closed(self, closed: Closed, told: Told) -> Told:
        return told


class RealtimeAPI(EventHandler):
    """One connection at a time, which tells its handlers of all that is said on it.

    They are told ``server.NAME`` and then ``server.*`` of what the server says, ``client.NAME`` and ``client.*`` of
    what we say, and ``close`` at the end. Use it alone for a log or a protocol of your own; ``RealtimeClient`` has one.

    Args:
        session: an open session to be used instead of a connection of its own, from ``connect()`` on.
        url: a relay or a local server; by default OpenAI.
        api_key: as of ``reelthyme_sync.connect``.
        debug: write every event to stderr.
        threaded: handlers run on a thread of the library; otherwise on the one that iterates over ``events()``.
        options: whatever else ``reelthyme_sync.connect`` takes.

    Raises:
        TypeError: it takes no such option.
    """

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
        **options: Any,
    ) -> None:
        api_key, options = hidden(api_key), with_hidden_headers(options)  # first: a traceback may show what is local
        super().__init__(chronicle)
        self.debug = debug
        self._given = session
        self._open: Callable[..., Session] = _opener(url=url, api_key=api_key, **options)
        self._threaded = threaded
        self._narrator: Narrator = _Plain() if narrator is None else narrator
        self._session: Session | None = None
        self._dispatcher: Dispatcher | None = None

    @property
    def session(self) -> Session:
        """The session that is open.

        Raises:
            NotConnected: none is.
        """
        session = self._session
        if session is None or session.closed:
            raise NotConnected("RealtimeAPI is not connected: call .connect() first")
        return session

    def is_connected(self) -> bool:
        """Whether events can be sent."""
        return self._session is not None and not self._session.closed

    def connect(self, model: str | None = None, *, opening: Iterable[ClientEvent] = ()) -> Literal[True]:
        """Open the connection.

        Args:
            model: to talk to, if it is not the default's or that of the ``url``.
            opening: sent before anything is heard.

        A server that ends the session at once is no error here: ``close`` is told, after what it said before.

        Raises:
            AlreadyConnected: it is open.
            MissingApiKey, ConnectFailed, ValueError: as of ``reelthyme_sync.connect``.
        """
        if self.is_connected():
            raise AlreadyConnected("Already connected")
        self._chronicle.mark()
        self._chronicle.begin()
        session = self._given if self._given is not None else self._open(model)
        self._given = None
        dispatcher = Dispatcher(session.ordinal, self._chronicle, session.screen, self._failed, threaded=self._threaded)
        self._session, self._dispatcher = session, dispatcher

        def received(event: ServerEvent) -> bool:
            self.log("received", event)
            told: Told = [(self, f"server.{event.type}", event), (self, "server.*", event)]
            dispatcher.post(self._narrator.received(event, told), event)
            self._narrator.follow()
            return True

        def sent(outgoing: Outgoing) -> None:
            event = _typed(outgoing)
            self.log("sent", event)
            told: Told = [(self, f"client.{event.type}", event), (self, "client.*", event)]
            dispatcher.post(self._narrator.sent(event, told))

        def ended() -> None:
            cause = session.end
            assert cause is not None
            closed = Closed(isinstance(cause, ConnectionLost), cause)
            dispatcher.post(self._narrator.closed(closed, [(self, "close", closed)]))
            self._chronicle.end(lambda: session.end or cause)
            dispatcher.end()

        self._narrator.opened(session)
        session.observe(sent)
        try:
            with contextlib.suppress(ConnectionClosed):  # so soon: handlers are told of it, and of what was said before
                for event in opening:
                    session.send(event)
        except BaseException:
            session.close()
            raise
        finally:
            session.intercept(received, last=True)
            session.on_end(ended)
        return True

    def disconnect(self) -> Literal[True]:
        """End the connection; what was sent goes out first, and what has arrived is told to handlers. Idempotent."""
        session, dispatcher, self._session = self._session, self._dispatcher, None
        if session is not None and dispatcher is not None:
            session.close()
            if session.end is not None:  # otherwise this is a thread of the session's, which has to end first
                dispatcher.join()
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
        if self._dispatcher is not None:
            self._dispatcher.post(told)

    def events(self) -> Iterator[ServerEvent]:
        """All events of the server until the end, each after its handlers have run, on this thread.

        For ``threaded=False``; the first is the first of the connection.

        Raises:
            NotConnected: there is no connection.
            ConcurrentReceive: handlers run on another thread.
            ConnectionLost: it ended although nobody closed it.
        """
        session, dispatcher = self.session, self._dispatcher
        assert dispatcher is not None
        yield from dispatcher.events()
        if isinstance(end := session.end, ConnectionLost):
            raise end

    def log(self, *words: object) -> Literal[True]:
        """Write to stderr, with the time, if ``debug`` is on."""
        if self.debug:
            time = RealtimeEvent.now("client", UnknownEvent(type="")).time
            sys.stderr.write(" ".join([f"[Websocket/{time}]", *(str(word) for word in words)]) + "\n")
        return True

    def _failed(self, error: Exception) -> None:
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


def _typed(outgoing: Outgoing) -> ClientEvent | UnknownEvent:
    return outgoing if isinstance(outgoing, ClientEvent) else codec.decode_client(codec.encode(outgoing))
