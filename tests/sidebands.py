"""A service with calls to follow, which does with each what its id says. Real sockets, any number of sidebands."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Iterator

import orjson
import pytest
from peers import Peer, close_frame, frame

PATIENCE = 30.0

GREETING = frame(b'{"type": "session.created", "event_id": "event_1", "session": {"type": "realtime"}}')
VERDICT = frame(b'{"type": "error", "event_id": "event_1", "error": {"type": "x", "code": "invalid_api_key"}}')


class Service:
    """Greets, and repeats what it is told, which may be an event of its own; but for ids that begin with:

    ``unknown``: HTTP 404. ``expired``: an error, and close 3000. ``mute``: no greeting. ``rude``: no answer to a
    goodbye. ``brief``: hangs up after its greeting. ``broken``: cuts the connection after its greeting.
    """

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.goodbyes: list[str] = []
        self._changed = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"ws://127.0.0.1:{self._listener.getsockname()[1]}/v1/realtime"
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._begin(self._accept)

    def wait_for_goodbyes(self, count: int) -> list[str]:
        """The ids of the calls whose sidebands have said goodbye."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.goodbyes) >= count, PATIENCE), self.goodbyes
            return sorted(self.goodbyes)

    def close(self) -> None:
        for sock in [self._listener, *self._sockets]:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()

    def _begin(self, target, *arguments) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self._sockets.append(sock)
                self._begin(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.closing(sock), contextlib.closing(Peer(sock)) as peer, contextlib.suppress(OSError):
            first = sock.recv(65_536, socket.MSG_PEEK).split(b"\r\n")[0].decode()
            call_id = re.search(r"call_id=([^ &]+)", first)[1]
            if call_id.startswith("unknown"):
                peer.read_request()
                peer.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                return
            peer.handshake()
            self.requests.append(peer.request)
            if call_id.startswith("expired"):
                peer.send(VERDICT + close_frame(3000, "invalid_request_error.invalid_api_key"))
            elif not call_id.startswith("mute"):
                peer.send(GREETING)
            if call_id.startswith("brief"):
                peer.send(close_frame(1000))
            if not call_id.startswith("broken"):
                self._repeat(peer, call_id)

    def _repeat(self, peer: Peer, call_id: str) -> None:
        for opcode, payload in iter(peer.read, (-1, b"")):
            if opcode == 1:
                peer.send(frame(orjson.loads(payload).get("say", payload.decode()).encode()))
            elif opcode == 9:
                peer.send(frame(payload, 10))
            elif opcode == 8:
                with self._changed:
                    self.goodbyes.append(call_id)
                    self._changed.notify_all()
                if not call_id.startswith("rude"):
                    peer.send(frame(payload, 8))
                    return


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    try:
        yield service
    finally:
        service.close()
