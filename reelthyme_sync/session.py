"""The session: typed events in, typed events out, over one transport.

Knows no audio and no conversation. Hooks run on the thread that calls ``send`` or ``receive``; the routes given to
``intercept``, and what is given to ``on_end``, on the reader.

    send() → outgoing hooks → encode → writer → transport
    transport → reader → decode → routes → inbox → incoming hooks → receive()
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from time import monotonic
from types import TracebackType
from typing import Any, TypeAlias

from . import codec, endpoints
from ._ending import Ending
from ._hooks import Hook, Hooks, chain
from ._link import Link
from ._mailbox import Mailbox, MailboxEnded
from ._routes import Route, Routes, ask
from .beta import Shape
from .endpoints import DEFAULT_MODEL, Endpoint
from .errors import ConcurrentReceive, ConnectionClosed, ConnectionLost
from .events import ClientEvent, ServerEvent
from .transport import Transport
from .transport.websocket import WebSocketTransport

Outgoing: TypeAlias = ClientEvent | Mapping[str, Any]
"""What can be sent: an event, or a dictionary in its shape on the wire."""

_ordinals = itertools.count(1)


def connect(
    *,
    model: str = DEFAULT_MODEL,
    call_id: str | None = None,
    api_key: str | None = None,
    url: str | None = None,
    endpoint: Endpoint | None = None,
    headers: Mapping[str, str] | None = None,
    outgoing: Hooks[Outgoing] = None,
    incoming: Hooks[ServerEvent] = None,
    on_error: Callable[[Exception], ServerEvent | None] | None = None,
    open_timeout: float | None = 10.0,
    ping_interval: float | None = 5.0,
    idle_timeout: float | None = 15.0,
    close_timeout: float = 5.0,
    max_queue: int = 0,
) -> Session:
    """Open a session with OpenAI, or with whatever speaks its protocol at ``url`` or ``endpoint``.

    Args:
        model: the model to talk to; not asked for when there is a ``call_id``.
        call_id: follow the call of a browser or a telephone instead of opening a session of our own.
        api_key: by default the environment's ``OPENAI_API_KEY``, which is only ever sent to OpenAI.
        url: a relay or a local server, ``ws://…`` or ``wss://…``.
        endpoint: an address with its headers, ready made, instead of ``model``, ``call_id``, ``api_key``, ``url``.
        headers: more headers for the upgrade request.
        outgoing: one callable or several, event → event, or None (not sent); on the thread that calls ``send``.
        incoming: the same for events on their way to ``receive``, on the thread that calls it.
        on_error: gets an exception that an ``incoming`` hook raised, and gives the event to go on with, or None
            (dropped). Without it the exception comes out of ``receive``.
        open_timeout: seconds for each step of connecting.
        ping_interval: seconds between two questions for a sign of life, at most a third of ``idle_timeout``; None
            never asks, so that a server with nothing to say counts as lost after ``idle_timeout``.
        idle_timeout: seconds without a sign of life after which the connection is lost; None waits for ever.
        close_timeout: the longest that ``close`` takes.
        max_queue: events that may wait, in each direction, before ``send`` blocks or reading stops (all of it, audio
            too); 0: no bound.

    Raises:
        MissingApiKey: before anything connects.
        ValueError: a time that is not above zero, or a negative ``max_queue``; before anything connects.
        ConnectFailed: nobody there, or somebody who refuses.
    """
    if endpoint is None and url is not None:
        endpoint = endpoints.relay(url, model=model, call_id=call_id, api_key=api_key)
    elif endpoint is None:
        endpoint = endpoints.openai(model=model, call_id=call_id, api_key=api_key)
    _check_above_zero(
        open_timeout=open_timeout, ping_interval=ping_interval, idle_timeout=idle_timeout, close_timeout=close_timeout
    )
    if max_queue < 0:
        raise ValueError(f"max_queue must not be below zero: {max_queue}")
    if idle_timeout is not None and ping_interval is not None:
        ping_interval = min(ping_interval, idle_timeout / 3)
    transport = WebSocketTransport(
        endpoint.with_headers(headers or {}), open_timeout=open_timeout, idle_timeout=idle_timeout
    )
    try:
        return Session(
            transport,
            outgoing=outgoing,
            incoming=incoming,
            on_error=on_error,
            ping_interval=ping_interval,
            close_timeout=close_timeout,
            max_queue=max_queue,
            shape=endpoint.shape,
        )
    except BaseException:
        transport.abort()
        transport.close()
        raise


class Session:
    """An open session, to be used as a context manager, or closed by hand.

    Any thread may send and close; one at a time receives. ``connect`` makes a session; make one yourself to talk over
    a transport of your own. The arguments are those of ``connect``.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        outgoing: Hooks[Outgoing] = None,
        incoming: Hooks[ServerEvent] = None,
        on_error: Callable[[Exception], ServerEvent | None] | None = None,
        ping_interval: float | None = 5.0,
        close_timeout: float = 5.0,
        max_queue: int = 0,
        shape: Shape = "ga",
    ) -> None:
        self.ordinal = next(_ordinals)
        self._outgoing: Hook[Outgoing] = chain(outgoing)
        self._incoming: Hook[ServerEvent] = _guarded(chain(incoming), on_error)
        self._close_timeout = close_timeout
        self._shape = shape
        self._inbox: Mailbox[ServerEvent | Exception] = Mailbox(max_queue)
        self._receiving = threading.Lock()
        self._routing = threading.RLock()  # an event is routed and put, or a route added, never both at once
        self._routes = Routes()
        self._ending = Ending()
        self._link = Link(
            transport,
            ordinal=self.ordinal,
            deliver=self._deliver,
            ended=self._ended,
            max_queue=max_queue,
            ping_interval=ping_interval,
        )

    def __repr__(self) -> str:
        return f"<Session {self.ordinal} {'closed' if self.closed else 'open'}>"

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def closed(self) -> bool:
        """Whether the session has ended, or is about to because ``close`` was called."""
        return self._link.closing or self._ending.reached

    def send(self, event: Outgoing, timeout: float | None = None) -> None:
        """Send an event, after those sent before it. Returns as soon as it is queued for the writer.

        Args:
            event: an event, or a dictionary in its shape on the wire.
            timeout: with ``max_queue``, how long to wait for room.

        Raises:
            InvalidEvent: it cannot be encoded.
            ConnectionClosed: the session has ended; the event will not be sent.
            TimeoutError: there was no room in time; the event will not be sent.
        """
        wanted = self._outgoing(event)
        if wanted is not None and not self._link.send(codec.encode(wanted, shape=self._shape), timeout):
            raise self._ending.error()

    def receive(self, timeout: float | None = None) -> ServerEvent:
        """The next event. Blocks until it is there.

        Raises:
            TimeoutError: none came for ``timeout`` seconds.
            ConnectionClosed: the session has ended, and all its events have been received.
            ConnectionLost: ... and nobody wanted it to end.
            ConcurrentReceive: another thread is receiving.
        """
        if not self._receiving.acquire(blocking=False):
            raise ConcurrentReceive("Another thread is receiving from this session: let one thread receive for all")
        try:
            return self._receive(None if timeout is None else monotonic() + timeout)
        finally:
            self._receiving.release()

    def events(self) -> Iterator[ServerEvent]:
        """All events, until the session ends.

        Raises:
            ConnectionLost: it ended although nobody closed it.
        """
        while True:
            try:
                event = self.receive()
            except ConnectionLost:
                raise
            except ConnectionClosed:
                return
            yield event

    def intercept(self, route: Route) -> Callable[[], None]:
        """See every event the moment it arrives, on the reader thread; return True to take it out of the stream.

        For what cannot wait for the consumer, such as audio. What has arrived and was not received yet is seen first,
        at once. A route must be quick, and must not receive. One that raises is logged, and the event stays in the
        stream. Gives a function that removes the route again.
        """
        with self._routing:
            self._inbox.sift(lambda event: isinstance(event, Exception) or not ask(route, event))
            return self._routes.add(route)

    def report(self, error: Exception) -> None:
        """Raise ``error`` from ``receive``, at its place in the stream: for what fails beside the session.

        The session goes on. So a consumer that waits for events hears of a microphone that was unplugged.
        """
        self._inbox.put(error)

    def on_end(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Have ``callback`` called once the session has ended: on the reader thread, or at once if it has already.

        Gives a function that calls that off.
        """
        return self._ending.then(callback)

    def close(self) -> None:
        """End the session: what was sent before goes out first. Idempotent, from any thread.

        Returns when all is over, after ``close_timeout`` at the latest. Events that have arrived can still be received.
        """
        self._inbox.lift_bound()  # a reader that waits for room must come to the peer's goodbye
        self._link.close(self._close_timeout)

    def _receive(self, deadline: float | None) -> ServerEvent:
        while True:
            left = None if deadline is None else max(0.0, deadline - monotonic())
            try:
                arrived = self._inbox.get(left)
            except MailboxEnded:
                end = self._ending.error()
                raise end from end.__cause__
            if isinstance(arrived, Exception):
                raise arrived
            event = self._incoming(arrived)
            if event is not None:
                return event

    def _deliver(self, data: bytes) -> None:
        event = codec.decode(data, shape=self._shape)
        with self._routing:
            if self._routes.take(event):
                return
            if not self._inbox.bounded:
                self._inbox.put(event)
                return
        self._inbox.put(event)  # may block, so it must not keep others from adding a route

    def _ended(self, end: ConnectionClosed) -> None:
        self._ending.set(end)
        self._inbox.end()


def _check_above_zero(**seconds: float | None) -> None:
    for name, value in seconds.items():
        if value is not None and value <= 0:
            raise ValueError(f"{name} must be above zero, not {value}")


def _guarded(hook: Hook[ServerEvent], on_error: Callable[[Exception], ServerEvent | None] | None) -> Hook[ServerEvent]:
    if on_error is None:
        return hook

    def guarded(event: ServerEvent) -> ServerEvent | None:
        try:
            return hook(event)
        except Exception as error:
            return on_error(error)

    return guarded
