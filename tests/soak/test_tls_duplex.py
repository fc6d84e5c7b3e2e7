"""Two threads on one TLS socket, both directions full: what breaks one session in four where nobody takes turns."""

from __future__ import annotations

import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from reelthyme_sync import ConnectionClosed
from reelthyme_sync.endpoints import Endpoint
from reelthyme_sync.transport.opening import Opening
from reelthyme_sync.transport.websocket import WebSocketTransport

SOUND = (1500, 6_000, 9_000)
"""Frames each way, and their sizes down and up: a conversation, as fast as it goes."""
PICTURES = (100, 200_000, 200_000)
"""Large frames, which keep both threads inside TLS for longer: these break soonest where nobody takes turns."""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def port(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    certificate = tmp_path_factory.mktemp("tls") / "server.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
    program = Path(__file__).with_name("saturating_server.py")
    with subprocess.Popen(
        [sys.executable, str(program), str(certificate)], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        yield int(server.stdout.readline())
        server.kill()


def exchange(transport: WebSocketTransport, frames: int, down: int, up: int) -> tuple[int, BaseException]:
    """Write on a second thread and read on this one, to the end: the frames read, and the end."""
    failures: list[BaseException] = []

    def write() -> None:
        try:
            for _ in range(frames):
                transport.send(b"y" * up)
        except BaseException as error:
            failures.append(error)
            transport.abort()

    writer = threading.Thread(target=write, name="reelthyme-test-writer")
    writer.start()
    count = 0
    try:
        while True:
            assert transport.recv() == b"x" * down
            count += 1
    except (ConnectionClosed, AssertionError) as end:
        transport.abort()
        writer.join()
        return count, failures[0] if failures else end
    finally:
        transport.close()


@pytest.mark.parametrize(
    ("load", "sessions"),
    [(SOUND, 10), (PICTURES, 10), pytest.param(SOUND, 500, marks=pytest.mark.slow)],
    ids=["sound", "pictures", "soak"],
)
def test_both_directions_at_once_break_no_session(
    load: tuple[int, int, int], sessions: int, port: int, authority: trustme.CA
) -> None:
    frames, down, up = load
    context = ssl.create_default_context()
    authority.configure_trust(context)
    endpoint = Endpoint(f"wss://127.0.0.1:{port}/?frames={frames}&size={down}")
    broken = []
    for _ in range(sessions):
        transport = WebSocketTransport(endpoint, opening=Opening(10), idle_timeout=20, ssl_context=context)
        count, end = exchange(transport, frames, down, up)
        if (count, getattr(end, "reason", None)) != (frames, str(frames)):
            broken.append(f"{count} of {frames} read; {end!r}")
    assert not broken
