"""A proxy that spoils what passes through it: between a client and a real server, on this machine, without a network.

    with FaultProxy(server.url) as proxy, connect(url=proxy.url) as session:
        proxy.black_hole()

Faults hold for all connections, those that are open and those to come, until ``heal``. Of ``ws`` it knows the borders
of frames; ``wss`` passes as bytes, TLS and all, so that it is cut and garbled as on a real network.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from .fault import AsBinary, Cut, Delay, Dribble, Drop, Fault, Garbage, Hold, Insert, MuteClose, Throttle
from .frames import Opaque, Splitter, Unit
from .patience import PATIENCE
from .wire import Severed, Wire

Direction: TypeAlias = Literal["up", "down"]
"""``up``: from the client to the server; ``down``: from the server to the client."""

BOTH: tuple[Direction, Direction] = ("up", "down")


class FaultProxy:
    """Listens until closed. Every fault is a method; ``set`` takes those that are made by hand.

    Args:
        target: the server's URL.

    Attributes:
        url: the proxy's own URL, with the path and query of the target.
        connections: how many clients have come so far.
        passed: bytes that have passed, in each direction.
    """

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self.connections = 0
        self.passed: dict[Direction, int] = {"up": 0, "down": 0}
        self._target = (str(parts.hostname), int(parts.port or 80))
        self._sees_frames = parts.scheme == "ws"
        self._faults: dict[Direction, Fault] = {"up": Fault(), "down": Fault()}
        self._changed = threading.Condition()
        self._closed = False
        self._passages: set[Passage] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = parts._replace(netloc=f"127.0.0.1:{self._listener.getsockname()[1]}").geturl()
        self._thread = threading.Thread(target=self._accept, name="fault-proxy", daemon=True)
        self._thread.start()

    def __enter__(self) -> FaultProxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- faults -----------------------------------------------------------------------------------------------

    def set(self, *, up: Fault | None = None, down: Fault | None = None) -> None:
        """Treat what comes from now on with these faults, instead of those before."""
        with self._changed:
            self._faults = {"up": up or Fault(), "down": down or Fault()}
            self._changed.notify_all()

    def heal(self) -> None:
        """Let everything pass again. What was held passes too; what was dropped has gone."""
        self.set()

    def delay(self, seconds: float) -> None:
        """Hold every frame back for so long."""
        self.set(up=Delay(seconds), down=Delay(seconds))

    def drop(self, *directions: Direction) -> None:
        """Let bytes vanish, by default of both directions; the end of a connection still passes."""
        self.set(**dict.fromkeys(directions or BOTH, Drop()))

    def black_hole(self, *directions: Direction) -> None:
        """Let nothing pass and nothing close: the connection is half open for either side."""
        self.set(**dict.fromkeys(directions or BOTH, Hold()))

    def cut(self, after: int | None = None, direction: Direction = "down", *, reset: bool = False) -> None:
        """Sever the connection after so many more bytes, by default in the middle of the next frame.

        Those that come later are severed with their first byte; ``heal`` lets a client come back.
        """
        self.set(**{direction: Cut(after, reset=reset)})

    def reset(self) -> None:
        """Reset all connections now (RST), and every later one with its first byte."""
        self.set(up=Cut(0, reset=True), down=Cut(0, reset=True))
        with self._changed:
            passages = list(self._passages)
        for passage in passages:
            passage.mark_severed(reset=True)

    def throttle(self, bytes_per_second: int) -> None:
        """Make the network slow, either way."""
        self.set(up=Throttle(bytes_per_second), down=Throttle(bytes_per_second))

    def garbage(self, seed: int = 0) -> None:
        """Answer random bytes in place of frames."""
        self.set(down=Garbage(seed))

    def mute_close(self) -> None:
        """Never let the server's goodbye through."""
        self.set(down=MuteClose())

    def dribble(self) -> None:
        """Split what the server says into single bytes."""
        self.set(down=Dribble())

    def insert(self, pieces: Callable[[], Iterable[bytes]], *, always: bool = False) -> None:
        """Insert bytes of our own at a border of the server's frames: before the next, or before every one."""
        self.set(down=Insert(pieces, always=always))

    def as_binary(self) -> None:
        """Turn the server's text frames into binary ones."""
        self.set(down=AsBinary())

    # --- waiting and ending -----------------------------------------------------------------------------------

    def wait_passed(self, direction: Direction, count: int) -> None:
        """Wait until that many bytes have passed.

        Raises:
            TimeoutError: they have not.
        """
        self.wait_until(lambda: self.passed[direction] >= count)

    def wait_idle(self) -> None:
        """Wait until every connection has ended on both sides.

        Raises:
            TimeoutError: one has not.
        """
        self.wait_until(lambda: not self._passages)

    def wait_until(self, reached: Callable[[], bool]) -> None:
        """Wait for something that depends on what passes here.

        Raises:
            TimeoutError: it did not come about.
        """
        with self._changed:
            if not self._changed.wait_for(reached, PATIENCE):
                raise TimeoutError(f"{len(self._passages)} connections are open; passed: {self.passed}")

    def close(self) -> None:
        """Sever what is open, and end all threads. Idempotent."""
        with self._changed:
            self._closed = True
            passages = list(self._passages)
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(PATIENCE)
        for passage in passages:
            passage.mark_severed(reset=False)
        for passage in passages:
            passage.join()

    # --- what passages call -----------------------------------------------------------------------------------

    def fault(self, direction: Direction) -> Fault:
        """What is to be done with what comes from there."""
        return self._faults[direction]

    def wait(self, until: Callable[[], bool], seconds: float | None) -> None:
        """Wait, at most until something is true that comes with a change of faults or with an end."""
        with self._changed:
            self._changed.wait_for(until, seconds)

    def wake(self) -> None:
        """Let all who wait look again."""
        with self._changed:
            self._changed.notify_all()

    def count(self, direction: Direction, size: int) -> None:
        """So many bytes have passed."""
        with self._changed:
            self.passed[direction] += size
            self._changed.notify_all()

    def splitter(self) -> Splitter | Opaque:
        """Finds the borders in one direction of one connection."""
        return Splitter() if self._sees_frames else Opaque()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._target)
            except OSError:
                client.close()
                continue
            self._open(Passage(self, Wire(client), Wire(server)))

    def _open(self, passage: Passage) -> None:
        with self._changed:
            self.connections += 1
            self._passages.add(passage)
            self._changed.notify_all()
            closed = self._closed
        if closed:
            passage.mark_severed(reset=False)
        passage.start()

    def ended(self, passage: Passage) -> None:
        """A passage is over, its sockets are closed."""
        with self._changed:
            self._passages.discard(passage)
            self._changed.notify_all()


class Passage:
    """One client's connection through the proxy: a thread for each direction, and one that ends what is left."""

    def __init__(self, proxy: FaultProxy, client: Wire, server: Wire) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._severed = False
        self._reset = False
        self._up = threading.Thread(target=self._carry, args=("up", client, server), daemon=True)
        self._down = threading.Thread(target=self._carry, args=("down", server, client), daemon=True)
        self._life = threading.Thread(target=self._live, daemon=True)

    def start(self) -> None:
        """Carry, from now on."""
        self._life.start()

    def join(self) -> None:
        """Wait for the end."""
        self._life.join(PATIENCE)
        assert not self._life.is_alive(), "a passage does not end"

    def wait(self, fault: Fault, seconds: float | None) -> None:
        """For a fault: wait until it is lifted, at most.

        Raises:
            Severed: the passage has been.
        """
        self._proxy.wait(lambda: self._severed or fault not in map(self._proxy.fault, BOTH), seconds)
        if self._severed:
            raise Severed

    def sever(self, *, reset: bool) -> None:
        """For a fault: cut both directions.

        Raises:
            Severed: always.
        """
        self.mark_severed(reset=reset)
        raise Severed

    def mark_severed(self, *, reset: bool) -> None:
        """Cut both directions, from any thread."""
        self._reset = self._reset or (reset and not self._severed)
        self._severed = True
        self._proxy.wake()
        self._client.wake()
        self._server.wake()

    def _live(self) -> None:
        for thread in (self._up, self._down):
            thread.start()
        for thread in (self._up, self._down):
            thread.join()
        self._client.release(reset=self._reset)
        self._server.release(reset=self._reset)
        self._proxy.ended(self)

    def _carry(self, direction: Direction, source: Wire, sink: Wire) -> None:
        splitter = self._proxy.splitter()
        try:
            while data := source.read():
                self._pass(direction, splitter.feed(data), sink)
            self._pass(direction, splitter.rest(), sink)
            while (fault := self._proxy.fault(direction)).holds_end:
                self.wait(fault, None)
            sink.finish()
        except Severed:
            pass
        except OSError:  # the receiver is gone, and the sender shall hear of it
            self.mark_severed(reset=False)

    def _pass(self, direction: Direction, units: Iterable[Unit], sink: Wire) -> None:
        for unit in units:
            while (fault := self._proxy.fault(direction)).holds:
                self.wait(fault, None)
            for piece in fault.treat(unit, self):
                sink.write(piece)
                self._proxy.count(direction, len(piece))
