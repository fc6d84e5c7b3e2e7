"""Small proxies on loopback for tests: HTTP CONNECT, SOCKS5 and SOCKS4, which connect, or refuse as asked for."""

from __future__ import annotations

import base64
import contextlib
import selectors
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

PATIENCE = 20.0

Target = tuple[str, int]
Talk = Callable[["Asking"], "Target | None"]


@dataclass
class Asking:
    """One client: what it sends, and the answers to it."""

    sock: socket.socket
    file: BinaryIO
    asked: list[Target]
    logins: list[tuple[str, str]]

    def text(self) -> str:
        size = self.file.read(1)
        return self.file.read(size[0] if size else 0).decode()


@dataclass
class Running:
    port: int
    asked: list[Target] = field(default_factory=list)
    """The hosts and ports that clients asked for."""
    logins: list[tuple[str, str]] = field(default_factory=list)
    """The users and passwords that they gave."""

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


def http_connect(status: str = "200 OK", *, login: tuple[str, str] | None = None) -> Talk:
    """An HTTP proxy; with a ``login`` it wants it, and says 407 without."""

    def talk(client: Asking) -> Target | None:
        host, _, port = client.file.readline().split()[1].decode().rpartition(":")
        client.asked.append((host.strip("[]"), int(port)))
        given = None
        while (line := client.file.readline().decode().strip()) != "":
            name, _, value = line.partition(": ")
            if name.lower() == "proxy-authorization":
                user, _, password = base64.b64decode(value.split()[1]).decode().partition(":")
                given = (user, password)
                client.logins.append(given)
        answer = status if given == login or login is None else "407 Proxy Authentication Required"
        for i in range(len(answer) + 13):
            client.sock.sendall(f"HTTP/1.1 {answer}\r\n\r\n"[i : i + 1].encode())
        return client.asked[-1] if answer.startswith("200") else None

    return talk


def socks5(reply: int = 0, *, login: tuple[str, str] | None = None) -> Talk:
    """A SOCKS5 proxy; with a ``login`` it wants it."""

    def talk(client: Asking) -> Target | None:
        _, count = client.file.read(2)
        method = 2 if login else 0
        if method not in client.file.read(count):
            client.sock.sendall(b"\x05\xff")
            return None
        client.sock.sendall(bytes([5, method]))
        if login:
            client.file.read(1)
            client.logins.append((client.text(), client.text()))
            granted = client.logins[-1] == login
            client.sock.sendall(bytes([1, not granted]))
            if not granted:
                return None
        kind = client.file.read(4)[3]
        host = client.text() if kind == 3 else socket.inet_ntoa(client.file.read(4))
        client.asked.append((host, struct.unpack("!H", client.file.read(2))[0]))
        client.sock.sendall(bytes([5, reply, 0, 1]) + bytes(6))
        return None if reply else client.asked[-1]

    return talk


def socks4(reply: int = 90) -> Talk:
    """A SOCKS4 proxy, which also understands the names of SOCKS4a."""

    def talk(client: Asking) -> Target | None:
        _, _, port, packed = struct.unpack("!BBH4s", client.file.read(8))
        host = socket.inet_ntoa(packed)
        _zero_ended(client.file)
        if packed[:3] == b"\0\0\0":
            host = _zero_ended(client.file)
        client.asked.append((host, port))
        client.sock.sendall(bytes([0, reply]) + bytes(6))
        return client.asked[-1] if reply == 90 else None

    return talk


def mute(client: Asking) -> None:
    """A proxy that reads, and never answers."""
    while client.file.read(1):
        pass


def _zero_ended(file: BinaryIO) -> str:
    return b"".join(iter(lambda: file.read(1), b"\0")).decode()


@contextlib.contextmanager
def running(talk: Talk) -> Iterator[Running]:
    """Serve one client on a thread, to its end."""
    listener = socket.create_server(("127.0.0.1", 0))
    proxy = Running(listener.getsockname()[1])

    def serve() -> None:
        with contextlib.suppress(OSError):
            sock, _ = listener.accept()
            sock.settimeout(PATIENCE)
            with sock, sock.makefile("rb") as file:
                target = talk(Asking(sock, file, proxy.asked, proxy.logins))
                if target is not None:
                    with socket.create_connection(target, PATIENCE) as far:
                        _carry(sock, far)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(2 * PATIENCE)
    assert not thread.is_alive(), "the proxy did not end"


def _carry(one: socket.socket, other: socket.socket) -> None:
    """Both directions, until one side is gone."""
    with selectors.DefaultSelector() as selector:
        selector.register(one, selectors.EVENT_READ, other)
        selector.register(other, selectors.EVENT_READ, one)
        while ready := selector.select(PATIENCE):
            for key, _ in ready:
                data = key.fileobj.recv(65536)
                if not data:
                    return
                key.data.sendall(data)
