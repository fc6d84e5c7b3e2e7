"""A web server that is told of incoming calls, for tests of whoever tells."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from keys import TEST_WEBHOOK_SECRET

from reelthyme_sync import webhooks
from reelthyme_sync.events import RealtimeCallIncoming


class Endpoint:
    """A web server that keeps what comes, and answers as it is told: with a status, or by ``answer``."""

    def __init__(self, answer: Callable[[RealtimeCallIncoming], int]) -> None:
        self.webhooks: list[tuple[str, RealtimeCallIncoming]] = []
        self.paths: set[str] = set()
        self.came = threading.Event()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                event = webhooks.unwrap(body, dict(self.headers), TEST_WEBHOOK_SECRET)
                endpoint.paths.add(self.path)
                endpoint.webhooks.append((self.headers["webhook-id"], event))
                endpoint.came.set()
                self.send_response(answer(event))
                self.send_header("location", "/elsewhere")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/openai"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def endpoint(answer: Callable[[RealtimeCallIncoming], int] = lambda _event: 200) -> Iterator[Endpoint]:
    made = Endpoint(answer)
    try:
        yield made
    finally:
        made.close()
