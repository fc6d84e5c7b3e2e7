"""The far end, as a process of its own, so that its work counts in nobody's figures. Sockets alone, for speed.

python peer.py replay    sends the conversation as fast as the socket takes it, then closes with 1000
python peer.py answer    answers every message with one small event
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

import conversation

CLOSE: Final = 8
SHORT: Final = 1000  # bytes
_MAGIC: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_ANSWER: Final = json.dumps({"type": "input_audio_buffer.cleared", "event_id": "event_00000001"}).encode()


@contextlib.contextmanager
def running(behaviour: str) -> Iterator[str]:
    """A peer that behaves so; gives its URL, without the path."""
    command = [sys.executable, __file__, behaviour]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"ws://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


def frame(payload: bytes, opcode: int = 1) -> bytes:
    """One frame, unmasked, as a server sends it."""
    size = len(payload)
    if size < 126:
        return struct.pack("!BB", 0x80 | opcode, size) + payload
    if size < 1 << 16:
        return struct.pack("!BBH", 0x80 | opcode, 126, size) + payload
    return struct.pack("!BBQ", 0x80 | opcode, 127, size) + payload


def upgrade(sock: socket.socket, stream: BinaryIO) -> None:
    """Accept the upgrade."""
    key = b""
    while (line := stream.readline()) not in (b"\r\n", b""):
        name, _, value = line.partition(b":")
        if name.lower() == b"sec-websocket-key":
            key = value.strip()
    accept = base64.b64encode(hashlib.sha1(key + _MAGIC).digest())
    sock.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )


def frames(stream: BinaryIO) -> Iterator[tuple[int, int]]:
    """The opcode and the size of every frame that comes in, until the client is gone."""
    while len(head := stream.read(2)) == 2:
        size = head[1] & 0x7F
        if size >= 126:
            size = int.from_bytes(stream.read(2 if size == 126 else 8), "big")
        stream.read(4 + size)
        yield head[0] & 15, size


def main(behaviour: str) -> None:
    replayed = b"".join(map(frame, conversation.messages())) if behaviour == "replay" else b""
    goodbye = frame(struct.pack("!H", 1000), CLOSE)

    def replay(sock: socket.socket, stream: BinaryIO) -> None:
        sock.sendall(replayed)
        sock.sendall(goodbye)
        stream.read()

    def answer(sock: socket.socket, stream: BinaryIO) -> None:
        for opcode, size in frames(stream):
            if opcode == CLOSE:
                sock.sendall(goodbye)
            elif size < SHORT:
                sock.sendall(frame(_ANSWER))

    serve({"replay": replay, "answer": answer}[behaviour])


def serve(behave: Callable[[socket.socket, BinaryIO], None]) -> None:
    """Do so to every client, each on its own thread, until killed. Prints the port first."""

    def serve_one(sock: socket.socket) -> None:
        with contextlib.suppress(OSError), sock, sock.makefile("rb") as stream:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            upgrade(sock, stream)
            behave(sock, stream)

    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            threading.Thread(target=serve_one, args=(listener.accept()[0],), daemon=True).start()


if __name__ == "__main__":
    main(sys.argv[1])
