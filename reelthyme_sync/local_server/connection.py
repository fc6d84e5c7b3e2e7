"""One client: carries events between its socket and its brain, and does the brain's jobs. Runs on the server's loop.

The order on the wire is the order in which the brain answered: between an answer and its place in the queue of the
sending lock nothing awaits. A client that reads slowly holds up its own responses, and nobody else's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Final

from .. import codec
from ..errors import ProtocolError
from ..events import ServerEvent
from .brain import Brain, Hear, Perform
from .speech import Speech

if TYPE_CHECKING:
    from aiohttp.web import WebSocketResponse

GOING_AWAY: Final = 1001

logger = logging.getLogger(__name__)


class Connection:
    """Serves one client until it leaves.

    Args:
        socket: upgraded.
        brain: a fresh one.
        speech: the server's.
        speed: how many times faster than real time responses go out.
        lifetime: seconds until the session expires.
    """

    def __init__(
        self, socket: WebSocketResponse, brain: Brain, speech: Speech, *, speed: float, lifetime: float
    ) -> None:
        self._socket = socket
        self._brain = brain
        self._speech = speech
        self._speed = speed
        self._lifetime = lifetime
        self._sending = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until the socket ends; then nothing of the client is left."""
        try:
            await self._send(self._brain.open())
            self._start(self._expire)
            async for message in self._socket:
                if not isinstance(message.data, str | bytes):
                    break  # no message but an error of the frames, such as one that is too long: aiohttp has closed
                await self._receive(message.data)
        except ConnectionError:
            logger.debug("a client vanished")
        finally:
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _expire(self) -> None:
        await asyncio.sleep(self._lifetime)
        await self._send(self._brain.expire())
        await self._socket.close(code=GOING_AWAY, message=b"the session has expired")

    async def _receive(self, data: str | bytes) -> None:
        try:
            event = codec.decode_client(data)
        except ProtocolError as error:
            await self._send(self._brain.receive_nonsense(str(error)))
        else:
            await self._send(self._brain.receive(event, data))

    async def _send(self, events: list[ServerEvent]) -> None:
        """Start what the brain wants done, and send what it answered."""
        for job in self._brain.jobs():
            self._start(partial(self._hear, job) if isinstance(job, Hear) else partial(self._perform, job))
        async with self._sending:
            for event in events:
                await self._socket.send_str(codec.encode(event).decode())

    async def _hear(self, job: Hear) -> None:
        text = await self._speech.recognise(job)
        await self._send(self._brain.heard(job.item_id, text))

    async def _perform(self, job: Perform) -> None:
        sound = await self._speech.speak(job)
        clock = asyncio.get_running_loop().time
        due = clock()
        for piece in self._brain.perform(job.response_id, sound):
            await self._send(piece.events)
            due += piece.ms / 1000 / self._speed
            await asyncio.sleep(max(0.0, due - clock()))

    def _start(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        task = asyncio.create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        """A job that fails ends its session: a client must not wait for ever for what will not come."""
        try:
            await work()  # made here: one made before would be missed by a task that is cancelled before it begins
        except ConnectionError:
            logger.debug("a client vanished in the middle of an answer")
        except Exception:
            logger.exception("the local server failed")
            await self._socket.close(code=1011, message=b"the local server failed")
