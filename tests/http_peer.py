"""A small HTTP server that answers as a test says, and keeps what it was asked."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import attrs

PATIENCE = 20.0


@attrs.frozen
class Asked:
    """One request."""

    path: str
    headers: Any
    body: bytes


class HttpPeer:
    """Gives every request the next of ``answers``, the last one for ever: (status, headers, body), or what to do."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[Asked] = []
        self.gone = threading.Event()

    @property
    def only(self) -> Asked:
        (asked,) = self.asked
        return asked


Answering = tuple[int, dict[str, str], bytes] | Callable[[BaseHTTPRequestHandler, HttpPeer], None]


def hang(_handler: BaseHTTPRequestHandler, peer: HttpPeer) -> None:
    """Answer nothing until the test is over."""
    peer.gone.wait(PATIENCE)


def raw(data: bytes) -> Answering:
    """Send these bytes, and hang up."""

    def send(handler: BaseHTTPRequestHandler, _peer: HttpPeer) -> None:
        with contextlib.suppress(OSError):
            handler.wfile.write(data)
            handler.connection.shutdown(socket.SHUT_WR)

    return send


@contextlib.contextmanager
def http_peer(answer: Answering, *, tls: ssl.SSLContext | None = None) -> Iterator[HttpPeer]:
    """Serve, on threads, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            peer.asked.append(Asked(self.path, self.headers, body))
            if callable(answer):
                answer(self, peer)
                return
            status, headers, content = answer
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client that hung up."""

    with Server(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        peer = HttpPeer(f"{'wss' if tls else 'ws'}://127.0.0.1:{server.server_address[1]}/v1/realtime")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield peer
        finally:
            peer.gone.set()
            server.shutdown()
            thread.join(PATIENCE)
