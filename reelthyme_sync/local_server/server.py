"""The local server's thread, and the handle that its owner holds."""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import Future
from types import TracebackType
from typing import Final

import attrs

from .._worker import Worker
from .app import PATH, App, Options

_CLOSE_WITHIN: Final = 2.0


@attrs.frozen
class _Running:
    loop: asyncio.AbstractEventLoop
    stop: asyncio.Event
    port: int


class LocalServer:
    """A running server; ``serve`` starts one. A context manager; ``close`` may be called by anyone, often.

    Attributes:
        url: where to connect to.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._started: Future[_Running] = Future()
        self._worker = Worker("reelthyme-server", self._run, self._ended)
        self._worker.start()
        self._running = self._started.result()
        name = f"[{options.host}]" if ":" in options.host else options.host
        self.url = f"{'wss' if options.tls else 'ws'}://{name}:{self._running.port}{PATH}"

    def close(self) -> None:
        """Close every session (1001) and end the threads: within two seconds."""
        with contextlib.suppress(RuntimeError):  # the loop has ended already
            self._running.loop.call_soon_threadsafe(self._running.stop.set)
        self._worker.join(_CLOSE_WITHIN)

    def __enter__(self) -> LocalServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<LocalServer {self.url}>"

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        stop = asyncio.Event()
        async with App(self._options).listening() as port:
            self._started.set_result(_Running(asyncio.get_running_loop(), stop, port))
            await stop.wait()

    def _ended(self, failure: BaseException | None) -> None:
        if failure is not None and not self._started.done():
            self._started.set_exception(failure)
