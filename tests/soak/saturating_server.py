"""A TLS WebSocket server, in a process of its own, that sends and reads at full speed at the same time.

usage: saturating_server.py CERTIFICATE_AND_KEY

Prints its port. A client that asks for /?frames=N&size=BYTES gets so many frames of this size, while as many of any
size are read from it, and then a close frame with code 1000, whose reason is the number of frames that came. One
thread, so that this end has no TLS socket between two of them.
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import ssl
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from peers import Peer, close_frame, frame

PATIENCE_MS = 20_000
WANTS = (ssl.SSLWantReadError, ssl.SSLWantWriteError)


def count_frames(data: bytearray) -> int:
    """Take the whole frames away from the beginning of what a client sent, and tell how many they were."""
    count = at = 0
    while len(data) >= at + 10:
        size = data[at + 1] & 0x7F
        head = {126: 4, 127: 10}.get(size, 2)
        size = size if size < 126 else int.from_bytes(data[at + 2 : at + head], "big")
        if len(data) < at + head + 4 + size:
            break
        at += head + 4 + size
        count += 1
    del data[:at]
    return count


def saturate(sock: ssl.SSLSocket, frames: int, size: int) -> int:
    """Both directions at once; the number of frames that came."""
    sock.setblocking(False)
    ready = select.poll()
    outgoing, incoming, count = memoryview(frame(b"x" * size) * frames), bytearray(), 0
    while outgoing or count < frames:
        if not sock.pending():
            ready.register(sock, select.POLLIN | (select.POLLOUT if outgoing else 0))
            if not ready.poll(PATIENCE_MS):
                return count
        with contextlib.suppress(*WANTS):
            outgoing = outgoing[sock.send(outgoing[:65536]) :] if outgoing else outgoing
        with contextlib.suppress(*WANTS):
            data = sock.recv(65536)
            if not data:
                return count
            incoming += data
            count += count_frames(incoming)
    return count


def serve(certificate: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)  # noqa: T201  # for the test that started us
        while True:
            sock, _ = listener.accept()
            with contextlib.suppress(OSError), context.wrap_socket(sock, server_side=True) as connection:
                far = Peer(connection)
                far.handshake()
                frames, size = (int(number) for number in re.findall(rb"=(\d+)", far.request.split(b" ")[1])[:2])
                count = saturate(connection, frames, size)
                connection.settimeout(PATIENCE_MS / 1000)
                far.send(close_frame(1000, str(count)))
                far.read_until_gone()
                far.close()


if __name__ == "__main__":
    serve(sys.argv[1])
