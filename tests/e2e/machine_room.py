"""Fixtures: a service, a Redis and a web worker of the Celery sample, and as many workers as a test starts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import keys
import pytest
from keys import TEST_KEY, TEST_WEBHOOK_SECRET
from machines import Process, address
from redis import Redis
from redis_server import RedisServer, redis_server

from reelthyme_sync import local_server

HERE = str(Path(__file__).parent)
GUNICORN = ("gunicorn", "--threads", "8", "--bind", "127.0.0.1:0")


@pytest.fixture(scope="module")
def server() -> Iterator[local_server.LocalServer]:
    with local_server.serve() as server:
        # the thread of its voice begins with the first words, and lasts as long as the server: so not within a test
        server.ring("http://127.0.0.1:9", secret=TEST_WEBHOOK_SECRET, says=["Hello."]).hang_up()
        yield server


@pytest.fixture(scope="module")
def database(tmp_path_factory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as database:
        yield database


@pytest.fixture(scope="module")
def environment(server, database) -> dict[str, str]:
    return {
        **os.environ,
        "REDIS_URL": database.url,
        "REALTIME_URL": server.url,
        "OPENAI_API_KEY": TEST_KEY,
        "OPENAI_WEBHOOK_SECRET": TEST_WEBHOOK_SECRET,
    }


@pytest.fixture
def redis(environment) -> Iterator[Redis]:
    """It has forgotten all that was before the test."""
    with Redis.from_url(environment["REDIS_URL"], decode_responses=True) as client:
        client.flushall()
        yield client


@contextmanager
def starting(environment: dict[str, str], folder: Path) -> Iterator[Callable[..., Process]]:
    """Gives what starts a program. In the end all are killed, and none has printed a key."""
    with ExitStack() as stack:

        def start(name: str, *command: str, **more: str) -> Process:
            process = Process(list(command), {**environment, **more}, folder / f"{name}.log")
            stack.callback(process.kill)
            return process

        yield start
    logs = {log.name: log.read_text() for log in folder.glob("*.log")}
    assert not [name for name, text in logs.items() if any(key in text for key in keys.ALL)]


@pytest.fixture
def start(environment, redis, tmp_path) -> Iterator[Callable[..., Process]]:
    with starting(environment, tmp_path) as start:
        yield start


@pytest.fixture(scope="module")
def web(environment, tmp_path_factory) -> Iterator[str]:
    """The address of a web worker that no test kills."""
    with starting(environment, tmp_path_factory.mktemp("web")) as start:
        yield address(start("web", *GUNICORN, "samples.celery_calls.web:app"))


@pytest.fixture
def start_worker(start) -> Callable[..., Process]:
    def start_worker(name: str, pool: str, *, dies: str | None = None) -> Process:
        """``dies``: the moment at which it is killed, see ``dying``."""
        options = ["--pool", pool, "--concurrency", "2", "--hostname", f"{name}@test", "--loglevel", "INFO"]
        if dies is None:
            return start(name, "celery", "-A", "samples.celery_calls.tasks", "worker", *options)
        return start(name, "celery", "-A", "dying", "worker", *options, DIES=dies, PYTHONPATH=HERE)

    return start_worker


@pytest.fixture
def start_web(start) -> Callable[..., Process]:
    def start_web(name: str, *, dies: str | None = None) -> Process:
        """Another web worker; it has an ``address`` when it listens."""
        if dies is None:
            return start(name, *GUNICORN, "samples.celery_calls.web:app")
        return start(name, *GUNICORN, "dying:web", DIES=dies, PYTHONPATH=HERE)

    return start_web
