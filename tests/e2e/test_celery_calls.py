"""The sample for more than one machine: a telephone call outlives the Celery workers that follow it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests
from keys import TEST_WEBHOOK_SECRET
from redis import Redis
from redis_server import redis_server
from webhook_endpoint import endpoint

from reelthyme_sync import local_server
from reelthyme_sync.testing import signed_webhook

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0
TAKEN_OVER_WITHIN = 10.0


@pytest.fixture
def server() -> Iterator[local_server.LocalServer]:
    with local_server.serve() as server:
        yield server


@pytest.fixture
def environment(server, tmp_path) -> Iterator[dict[str, str]]:
    with redis_server(tmp_path) as redis_url:
        kept = {name: value for name, value in os.environ.items() if name != "OPENAI_API_KEY"}
        yield {
            **kept,
            "REDIS_URL": redis_url,
            "REALTIME_URL": server.url,
            "OPENAI_WEBHOOK_SECRET": TEST_WEBHOOK_SECRET,
        }


@pytest.fixture
def redis(environment) -> Iterator[Redis]:
    with Redis.from_url(environment["REDIS_URL"], decode_responses=True) as client:
        yield client


class Process:
    """A program and all its children, which can be killed at once."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *command],
                env=environment,
                cwd=ROOT,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_for(self, words: str) -> re.Match[str]:
        """Wait until it has printed this regular expression."""
        return wait_until(lambda: re.search(words, self.log.read_text()), lambda: self.log.read_text())

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def wait(self) -> int:
        return self._process.wait(PATIENCE)

    def kill(self) -> None:
        """Kill it and its children, none of which is asked."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(PATIENCE)


def wait_until(look: Callable[[], Any], explain: Callable[[], object] = lambda: "", timeout: float = PATIENCE) -> Any:
    deadline, never = time.monotonic() + timeout, threading.Event()
    while not (found := look()):
        assert time.monotonic() < deadline, f"it did not come about: {explain()}"
        never.wait(0.02)
    return found


@pytest.fixture
def start(environment, tmp_path) -> Iterator[Callable[..., Process]]:
    with ExitStack() as stack:

        def start(name: str, *command: str) -> Process:
            process = Process(list(command), environment, tmp_path / f"{name}.log")
            stack.callback(process.kill)
            return process

        yield start
    assert not [log.name for log in tmp_path.glob("*.log") if TEST_WEBHOOK_SECRET in log.read_text()]


@pytest.fixture
def start_worker(start) -> Callable[[str, str], Process]:
    def start_worker(name: str, pool: str) -> Process:
        options = ["--pool", pool, "--concurrency", "2", "--hostname", f"{name}@test", "--loglevel", "INFO"]
        return start(name, "celery", "-A", "samples.celery_calls.tasks", "worker", *options)

    return start_worker


@pytest.fixture
def start_web(start) -> Callable[[str], str]:
    def start_web(name: str) -> str:
        web = start(name, "gunicorn", "--threads", "8", "--bind", "127.0.0.1:0", "samples.celery_calls.web:app")
        return web.wait_for(r"Listening at: (http://\S+)")[1]

    return start_web


def transcript(web: str, call_id: str, last_event_id: str | None = None) -> list[tuple[str, dict[str, Any]]]:
    """Everything that a reader is told until the call ends, with the numbers."""
    headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
    found = []
    with requests.get(f"{web}/calls/{call_id}/transcript", headers=headers, stream=True, timeout=PATIENCE) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        number = ""
        for line in response.iter_lines():
            if line.startswith(b"id: "):
                number = line[4:].decode()
            elif line.startswith(b"data: "):
                found.append((number, orjson.loads(line[6:])))
    return found


def conversation(messages: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, str]]:
    """Who says what, as a page shows it in the end: the latest line of each item, where its first was."""
    lines: dict[str, dict[str, Any]] = {}
    for _, message in messages[:-1]:
        assert message["kind"] == "line"
        lines[message["item_id"]] = message
    assert messages[-1][1]["kind"] == "ended"
    assert all(line["done"] for line in lines.values()), lines
    return [(line["who"], line["text"]) for line in lines.values()]


def test_a_killed_workers_call_is_taken_over_and_nothing_is_lost_or_said_twice(server, redis, start_worker, start_web):
    first = start_worker("first", "prefork")
    web, another_web = start_web("web"), start_web("another_web")
    first.wait_for("ready")
    phone = server.ring(
        f"{web}/openai", secret=TEST_WEBHOOK_SECRET, says=["What is six times seven?"], pace=4, rings_for=60
    )
    phone.wait_heard("42", PATIENCE)
    second = start_worker("second", "threads")
    second.wait_for("ready")
    lease = redis.get(f"lease:{phone.call_id}")
    first.kill()
    phone.say("What is the status of order seventeen?")  # while nobody follows the call
    wait_until(lambda: redis.get(f"lease:{phone.call_id}") not in (lease, None), timeout=TAKEN_OVER_WITHIN)
    phone.wait_heard("order 17 is on its way", PATIENCE)
    phone.say("What is three plus four?")
    phone.wait_heard("3 plus 4 is 7", PATIENCE)
    assert [each.text for each in phone.heard] == [
        "Welcome to the shop.",
        "6 times 7 is 42.",
        "Order 17 is on its way.",
        "3 plus 4 is 7.",
    ]
    phone.hang_up()
    messages = transcript(another_web, phone.call_id)
    assert conversation(messages) == [
        ("assistant", "Welcome to the shop."),
        ("user", "What is six times seven?"),
        ("assistant", "6 times 7 is 42."),
        ("user", "What is the status of order seventeen?"),
        ("tool", 'order_status({"number":17})'),
        ("tool", "Order 17 is on its way."),
        ("assistant", "Order 17 is on its way."),
        ("user", "What is three plus four?"),
        ("assistant", "3 plus 4 is 7."),
    ]
    assert transcript(web, phone.call_id, messages[3][0]) == messages[4:]
    assert redis.smembers("calls") == set()


def test_whoever_was_taken_for_dead_says_nothing_more_and_whoever_ends_hands_over(
    server, redis, start_worker, start_web
):
    sleeper, web = start_worker("sleeper", "threads"), start_web("web")
    sleeper.wait_for("ready")
    phone = server.ring(f"{web}/openai", secret=TEST_WEBHOOK_SECRET, pace=4, rings_for=60)
    phone.wait_heard("welcome", PATIENCE)
    other = start_worker("other", "prefork")
    other.wait_for("ready")
    lease = redis.get(f"lease:{phone.call_id}")
    sleeper.signal(signal.SIGSTOP)
    wait_until(lambda: redis.get(f"lease:{phone.call_id}") not in (lease, None), timeout=TAKEN_OVER_WITHIN)
    phone.say("What is the status of order seventeen?")
    phone.wait_heard("order 17 is on its way", PATIENCE)
    sleeper.signal(signal.SIGCONT)  # it finds the question and the call of the function, as if they were just asked
    sleeper.wait_for("lease of .* has run out")
    phone.say("What is six times seven?")
    phone.wait_heard("42", PATIENCE)
    other.signal(signal.SIGTERM)
    assert other.wait() == 0
    phone.say("What is three plus four?")
    phone.wait_heard("3 plus 4 is 7", PATIENCE)
    phone.hang_up()
    assert [each.text for each in phone.heard] == [
        "Welcome to the shop.",
        "Order 17 is on its way.",
        "6 times 7 is 42.",
        "3 plus 4 is 7.",
    ]
    assert conversation(transcript(web, phone.call_id)) == [
        ("assistant", "Welcome to the shop."),
        ("user", "What is the status of order seventeen?"),
        ("tool", 'order_status({"number":17})'),
        ("tool", "Order 17 is on its way."),
        ("assistant", "Order 17 is on its way."),
        ("user", "What is six times seven?"),
        ("assistant", "6 times 7 is 42."),
        ("user", "What is three plus four?"),
        ("assistant", "3 plus 4 is 7."),
    ]


def test_what_is_no_call_is_refused_and_a_call_comes_once(server, redis, start_web):
    web = start_web("web")

    def post(event: object, secret: str = TEST_WEBHOOK_SECRET, **options: Any) -> int:
        body, headers = signed_webhook(event, secret, **options)
        return requests.post(f"{web}/openai", data=body, headers=headers, timeout=PATIENCE).status_code

    with endpoint() as elsewhere:
        phone = server.ring(elsewhere.url, secret=TEST_WEBHOOK_SECRET)
        assert elsewhere.came.wait(PATIENCE)
        call = elsewhere.webhooks[0][1]
    assert post(call, "whsec_YW5vdGhlciBzZWNyZXQ=") == 400
    assert post(call, timestamp=int(time.time()) - 3600) == 400
    assert requests.post(f"{web}/openai", data=b"\xff{", timeout=PATIENCE).status_code == 400
    assert requests.post(f"{web}/openai", data=b" " * 200_000, timeout=PATIENCE).status_code == 413
    assert post({"type": "realtime.call.incoming", "id": "evt_x", "data": {"call_id": "../../files"}}) == 400
    assert post({"type": "response.completed", "id": "evt_y"}) == 200
    assert post({"type": "realtime.call.incoming", "id": "evt_z", "data": {"call_id": "rtc_gone"}}) == 200
    assert (phone.status, redis.smembers("calls")) == ("ringing", set())
    assert [post(call) for _ in range(2)] == [200, 200]
    phone.wait("answered", PATIENCE)
    assert redis.smembers("calls") == {phone.call_id}
    assert redis.llen("celery") == 1
    assert requests.get(f"{web}/calls/rtc_unknown/transcript", timeout=PATIENCE).status_code == 404
    phone.hang_up()
