"""The sample web applications in processes of their own, under every server that people use; and a page without a
browser: it calls by WebRTC, and reads its transcript as an ``EventSource`` does.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import orjson
import requests
from webrtc_peer import WebRtcPeer

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0

GUNICORN = ["-m", "gunicorn", "-c", "samples/call_desk/gunicorn_conf.py", "-b", "127.0.0.1:{port}"]
FLASK, DJANGO = "samples.flask_app.app:app", "samples.django_app.wsgi:application"

SERVERS = {
    "flask": ["-m", "samples.flask_app", "{port}"],
    "flask run": ["-m", "flask", "--app", "samples.flask_app.app", "run", "--port", "{port}"],
    "flask, gunicorn gthread": [*GUNICORN, FLASK],
    "flask, gunicorn sync": [*GUNICORN, "-k", "sync", "--threads", "1", FLASK],
    "flask, gunicorn --preload": [*GUNICORN, "--preload", FLASK],
    "flask, waitress": ["-m", "waitress", "--threads", "16", "--listen", "127.0.0.1:{port}", FLASK],
    "django runserver": ["-m", "samples.django_app", "runserver", "{port}"],
    "django, gunicorn gthread": [*GUNICORN, DJANGO],
    "django, gunicorn sync": [*GUNICORN, "-k", "sync", "--threads", "1", DJANGO],
    "django, waitress": ["-m", "waitress", "--threads", "16", "--listen", "127.0.0.1:{port}", DJANGO],
}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class WebServer:
    """One that runs.

    Attributes:
        url: of the page, with the slash.
        printed: all that it has written, to both outputs.
    """

    def __init__(self, arguments: list[str], environment: dict[str, str] | None = None) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/"
        unwanted = {"OPENAI_API_KEY", "CI"}
        kept = {name: value for name, value in os.environ.items() if name not in unwanted}
        self.process = subprocess.Popen(
            [sys.executable, *(each.format(port=port) for each in arguments)],
            cwd=ROOT,
            env={**kept, "PYTHONUNBUFFERED": "1", **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # a group of its own, which is ended as a whole
        )
        self.printed = ""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.printed
            with contextlib.suppress(requests.ConnectionError):
                requests.get(f"{self.url}page/page.js", timeout=PATIENCE)
                return
            time.sleep(0.05)
        raise AssertionError(self.printed)

    def terminate(self) -> float:
        """SIGTERM to all its processes, as systemd and terminals do. How many seconds the last of them needed."""
        began = time.monotonic()
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(PATIENCE)
        while time.monotonic() - began < PATIENCE and self.processes():
            time.sleep(0.01)
        return time.monotonic() - began

    def processes(self) -> list[int]:
        """Those of the group that have not ended."""
        found = subprocess.run(["ps", "-o", "pid=,stat=", "-g", str(self.process.pid)], capture_output=True, text=True)
        return [int(line.split()[0]) for line in found.stdout.splitlines() if "Z" not in line.split()[1]]

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        self.process.stdout.close()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.printed += line


@contextlib.contextmanager
def web_server(arguments: list[str], environment: dict[str, str] | None = None) -> Iterator[WebServer]:
    """One that answers, for as long as the block lasts."""
    server = WebServer(arguments, environment)
    try:
        server.wait_until_it_answers()
        yield server
    finally:
        server.close()


class Page:
    """What a page does, without a browser. A context manager: leaving it ends its call."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = requests.Session()
        self.http.get(url, timeout=PATIENCE).raise_for_status()
        self.secret: dict[str, Any] = {}
        self.call_id = ""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._peer: WebRtcPeer | None = None

    def __enter__(self) -> Page:
        return self

    def __exit__(self, *_: object) -> None:
        if self._peer is not None:
            self._run(self._peer.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()
        self.http.close()

    def post(self, path: str, content: Any, **headers: str) -> requests.Response:
        """JSON, as the page sends it."""
        token = {"X-CSRFToken": self.http.cookies.get("csrftoken", "")}
        body = content if isinstance(content, bytes) else orjson.dumps(content)
        sent = {"Content-Type": "application/json", **token, **headers}
        return self.http.post(self.url + path, data=body, headers=sent, timeout=PATIENCE)

    def call(self) -> None:
        """Get a secret, and call with it."""
        answer = self.post("client-secret", {"output_modalities": ["text"]})
        answer.raise_for_status()
        self.secret = answer.json()
        self._run(self._call())

    async def _call(self) -> None:
        self._peer = WebRtcPeer()
        await self._peer.connect(self._ask)

    async def _ask(self, offer: str) -> str:
        answer = await asyncio.to_thread(
            requests.post,
            self.secret["url"],
            data=offer.encode(),
            headers={"Content-Type": "application/sdp", "Authorization": f"Bearer {self.secret['value']}"},
            timeout=PATIENCE,
        )
        assert answer.status_code == 201, answer.text
        self.call_id = answer.headers["Location"].rpartition("/")[2]
        return answer.text

    def follow(self) -> requests.Response:
        """Have the application follow the call."""
        return self.post("sideband", {"call_id": self.call_id, "client_secret": self.secret["value"]})

    def write(self, text: str) -> None:
        """Say something, in writing."""
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        for event in ({"type": "conversation.item.create", "item": item}, {"type": "response.create"}):
            self._loop.call_soon_threadsafe(self._peer.send, event)

    def wait_until_hung_up(self) -> None:
        self._run(asyncio.wait_for(self._peer.closed.wait(), PATIENCE))

    def _run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(2 * PATIENCE)


@attrs.define
class Transcript:
    """What an ``EventSource`` has got: it comes again when a stream ends, and says what it has."""

    http: requests.Session
    url: str
    lines: dict[str, dict[str, Any]] = attrs.Factory(dict)
    ended: str | None = None
    streams: int = 0
    told: bool = False
    _last: str | None = None

    def read(self, enough: Callable[[Transcript], bool]) -> Transcript:
        """Until it is enough, or the call has ended."""
        deadline = time.monotonic() + PATIENCE
        while self.ended is None and not enough(self):
            assert time.monotonic() < deadline, self
            headers = {} if self._last is None else {"Last-Event-ID": self._last}
            with self.http.get(self.url, headers=headers, stream=True, timeout=PATIENCE) as answer:
                assert answer.status_code == 200, answer.text
                assert answer.headers["Content-Type"].startswith("text/event-stream")
                self.streams += 1
                for line in answer.iter_lines(chunk_size=1):
                    self._take(line)
                    if self.ended is not None or enough(self):
                        return self
            time.sleep(0.05)  # a browser waits as long as it is told
        return self

    def texts(self, who: str) -> list[str]:
        return [line["text"] for line in self.lines.values() if line["who"] == who and line["done"]]

    def _take(self, line: bytes) -> None:
        if line.startswith(b"id: "):
            self._last = line[4:].decode()
        if line.startswith(b"data: "):
            event = orjson.loads(line[6:])
            if event["kind"] == "ended":
                self.ended = event["why"]
            else:
                self.lines[event["item_id"]] = event
