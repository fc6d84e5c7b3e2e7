"""A WebSocket peer that does exactly what a test tells it, bytes and all: the far end of one connection.

Built on sockets alone, because no server library lets one misbehave.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator

PATIENCE = 20.0


def frame(payload: bytes, opcode: int = 1, *, fin: bool = True) -> bytes:
    """One frame as a server sends it, unmasked."""
    head = bytes([fin << 7 | opcode])
    if len(payload) < 126:
        return head + bytes([len(payload)]) + payload
    if len(payload) < 1 << 16:
        return head + b"\x7e" + struct.pack("!H", len(payload)) + payload
    return head + b"\x7f" + struct.pack("!Q", len(payload)) + payload


def close_frame(code: int, reason: str = "") -> bytes:
    return frame(struct.pack("!H", code) + reason.encode(), 8)


class Peer:
    """One accepted connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._file = sock.makefile("rb")
        self.request = b""

    def handshake(self) -> None:
        """Accept the upgrade."""
        self.read_request()
        headers = dict(line.lower().split(b": ", 1) for line in self.request.split(b"\r\n")[1:] if line)
        key = next(line for line in self.request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
        token = hashlib.sha1(key.split(b": ")[1] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        assert b"upgrade" in headers
        self.send(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(token) + b"\r\n\r\n"
        )

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def close(self) -> None:
        """Let go of the socket: its descriptor is closed once this, too, is done."""
        self._file.close()

    def read_request(self) -> bytes:
        """The client's request, which is then answered by ``send``, or not at all."""
        while (line := self._file.readline()) not in (b"\r\n", b""):
            self.request += line
        return self.request

    def drip(self, data: bytes, every: float) -> None:
        """Send one byte every so many seconds, until the client is gone."""
        with contextlib.suppress(OSError):
            for i in range(len(data)):
                self.sock.sendall(data[i : i + 1])
                time.sleep(every)

    def read(self) -> tuple[int, bytes]:
        """The client's next frame: opcode and payload; (-1, b"") when it is gone."""
        try:
            head = self._file.read(2)
            if len(head) < 2:
                return -1, b""
            size = head[1] & 0x7F
            if size >= 126:
                size = int.from_bytes(self._file.read(2 if size == 126 else 8), "big")
            mask = self._file.read(4)
            payload = self._file.read(size)
        except OSError:
            return -1, b""
        return head[0] & 15, _unmasked(payload, mask)

    def wait_until_gone(self) -> None:
        """Whatever it says, which need be no frames: a TLS hello has random numbers where a length would be."""
        with contextlib.suppress(OSError):
            while self._file.read1(65_536):
                pass

    def read_until_gone(self) -> list[tuple[int, bytes]]:
        return list(iter(self.read, (-1, b"")))


def _unmasked(payload: bytes, mask: bytes) -> bytes:
    """At once, as an integer: byte by byte, a megabyte takes 0.1 s."""
    size = len(payload)
    return (int.from_bytes(payload, "big") ^ int.from_bytes((mask * (size // 4 + 1))[:size], "big")).to_bytes(
        size, "big"
    )


@contextlib.contextmanager
def peer(behave: Callable[[Peer], None], *, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve one connection with ``behave``, on a thread; gives its URL. What ``behave`` raises fails the test."""
    listener = socket.create_server(("127.0.0.1", 0))
    failures: list[BaseException] = []

    def serve() -> None:
        try:
            sock, _ = listener.accept()
        except OSError:
            return
        sock.settimeout(PATIENCE)
        try:
            sock = tls.wrap_socket(sock, server_side=True) if tls else sock
        except (ssl.SSLError, ConnectionError):  # the client does not trust us, or left: its own error says so
            sock.close()
            return
        with contextlib.closing(sock), contextlib.closing(Peer(sock)) as far:
            try:
                behave(far)
            except BaseException as error:
                failures.append(error)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    scheme = "wss" if tls else "ws"
    try:
        yield f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/v1/realtime"
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(2 * PATIENCE)
    assert not thread.is_alive(), "the peer did not end"
    if failures:
        raise failures[0]
