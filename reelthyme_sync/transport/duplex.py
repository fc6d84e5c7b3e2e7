"""The socket that two threads share: one reads, one writes, neither waits for the other.

An ``SSLSocket`` is one state machine for both directions, so ``recv`` and ``send`` must never run at the same time;
with a timeout on the socket they do, and 23 of 100 saturated sessions broke in our measurements. Here the socket is
non-blocking, one lock is held only for the single call into TLS (0 of 100 broke), and waiting happens outside of it.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import ssl
import threading
import weakref
from collections.abc import Callable
from typing import Final, TypeVar

from ..errors import ConnectionLost

A = TypeVar("A")
T = TypeVar("T")

_AT_ONCE: Final = 1 << 17
"""Bytes read at once, at most: every call lets another thread run, and with half of this, receiving as fast as the
network gives takes a fifth longer."""

# poll() where there is one: select() fails on descriptors above 1023, which a busy server process reaches.
_Selector: Final[type[selectors.BaseSelector]] = getattr(selectors, "PollSelector", selectors.SelectSelector)


class DuplexSocket:
    """A connected socket for one reading and one writing thread.

    Args:
        sock: connected, and handed over: nobody else may use it from now on.
        idle_timeout: seconds without a byte from the peer, while ``recv`` waits for one, after which it counts as gone;
            None waits for ever.
    """

    def __init__(self, sock: socket.socket, *, idle_timeout: float | None) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._idle_timeout = idle_timeout
        self._tls = threading.Lock()
        _open.add(self)

    def recv(self) -> bytes:
        """Bytes as soon as there are some, as many as have come; ``b""`` at the end.

        Raises:
            ConnectionLost: nothing for ``idle_timeout``.
        """
        return self._patiently(self._sock.recv, _AT_ONCE, selectors.EVENT_READ, self._idle_timeout)

    def sendall(self, data: bytes, *, within: float | None = None) -> None:
        """Send all of it. Only the reader judges whether the peer is alive, so there is no limit of its own.

        A limit would end a session whose consumer is slow: a reader that waits for it holds up the peer, and many a
        peer that cannot send does not read either.

        Args:
            data: what to send.
            within: for the reader's own answers: seconds without room after which the peer counts as gone.

        Raises:
            ConnectionLost: no room for ``within``.
        """
        left = memoryview(data)
        while left:
            left = left[self._patiently(self._sock.send, left, selectors.EVENT_WRITE, within) :]

    def abort(self) -> None:
        """End both directions now: ``recv`` and ``send``, also those under way, return or raise. Any thread."""
        # Past SSLSocket.shutdown(), which would drop the TLS state under a running recv and let it read ciphertext.
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def release(self) -> None:
        """Give the descriptor back. Only when neither thread can be inside."""
        self._sock.close()

    def leave_to_parent(self) -> None:
        """In a forked child: give its copy of the descriptor back, and let the parent's connection go on."""
        # Not through close(): TLS state that a thread of the parent was changing is no longer to be touched.
        with contextlib.suppress(OSError):
            os.close(self._sock.detach())

    def _patiently(self, attempt: Callable[[A], T], argument: A, direction: int, timeout: float | None) -> T:
        while True:
            try:
                with self._tls:
                    return attempt(argument)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as want:
                # TLS may have to write in order to read (a key update), and the other way round.
                reading = isinstance(want, ssl.SSLWantReadError)
                self._wait(selectors.EVENT_READ if reading else selectors.EVENT_WRITE, timeout)
            except BlockingIOError:
                self._wait(direction, timeout)

    def _wait(self, direction: int, timeout: float | None) -> None:
        with _Selector() as selector:
            selector.register(self._sock, direction)
            if not selector.select(timeout):
                raise ConnectionLost(f"The connection was lost: no sign of life for {timeout:g} s")


_open: weakref.WeakSet[DuplexSocket] = weakref.WeakSet()


def _leave_all_to_parent() -> None:
    for duplex in list(_open):
        duplex.leave_to_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_all_to_parent)
