"""One attempt to open a connection: its deadline, its socket while it is on the way, and the hand that stops it.

Knows no proxy, no TLS and no HTTP. One thread opens; any thread may abort.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from time import monotonic
from typing import Final

from ..errors import ConnectFailed

_ABORTED: Final = "Could not connect: aborted, because the session was closed"


class Opening:
    """An attempt to open a connection, which ends at one deadline, and which another thread can abort.

    Make one for every attempt and hand it to the transport. The deadline is for the whole way: name, TCP, proxy, TLS
    and upgrade. A server that drips its answer byte by byte does not prolong it. Only the look-up of a name cannot be
    ended from outside: the system's resolver keeps its own time, and the deadline and an abort count from its answer.

    Args:
        timeout: seconds from now until the connection has to be open; None waits for ever.
    """

    def __init__(self, timeout: float | None) -> None:
        self._timeout = timeout
        self._deadline = None if timeout is None else monotonic() + timeout
        self._deciding = threading.Lock()
        self._aborted = False
        self._sock: socket.socket | None = None
        self._step = "at the beginning"

    def remaining(self) -> float | None:
        """Seconds left, above zero; None without a deadline.

        Raises:
            ConnectFailed: there are none left, or the attempt was aborted.
        """
        self._refuse_if_aborted()
        if self._deadline is None:
            return None
        left = self._deadline - monotonic()
        if left <= 0:
            raise self._timed_out()
        return left

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Do one step of opening, named for the errors: ``"during the TLS handshake with …"``.

        Raises:
            ConnectFailed: no time is left or the attempt was aborted, before the step or during it.
        """
        self._step = name
        self.remaining()
        try:
            yield
        except TimeoutError as error:
            self._refuse_if_aborted(error)
            raise self._timed_out() from error
        except Exception as error:
            self._refuse_if_aborted(error)
            raise
        self._refuse_if_aborted()  # a socket that was shut down looks connected, and reads as ended

    def adopt(self, sock: socket.socket) -> None:
        """Make ``sock`` the one that ``abort`` cuts and that ``recv`` and ``send`` use, instead of the one before.

        Raises:
            ConnectFailed: the attempt was aborted; the socket is closed.
        """
        with self._deciding:
            if not self._aborted:
                self._sock = sock
                return
        sock.close()
        self._refuse_if_aborted()

    @property
    def sock(self) -> socket.socket:
        """The socket adopted last."""
        assert self._sock is not None, "nothing has been adopted yet"
        return self._sock

    def release(self) -> socket.socket:
        """Hand the socket over: the connection is open, and no longer this attempt's to cut.

        Raises:
            ConnectFailed: the attempt was aborted; the socket is closed.
        """
        with self._deciding:
            if not self._aborted:
                sock, self._sock = self.sock, None
                return sock
        self.discard()
        raise ConnectFailed(_ABORTED)

    def recv(self, size: int) -> bytes:
        """Bytes as soon as there are some, within the deadline; ``b""`` at the end."""
        self.sock.settimeout(self.remaining())
        return self.sock.recv(size)

    def send(self, data: bytes | memoryview) -> None:
        """Send all of it, within the deadline."""
        self.sock.settimeout(self.remaining())
        self.sock.sendall(data)

    def abort(self) -> None:
        """Stop: the step under way ends, the next does not begin. Any thread, idempotent."""
        with self._deciding:
            self._aborted = True
            sock = self._sock
        if sock is not None:
            # Past SSLSocket.shutdown(), which would drop the TLS state under a running handshake.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def discard(self) -> None:
        """Close the socket, if there is one: the attempt has failed. By the opening thread."""
        if self._sock is not None:
            self._sock.close()

    def _refuse_if_aborted(self, cause: BaseException | None = None) -> None:
        if self._aborted:
            raise ConnectFailed(_ABORTED) from cause

    def _timed_out(self) -> ConnectFailed:
        after = "" if self._timeout is None else f" after {self._timeout:g} s"
        return ConnectFailed(f"Could not connect: timed out{after}, {self._step}", recoverable=True)
