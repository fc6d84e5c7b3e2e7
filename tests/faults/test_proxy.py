"""The fault proxy itself, between bare sockets: what it spoils is what it says, and nothing else."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from collections.abc import Iterator
from time import monotonic

import pytest
from faults.census import Census
from faults.fault import Garbage
from faults.frames import Splitter, Unit
from faults.patience import PATIENCE
from faults.proxy import FaultProxy
from peers import frame

HEAD = b"GET / HTTP/1.1\r\nA: b\r\n\r\n"
STREAM = [HEAD, frame(b""), frame(b"a" * 125), frame(b"b" * 126, 2), frame(b"c" * 70_000), frame(b"", 8)]


class Ends:
    """A client and a server with the proxy between them."""

    def __init__(self, listener: socket.socket, proxy: FaultProxy) -> None:
        self._listener = listener
        self._clients = 0
        self.proxy = proxy
        self.connect()

    def connect(self) -> None:
        host, _, port = self.proxy.url.removeprefix("wss://").partition("/")[0].partition(":")
        self.client = socket.create_connection((host, int(port)), PATIENCE)
        self.server, _ = self._listener.accept()
        self.server.settimeout(PATIENCE)
        self._clients += 1
        # the kernel has accepted before the proxy knows
        self.proxy.wait_until(lambda: self.proxy.connections == self._clients)

    def close(self) -> None:
        self.client.close()
        self.server.close()


@pytest.fixture
def ends() -> Iterator[Ends]:
    census = Census()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        with FaultProxy(f"wss://127.0.0.1:{listener.getsockname()[1]}/path") as proxy:
            with contextlib.closing(Ends(listener, proxy)) as ends:
                yield ends
    census.check()


def read(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count and (more := sock.recv(count - len(data))):
        data += more
    return data


@pytest.mark.parametrize("seed", range(5))
def test_borders_are_found_however_the_bytes_arrive(seed):
    sizes = random.Random(seed)
    stream, splitter, found = b"".join(STREAM), Splitter(), []
    while stream:
        size = sizes.choice([1, 2, 7, 100, 5000])
        found += splitter.feed(stream[:size])
        stream = stream[size:]
    assert [unit.data for unit in found] == STREAM
    assert [unit.opcode for unit in found] == [-1, 1, 1, 2, 1, 8]
    assert list(splitter.rest()) == []


def test_what_ends_before_its_border_is_the_rest():
    splitter = Splitter()
    assert [unit.data for unit in splitter.feed(HEAD + frame(b"abc")[:3])] == [HEAD]
    assert [unit.data for unit in splitter.rest()] == [frame(b"abc")[:3]]


def test_without_a_fault_everything_passes_and_is_counted(ends):
    sound = random.Random(0).randbytes(3_000_000)
    sender = threading.Thread(target=ends.server.sendall, args=(sound,))
    sender.start()
    assert read(ends.client, len(sound)) == sound
    sender.join(PATIENCE)
    ends.client.sendall(b"up")
    assert read(ends.server, 2) == b"up"
    ends.client.close()
    assert ends.server.recv(1) == b""
    ends.server.close()
    ends.proxy.wait_idle()
    assert (ends.proxy.passed, ends.proxy.connections) == ({"up": 2, "down": 3_000_000}, 1)


def test_a_black_hole_holds_everything_and_the_end_until_healed(ends):
    ends.proxy.black_hole()
    ends.server.sendall(b"held")
    ends.server.close()
    ends.client.settimeout(0.1)
    with pytest.raises(TimeoutError):
        ends.client.recv(1)
    ends.client.settimeout(PATIENCE)
    ends.proxy.heal()
    assert read(ends.client, 5) == b"held"


def test_what_is_dropped_never_comes_but_the_end_does(ends):
    ends.proxy.drop("down")
    ends.client.sendall(b"up")
    assert read(ends.server, 2) == b"up"
    ends.server.sendall(b"gone")
    ends.server.close()
    assert ends.client.recv(1) == b""


def test_a_cut_comes_after_so_many_bytes(ends):
    ends.proxy.cut(after=1000)
    ends.server.sendall(b"x" * 5000)
    assert len(read(ends.client, 5000)) == 1000
    assert ends.server.recv(1) == b""


def test_a_reset_is_one_on_both_sides(ends):
    ends.proxy.reset()
    for side in (ends.client, ends.server):
        with pytest.raises(ConnectionResetError):
            side.recv(1)


def test_a_throttle_takes_its_time(ends):
    ends.proxy.throttle(10_000)
    began = monotonic()
    ends.server.sendall(b"x" * 3000)
    assert read(ends.client, 3000) == b"x" * 3000
    assert monotonic() - began > 0.2


def test_single_bytes_are_still_the_same_bytes(ends):
    ends.proxy.dribble()
    ends.server.sendall(b"0123456789")
    assert read(ends.client, 10) == b"0123456789"


def test_a_dead_server_is_a_dead_connection(ends):
    ends.close()
    ends.proxy.wait_idle()
    ends.connect()
    ends.client.sendall(b"x")
    assert read(ends.server, 1) == b"x"


def test_garbage_is_the_same_for_the_same_seed():
    def made(seed: int) -> list[bytes]:
        fault = Garbage(seed)
        return [piece for _ in range(3) for piece in fault.treat(Unit(1, b"0123456789"), None)]

    assert made(1) == made(1) != made(2)
    assert [len(piece) for piece in made(1)] == [10] * 3
