"""A Redis server for one test: on a free port of its own, with nothing kept on a disk."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import ConnectionError as NotThere
from redis import Redis

PATIENCE = 20.0


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """Its URL, as long as the block lasts."""
    program = shutil.which("redis-server")
    assert program is not None, "no redis-server: apt-get install redis-server"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)]
    with subprocess.Popen([program, *options], stdout=subprocess.DEVNULL) as process:
        try:
            url = f"redis://127.0.0.1:{port}/0"
            _wait_until_it_answers(url, process)
            yield url
        finally:
            process.kill()


def _wait_until_it_answers(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    with Redis.from_url(url) as client:
        while True:
            try:
                client.ping()
            except NotThere:
                assert process.poll() is None, "redis-server has ended"
                assert time.monotonic() < deadline, "redis-server does not answer"
                time.sleep(0.02)
            else:
                return
