"""A Redis server for one test: on a free port of its own, with a password, and with a memory that outlasts its ends."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from keys import TEST_TOKEN
from redis import ConnectionError as NotThere
from redis import Redis

PATIENCE = 20.0


class RedisServer:
    """It runs once it has been started, and until it is killed.

    Attributes:
        url: of its first database.
    """

    def __init__(self, folder: Path) -> None:
        program = shutil.which("redis-server")
        assert program is not None, "no redis-server: apt-get install redis-server"
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"redis://:{TEST_TOKEN}@127.0.0.1:{port}/0"
        keeping = ["--save", "", "--appendonly", "yes", "--appendfsync", "always", "--dir", str(folder)]
        listening = ["--port", str(port), "--bind", "127.0.0.1", "--requirepass", TEST_TOKEN]
        self._command = [program, *listening, *keeping]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE
        with Redis.from_url(self.url) as client:
            while True:
                try:
                    client.ping()
                except NotThere:
                    assert self._process.poll() is None, "redis-server has ended"
                    assert time.monotonic() < deadline, "redis-server does not answer"
                    time.sleep(0.02)
                else:
                    return

    def kill(self) -> None:
        """End it at once. Its port stays its own, and what it was told is there when it is started again."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE)


@contextmanager
def redis_server(folder: Path) -> Iterator[RedisServer]:
    server = RedisServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()
