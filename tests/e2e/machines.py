"""The sample for more than one machine, its processes, and its readers."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import requests

HERE = str(Path(__file__).parent)
ROOT = Path(__file__).parents[2]
PATIENCE = 30.0


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


def address(web: Process) -> str:
    """Waits until it listens."""
    return web.wait_for(r"Listening at: (http://\S+)")[1]


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
