"""The local server's thread, and the handle that its owner holds."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from concurrent.futures import CancelledError, Future
from types import TracebackType
from typing import Final

import attrs

from .._credentials import Secret
from .._worker import Worker
from .app import PATH, App, Options
from .phone import Phone
from .telephone import Ring, Telephones

_CLOSE_WITHIN: Final = 2.0


@attrs.frozen
class _Running:
    loop: asyncio.AbstractEventLoop
    stop: asyncio.Event
    port: int
    telephones: Telephones


class LocalServer:
    """A running server; ``serve`` starts one. A context manager; ``close`` may be called by anyone, often.

    Attributes:
        url: where to connect to.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._started: Future[_Running] = Future()
        self._ringing: set[Future[Phone]] = set()
        self._worker = Worker("reelthyme-server", self._run, self._ended)
        self._worker.start()
        self._running = self._started.result()
        name = f"[{options.host}]" if ":" in options.host else options.host
        self.url = f"{'wss' if options.tls else 'ws'}://{name}:{self._running.port}{PATH}"

    def ring(
        self,
        webhook: str,
        *,
        secret: str,
        caller: str = "+15550100",
        called: str = "+15550111",
        says: Iterable[str] = (),
        greeted: bool = True,
        voice: str = "ash",
        pace: float = 1.0,
        rings_for: float = 30.0,
    ) -> Phone:
        """Ring up your application: somebody with a telephone, for whom no carrier is needed.

            phone = server.ring("http://127.0.0.1:8000/openai", secret=secret, says=["What time is it?"], pace=8)
            phone.wait_heard("it is [0-9]")

        The webhook ``realtime.call.incoming`` is sent, and sent again while the call lasts, until it is answered with
        2xx within 5 s: after 0.5 s, and then each time after twice as long, up to 8 s. It has the same ``webhook-id``
        each time. Returns at once. What becomes of the call, ``calls.accept``, ``reject``, ``refer`` and ``hangup``
        decide, with ``url=server.url``.

        Args:
            webhook: the address of your endpoint, ``http://…`` or ``https://…``.
            secret: what the endpoint believes: ``whsec_…``.
            caller: the number that calls, as it will stand in the SIP header ``From``.
            called: the number that was dialled, as in ``To``.
            says: what the caller says, in English: one text after each answer of the assistant that has sounded. The
                server knows these words when it hears them, exactly.
            greeted: whether the caller waits for the assistant to speak first.
            voice: that the caller has: one of the assistant's.
            pace: how many times faster than real time they talk.
            rings_for: seconds until the caller gives up, when nobody answers.

        Raises:
            ValueError: ``webhook`` is no address, ``secret`` is none, or a number makes no sense.
            RuntimeError: the server was closed.
        """
        secret = Secret(secret)  # first: a traceback may show what is local here
        ring = Ring(webhook, secret, caller, called, list(says), greeted, voice, pace, rings_for)
        work, loop = self._running.telephones.ring(ring), self._running.loop
        try:
            ringing = asyncio.run_coroutine_threadsafe(work, loop)
            self._ringing.add(ringing)
            if loop.is_closed():  # it took the work, and ended before it knew of it; a later end finds it in the set
                ringing.cancel()
            try:
                return ringing.result()
            finally:
                self._ringing.discard(ringing)
        except CancelledError:
            work.close()
            raise RuntimeError("The server has been closed") from None
        except RuntimeError:
            work.close()
            raise

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
        app = App(self._options)
        async with app.listening() as port:
            self._started.set_result(_Running(asyncio.get_running_loop(), stop, port, app.telephones))
            await stop.wait()

    def _ended(self, failure: BaseException | None) -> None:
        if failure is not None and not self._started.done():
            self._started.set_exception(failure)
        for ringing in list(self._ringing):
            ringing.cancel()
