"""The session: typed events in, typed events out, over one transport.

Knows no audio and no conversation. Hooks run on the thread that calls ``send`` or ``receive``; the routes given to
``intercept``, and what is given to ``on_end``, on the reader, or on the thread that reconnects.

    send() → outgoing hooks → encode → writer → transport
    transport → reader → decode → routes → inbox → incoming hooks → receive()
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from . import _sigterm, codec
from ._ending import Ending
from ._exit import Resident, hold
from ._home import Home
from ._hooks import Hook, Hooks, chain
from ._link import Link
from ._mailbox import Mailbox, MailboxEnded
from ._routes import Route, Routes, ask
from ._worker import Worker, log_failure
from .beta import Shape
from .errors import ConcurrentReceive, ConnectionClosed, ConnectionLost
from .events import ClientEvent, Reconnected, ServerEvent, SessionCreated, SessionUpdated, TranslationSession
from .events.server_events import AnySession
from .reconnect import Reconnect
from .transport import Transport

if TYPE_CHECKING:
    from ._lifeline import Lifeline, Reopen

Outgoing: TypeAlias = ClientEvent | Mapping[str, Any]
"""What can be sent: an event, or a dictionary in its shape on the wire."""

Shared = TypeVar("Shared")

_ordinals = itertools.count(1)


class Session:
    """An open session, to be used as a context manager, or closed by hand.

    Any thread may send and close; one at a time receives. ``connect`` makes a session; make one yourself to talk over
    a transport of your own. The arguments are those of ``connect``; for ``reconnect``, ``reopen`` gives the next
    transport, and ``follows_call`` says that the server needs to be told nothing, because it holds the call;
    ``translates``, that it takes sound as a translation does, before it has said so.

    Attributes:
        ordinal: the N in the names of its threads.
        home: the process that it works in.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        outgoing: Hooks[Outgoing] = None,
        incoming: Hooks[ServerEvent] = None,
        on_error: Callable[[Exception], ServerEvent | None] | None = None,
        open_timeout: float | None = 10.0,
        ping_interval: float | None = 5.0,
        close_timeout: float = 5.0,
        max_queue: int = 0,
        shape: Shape = "ga",
        follows_call: bool = False,
        translates: bool = False,
        reconnect: Reconnect | None = None,
        reopen: Reopen | None = None,
    ) -> None:
        self.home = Home()
        self.ordinal = next(_ordinals)
        self._outgoing: Hook[Outgoing] = chain(outgoing)
        self._incoming: Hook[ServerEvent] = _guarded(chain(incoming), on_error)
        self._close_timeout = close_timeout
        self._shape: Shape = shape
        self._inbox: Mailbox[ServerEvent] = Mailbox(max_queue)
        self._receiving = threading.Lock()
        self._routing = threading.RLock()  # an event is routed and put, or a route added, never both at once
        self._catching_up: int | None = None  # the thread on which a route is shown what had arrived before it
        self._routes = Routes()
        self._configuration: AnySession | None = None
        self._translates = translates
        self._sharing = threading.Lock()
        self._shared: dict[Callable[[], Any], Any] = {}
        self._observers: tuple[Callable[[Outgoing], None], ...] = ()  # replaced, never changed: send takes no lock
        self._ending = Ending()
        make_link = partial(Link, ordinal=self.ordinal, max_queue=max_queue, ping_interval=ping_interval)
        self._link: Link | Lifeline
        if reconnect is None or reopen is None:
            self._link = make_link(transport, deliver=self._decode, decided=self._ending.decide, ended=self._ended)
        else:
            from ._lifeline import Lifeline  # an eighth of the whole import, for those who want it

            self._link = Lifeline(
                transport,
                make_link,
                policy=reconnect,
                reopen=reopen,
                ordinal=self.ordinal,
                shape=shape,
                follows_call=follows_call,
                deliver=self._deliver,
                decided=self._ending.decide,
                ended=self._ended,
                open_timeout=open_timeout,
                max_queue=max_queue,
            )
        resident = Resident(hang_up=self._hang_up, abort=self._link.abort, join=self._link.join)
        self._ending.then(resident.end_with_process())
        _sigterm.watch()

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
        return not self.home.here or self._link.closing or self._ending.reached

    @property
    def configuration(self) -> AnySession | None:
        """What the session is, as the server last said; None before it has said so. Any thread."""
        return self._configuration

    @property
    def translates(self) -> bool:
        """Whether it is a translation, which takes sound as ``session.input_audio_buffer.append``."""
        return self._translates or isinstance(self._configuration, TranslationSession)

    @property
    def end(self) -> ConnectionClosed | None:
        """How it ended, as ``receive`` would raise it; None while it goes on. Any thread."""
        return self._ending.error() if self._ending.reached else None

    def send(self, event: Outgoing, timeout: float | None = None) -> bool:
        """Send an event, after those sent before it. Returns as soon as it is queued for the writer.

        With ``reconnect``, when an old connection is just being replaced between two turns, that may take two seconds.

        Args:
            event: an event, or a dictionary in its shape on the wire.
            timeout: with ``max_queue``, how long to wait for room.

        Returns:
            Whether it will be sent: False if a hook dropped it.

        Raises:
            InvalidEvent: it cannot be encoded.
            ConnectionClosed: the session has ended; the event will not be sent.
            TimeoutError: there was no room in time; the event will not be sent.
            ForkedSession: the session belongs to the process from which this one was forked.
        """
        self.home.check()
        wanted = self._outgoing(event)
        if wanted is None:
            return False
        data = codec.encode(wanted, shape=self._shape)
        for observer in self._observers:
            observer(wanted)
        if not self._link.send(data, timeout):
            hold()
            raise self._ending.error()
        return True

    def receive(self, timeout: float | None = None) -> ServerEvent:
        """The next event. Blocks until it is there.

        Raises:
            TimeoutError: none came for ``timeout`` seconds.
            ConnectionClosed: the session has ended, and all its events have been received.
            ConnectionLost: ... and nobody wanted it to end.
            ConcurrentReceive: another thread is receiving.
            ForkedSession: the session belongs to the process from which this one was forked.
        """
        self.home.check()
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

    def intercept(self, route: Route, *, last: bool = False) -> Callable[[], None]:
        """See every event the moment it arrives, on a thread of the session; return True to take it out of the stream.

        For what cannot wait for the consumer, such as audio. What has arrived and was not received yet is seen first,
        at once. A route must be quick, and must not receive. One that raises is logged, and the event stays in the
        stream. With ``last`` it is asked after all others, also those that are added later: for one that takes all.
        Gives a function that removes the route again.
        """
        self.home.check()
        with self._routing:
            self._catching_up = threading.get_ident()
            try:
                self._inbox.sift(lambda event: not ask(route, event))
            finally:
                self._catching_up = None
            return self._routes.add(route, last=last)

    def observe(self, observer: Callable[[Outgoing], None]) -> Callable[[], None]:
        """See every event that is sent, after the hooks, just before it is queued: on the thread that sends it.

        An observer must be quick, and what it raises comes out of ``send``. Gives a function that removes it again.
        """
        self.home.check()
        with self._sharing:
            self._observers = (*self._observers, observer)
        return lambda: self._forget_observer(observer)

    def screen(self, event: ServerEvent) -> ServerEvent | None:
        """Show the ``incoming`` hooks an event that a route has taken, as ``receive`` would: None if they drop it."""
        return self._incoming(event)

    def report(self, event: ServerEvent) -> None:
        """Put an event of ours into the stream, for what happens beside the wire. Does not block, even if it is full.

        So a consumer that waits for events hears of a microphone that was unplugged. Routes see it too, on the
        thread that reports.
        """
        self.home.check()
        with self._routing:
            if not self._routes.take(event):
                self._inbox.push(event)

    def shared(self, kind: Callable[[], Shared]) -> Shared:
        """The one thing of its kind that all who use this session share: made when it is first asked for."""
        with self._sharing:
            if kind not in self._shared:
                self._shared[kind] = kind()
            thing: Shared = self._shared[kind]
            return thing

    def on_end(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Have ``callback`` called once the session has ended: on a thread of it, or at once if it has already.

        Gives a function that calls that off.
        """
        self.home.check()
        return self._ending.then(callback)

    def close(self) -> None:
        """End the session: what was sent before goes out first. Idempotent, from any thread.

        Returns when all is over, after ``close_timeout`` at the latest; in a route, at once. Events that have arrived
        can still be received.
        In a process that was forked from the session's own it does nothing: the session goes on where it lives.
        """
        if not self.home.here:
            return
        self._hang_up()
        end = partial(self._link.close, self._close_timeout)
        if self._in_a_route():
            Worker(f"reelthyme-closer-{self.ordinal}", end, log_failure).start()
        else:
            end()

    def _forget_observer(self, observer: Callable[[Outgoing], None]) -> None:
        with self._sharing:
            self._observers = tuple(other for other in self._observers if other is not observer)

    def _hang_up(self) -> None:
        self._inbox.lift_bound()  # a reader that waits for room must come to the peer's goodbye
        self._link.hang_up()

    def _in_a_route(self) -> bool:
        """Whether the caller is on a thread whose end ``close`` would wait for, or that waits for this caller."""
        own = {f"reelthyme-{role}-{self.ordinal}" for role in ("reader", "reconnect")}
        return self._catching_up == threading.get_ident() or threading.current_thread().name in own

    def _receive(self, deadline: float | None) -> ServerEvent:
        while True:
            left = None if deadline is None else max(0.0, deadline - monotonic())
            try:
                arrived = self._inbox.get(left)
            except MailboxEnded:
                hold()
                end = self._ending.error()
                raise end from end.__cause__
            event = self._incoming(arrived)
            if event is not None:
                return event

    def _decode(self, data: bytes) -> None:
        self._deliver(codec.decode(data, shape=self._shape))

    def _deliver(self, event: ServerEvent) -> None:
        with self._routing:
            if isinstance(event, (SessionCreated, SessionUpdated, Reconnected)):
                self._configuration = event.session
            if self._routes.take(event):
                return
            if not self._inbox.bounded:
                self._inbox.put(event)
                return
        self._inbox.put(event)  # may block, so it must not keep others from adding a route

    def _ended(self, end: ConnectionClosed) -> None:
        self._ending.set(end)
        self._inbox.end()


def _guarded(hook: Hook[ServerEvent], on_error: Callable[[Exception], ServerEvent | None] | None) -> Hook[ServerEvent]:
    if on_error is None:
        return hook

    def guarded(event: ServerEvent) -> ServerEvent | None:
        try:
            return hook(event)
        except Exception as error:
            return on_error(error)

    return guarded
