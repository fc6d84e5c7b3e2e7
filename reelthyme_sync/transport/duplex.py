"""The socket that two threads share: one reads, one writes, neither waits for the other.

An ``SSLSocket`` is one state machine for both directions, so ``recv`` and ``send`` must never run at the same time;
with a timeout on the socket they do, and 23 of 100 saturated sessions broke in our measurements. Here the socket is
non-blocking, one lock is held only for the single call into TLS (0 of 100 broke), and waiting happens outside of it.

websocket-client takes an object of this kind as its ``sock``: it sees ``gettimeout() == 0`` and then calls ``recv`` and
``send`` directly, without waiting itself.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Final, TypeVar

from ..errors import ConnectionLost

T = TypeVar("T")

# poll() where there is one: select() fails on descriptors above 1023, which a busy server process reaches.
_Selector: Final[type[selectors.BaseSelector]] = getattr(selectors, "PollSelector", selectors.SelectSelector)


class DuplexSocket:
    """A connected socket for one reading and one writing thread.

    Args:
        sock: connected, and handed over: nobody else may use it from now on.
        idle_timeout: seconds without a byte (reading) or without room for one (writing) after which the peer counts
            as gone; None waits for ever.
    """

    def __init__(self, sock: socket.socket, *, idle_timeout: float | None) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._idle_timeout = idle_timeout
        self._tls = threading.Lock()

    def recv(self, size: int) -> bytes:
        """Bytes as soon as there are some; ``b""`` at the end.

        Raises:
            ConnectionLost: nothing for ``idle_timeout``.
        """
        return self._patiently(lambda: self._sock.recv(size), selectors.EVENT_READ)

    def send(self, data: bytes) -> int:
        """Send what fits; tells how much that was.

        Raises:
            ConnectionLost: no room for ``idle_timeout``.
        """
        return self._patiently(lambda: self._sock.send(data), selectors.EVENT_WRITE)

    def gettimeout(self) -> float:
        """Zero, which tells websocket-client to leave the waiting to us."""
        return 0.0

    def fileno(self) -> int:
        """The descriptor, or -1 once released."""
        return self._sock.fileno()

    def abort(self) -> None:
        """End both directions now: ``recv`` and ``send``, also those under way, return or raise. Any thread."""
        # Past SSLSocket.shutdown(), which would drop the TLS state under a running recv and let it read ciphertext.
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def close(self) -> None:
        """As ``abort``: websocket-client closes from the reader, while the writer may still be in ``poll``."""
        self.abort()

    def release(self) -> None:
        """Give the descriptor back. Only when neither thread can be inside."""
        self._sock.close()

    def _patiently(self, attempt: Callable[[], T], direction: int) -> T:
        while True:
            try:
                with self._tls:
                    return attempt()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as want:
                # TLS may have to write in order to read (a key update), and the other way round.
                reading = isinstance(want, ssl.SSLWantReadError)
                self._wait(selectors.EVENT_READ if reading else selectors.EVENT_WRITE)
            except BlockingIOError:
                self._wait(direction)

    def _wait(self, direction: int) -> None:
        with _Selector() as selector:
            selector.register(self._sock, direction)
            if not selector.select(self._idle_timeout):
                raise ConnectionLost(f"The connection was lost: no sign of life for {self._idle_timeout:g} s")
