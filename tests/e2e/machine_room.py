"""Fixtures: a service, a Redis, and as many workers and web workers of the Celery sample as a test starts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import keys
import pytest
from keys import TEST_KEY, TEST_WEBHOOK_SECRET
from machines import Process
from redis import Redis
from redis_server import RedisServer, redis_server

from reelthyme_sync import local_server

HERE = str(Path(__file__).parent)


@pytest.fixture
def server() -> Iterator[local_server.LocalServer]:
    with local_server.serve() as server:
        yield server


@pytest.fixture
def database(tmp_path) -> Iterator[RedisServer]:
    with redis_server(tmp_path) as database:
        yield database


@pytest.fixture
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
    with Redis.from_url(environment["REDIS_URL"], decode_responses=True) as client:
        yield client


@pytest.fixture
def start(environment, tmp_path) -> Iterator[Callable[..., Process]]:
    with ExitStack() as stack:

        def start(name: str, *command: str, **more: str) -> Process:
            process = Process(list(command), {**environment, **more}, tmp_path / f"{name}.log")
            stack.callback(process.kill)
            return process

        yield start
    logs = {log.name: log.read_text() for log in tmp_path.glob("*.log")}
    assert not [name for name, text in logs.items() if any(key in text for key in keys.ALL)]


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
def start_web(start) -> Callable[..., str]:
    def start_web(name: str, *, dies: str | None = None) -> str:
        options = ["--threads", "8", "--bind", "127.0.0.1:0"]
        if dies is None:
            web = start(name, "gunicorn", *options, "samples.celery_calls.web:app")
        else:
            web = start(name, "gunicorn", *options, "dying:web", DIES=dies, PYTHONPATH=HERE)
        return web.wait_for(r"Listening at: (http://\S+)")[1]

    return start_web
