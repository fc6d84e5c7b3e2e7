"""Python processes of their own, and a server that keeps what it hears of them: for what only an end can show."""

import contextlib
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Queue

import orjson
import pytest
import trustme
from peers import Peer, frame

PATIENCE = 20.0
FAR_OFF = 3 * PATIENCE  # what nobody waits for: a test that meets it has failed
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
        sock.settimeout(FAR_OFF)  # so that a silent peer is not what ends a process that waits for it
        with self._tls.wrap_socket(sock, server_side=True) if self._tls else sock as connection:
            peer, line = Peer(connection), Line()
            peer.handshake()
            self.lines.put(line)
            if self._deaf:
                self.over.wait(FAR_OFF)
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
from reelthyme_sync import ForkedSession, Reconnect, _exit, capture_audio, connect, stream

URL = sys.argv[1]

def say(name):
    return {"type": "response.create", "event_id": name}

def sure(check):
    if not check:
        raise SystemExit(99)
"""


ENDS_BY_ITSELF = f"_exit.END_WITHIN = _exit._GOODBYE_WITHIN = {FAR_OFF}\n"


class Script:
    """A Python process of its own. What it prints is read line by line; ``end`` waits for its end.

    Args:
        code: what it runs.
        server: its peer.
        gives_up: whether it is the library's deadline that ends it. Otherwise there is none that a test could meet.
    """

    def __init__(self, code: str, server: Server, *, gives_up: bool = False) -> None:
        code = PREAMBLE + ("" if gives_up else ENDS_BY_ITSELF) + code
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code, server.url],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        self._watchdog = threading.Timer(FAR_OFF, self._process.kill)  # for a test that fails before ``end``
        self._watchdog.daemon = True
        self._watchdog.start()

    def read(self) -> str:
        """The next line."""
        line = self._process.stdout.readline().strip()
        assert line, self._process.communicate(timeout=PATIENCE)[1]
        return line

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def end(self) -> tuple[int, str]:
        """The exit status, and what stood on stderr. Fails if it waits for a peer that says nothing."""
        try:
            _, errors = self._process.communicate(timeout=PATIENCE)
        finally:
            self._process.kill()
            self._watchdog.cancel()
        return self._process.returncode, errors
