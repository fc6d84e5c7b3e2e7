"""One client: carries events between its socket and a brain of its own. Runs on the server's loop.

The order on the wire is the order in which the brain answered: between an answer and its place in the queue of the
sending lock nothing awaits. A client that reads slowly holds up its own responses, and nobody else's.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from .. import codec
from ..errors import ProtocolError
from ..events import ServerEvent
from .brain import Brain
from .labour import Labour
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
        self._labour = Labour(brain, speech, tell=self._send, failed=self._fail, speed=speed)
        self._lifetime = lifetime
        self._sending = asyncio.Lock()

    async def run(self) -> None:
        """Until the socket ends; then nothing of the client is left."""
        try:
            await self._send(self._brain.open())
            self._labour.start(self._expire)
            async for message in self._socket:
                if not isinstance(message.data, str | bytes):
                    break  # no message but an error of the frames, such as one that is too long: aiohttp has closed
                await self._receive(message.data)
        except ConnectionError:
            logger.debug("a client vanished")
        finally:
            await asyncio.gather(*self._labour.cancel(), return_exceptions=True)

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
        self._labour.begin()
        async with self._sending:
            for event in events:
                await self._socket.send_str(codec.encode(event).decode())

    async def _fail(self) -> None:
        await self._socket.close(code=1011, message=b"the local server failed")
