"""One end of a passage through the proxy: a socket that one thread reads, another writes, and any may wake."""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
from collections.abc import Callable
from functools import partial
from typing import TypeVar

T = TypeVar("T")

_BLOCK = 65536
_NO_LINGER = struct.pack("ii", 1, 0)


class Severed(Exception):
    """The passage has been cut: its threads have to go."""


class Wire:
    """A connected socket, handed over.

    A thread that is inside ``read`` or ``write`` cannot be woken by ``shutdown`` without the peer hearing of it, and
    a reset must not be announced: so each wire has a second socket that wakes it.
    """

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock = sock
        self._awake, self._waker = socket.socketpair()

    def read(self) -> bytes:
        """Bytes as soon as there are some; ``b""`` at the end, however it came about."""
        try:
            return self._patiently(partial(self._sock.recv, _BLOCK), selectors.EVENT_READ)
        except OSError:
            return b""

    def write(self, data: bytes) -> None:
        """Send all of it, however long that takes.

        Raises:
            OSError: the peer is gone.
            Severed: the passage is.
        """
        left = memoryview(data)
        while left:
            left = left[self._patiently(partial(self._sock.send, left), selectors.EVENT_WRITE) :]

    def finish(self) -> None:
        """Say that nothing more will come (FIN)."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)

    def wake(self) -> None:
        """Make ``read`` and ``write`` raise ``Severed``, now and from now on."""
        with contextlib.suppress(OSError):
            self._waker.send(b"!")

    def release(self, *, reset: bool) -> None:
        """Close: with RST, or with FIN. Once no thread is inside any more."""
        if reset:
            with contextlib.suppress(OSError):
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        for sock in (self._sock, self._awake, self._waker):
            sock.close()

    def _patiently(self, attempt: Callable[[], T], direction: int) -> T:
        while True:
            with contextlib.suppress(BlockingIOError):
                return attempt()
            with selectors.PollSelector() as selector:
                selector.register(self._sock, direction)
                selector.register(self._awake, selectors.EVENT_READ)
                if any(key.fileobj is self._awake for key, _ in selector.select()):
                    raise Severed
