"""Python processes of their own, and a server that keeps what it hears of them: for what only an end can show."""

import contextlib
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Queue

import orjson
import pytest
import trustme
from peers import Peer, frame

PATIENCE = 10.0
QUICKLY = 1.2  # when every peer answers: far below the deadline, far above what a busy machine takes
DEADLINE = 2.3  # when one does not: 2 s, and what Python itself takes
ROOT = Path(__file__).parent.parent

READY = 'print("ready", flush=True)\n'


class Line:
    """One connection, as the server saw it."""

    def __init__(self) -> None:
        self.messages: list[dict] = []
        self.ended = threading.Event()
        self.close_codes: list[int] = []

    def ids(self) -> list[str]:
        return [message["event_id"] for message in self.messages]

    def wait_ended(self) -> None:
        assert self.ended.wait(PATIENCE), "the connection did not end"


class Server:
    """Keeps all that every client says; answers with an event to each message, unless it is mute."""

    def __init__(self, *, tls: ssl.SSLContext | None, mute: bool, deaf: bool) -> None:
        self.lines: Queue[Line] = Queue()
        self._tls, self._mute, self._deaf = tls, mute, deaf
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        scheme = "wss" if tls else "ws"
        self.url = f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}/v1/realtime"
        self.over = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def line(self) -> Line:
        return self.lines.get(timeout=PATIENCE)

    def close(self) -> None:
        self.over.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        sock.settimeout(PATIENCE)
        with self._tls.wrap_socket(sock, server_side=True) if self._tls else sock as connection:
            peer, line = Peer(connection), Line()
            peer.handshake()
            self.lines.put(line)
            if self._deaf:
                self.over.wait(PATIENCE)
            with contextlib.suppress(OSError):
                self._converse(peer, line)
            line.ended.set()

    def _converse(self, peer: Peer, line: Line) -> None:
        for opcode, payload in iter(peer.read, (-1, b"")):
            if opcode == 1:
                line.messages.append(orjson.loads(payload))
                if line.messages[-1]["type"] == "hang_up":
                    return
            elif opcode == 8:
                line.close_codes.append(int.from_bytes(payload[:2], "big"))
            if not self._mute and opcode in (1, 8):
                peer.send(frame(payload, opcode))
                if opcode == 8:
                    return


@contextlib.contextmanager
def serving(*, tls: ssl.SSLContext | None = None, mute: bool = False, deaf: bool = False) -> Iterator[Server]:
    server = Server(tls=tls, mute=mute, deaf=deaf)
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture(params=["ws", "wss"])
def either_server(request, tmp_path, monkeypatch) -> Iterator[Server]:
    context = None
    if request.param == "wss":
        authority = trustme.CA()
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
    with serving(tls=context) as server:
        yield server


PREAMBLE = """
import gc, os, signal, sys, threading, time
from itertools import count
from reelthyme_sync import *

URL = sys.argv[1]

def say(name):
    return {"type": "response.create", "event_id": name}

def sure(check):
    if not check:
        raise SystemExit(99)
"""


class Script:
    """A Python process of its own. What it prints is read line by line; ``end`` waits for its end."""

    def __init__(self, code: str, server: Server) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PREAMBLE + code, server.url],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        self._watchdog = threading.Timer(2 * PATIENCE, self._process.kill)  # for a test that fails before ``end``
        self._watchdog.daemon = True
        self._watchdog.start()

    def read(self) -> str:
        """The next line; its time is when the wait for the end begins."""
        line = self._process.stdout.readline().strip()
        self._read_at = time.monotonic()
        assert line, self._process.communicate(timeout=PATIENCE)[1]
        return line

    def signal(self, number: int) -> None:
        self._read_at = time.monotonic()
        self._process.send_signal(number)

    def end(self, *, within: float = QUICKLY) -> tuple[int, str]:
        """The exit status, and what stood on stderr. Fails if that took longer than it may."""
        try:
            _, errors = self._process.communicate(timeout=PATIENCE)
        finally:
            self._process.kill()
            self._watchdog.cancel()
        took = time.monotonic() - self._read_at
        assert took < within, f"{took:.1f} s: {errors}"
        return self._process.returncode, errors
