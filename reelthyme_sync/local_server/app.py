"""The web application: the one path of the protocol, and an orderly end. The only file that knows aiohttp."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import itertools
import ssl
import time
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Final

import attrs

from .. import codec
from ..endpoints import DEFAULT_MODEL
from .answers import Answers
from .api_keys import REFUSED, key_error, offers_only_a_key
from .brain import Brain
from .connection import GOING_AWAY, Connection
from .script import Line
from .speech import Speech

if TYPE_CHECKING:
    from aiohttp import web

PATH: Final = "/v1/realtime"

_MAX_MESSAGE: Final = 24 * 2**20
"""15 MiB of audio in an append event take 20 MiB of base64."""

_CLOSE_TIMEOUT: Final = 0.5
"""Seconds that a client has to answer our close frame."""


@attrs.frozen
class Options:
    """What a server is told to be; see ``serve``."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    script: Sequence[Line]
    speed: float
    lifetime: float
    api_key: str | None = attrs.field(repr=False)


class App:
    """Answers requests; remembers the sockets that are open, to close them."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._answers = Answers(datetime.datetime.now, options.script)
        self._speech = Speech()
        self._connections = itertools.count(1)
        self._sockets: set[web.WebSocketResponse] = set()

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        """Serves as long as the block lasts; gives the port.

        Raises:
            OSError: the port cannot be had.
        """
        from aiohttp import web

        application = web.Application()
        application.router.add_get(PATH, self._upgrade)
        application.on_shutdown.append(self._close_sockets)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=_CLOSE_TIMEOUT)
        await runner.setup()
        try:
            site = web.TCPSite(runner, self._options.host, self._options.port, ssl_context=self._options.tls)
            await site.start()
            self._speech.prepare()
            yield runner.addresses[0][1]
        finally:
            await runner.cleanup()
            self._speech.close()

    async def _upgrade(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        if offers_only_a_key(request.headers):  # then aiohttp would log it
            return web.Response(status=400, text="Offer the subprotocol 'realtime' too, beside the key.")
        socket = web.WebSocketResponse(
            timeout=_CLOSE_TIMEOUT, max_msg_size=_MAX_MESSAGE, compress=False, protocols=("realtime",)
        )
        try:
            await socket.prepare(request)
        except ConnectionError:  # a client that has gone already
            return web.Response()
        transport = request.transport
        self._sockets.add(socket)
        try:
            options = self._options
            if (error := key_error(options.api_key, request.headers)) is not None:
                await socket.send_str(codec.encode(error).decode())
                await socket.close(code=REFUSED, message=b"invalid_request_error.invalid_api_key")
                return socket
            connection = Connection(
                socket, self._brain(request), self._speech, speed=options.speed, lifetime=options.lifetime
            )
            await connection.run()
        finally:
            self._sockets.discard(socket)
            if transport is not None:
                transport.abort()  # TLS would wait half a minute for the goodbye of a client that does not read
        return socket

    def _brain(self, request: web.Request) -> Brain:
        return Brain(
            model=request.query.get("model", DEFAULT_MODEL),
            answer=self._answers.answer,
            transcribes=request.query.get("intent") == "transcription",
            expires_at=int(time.time() + self._options.lifetime),
            connection=next(self._connections),
        )

    async def _close_sockets(self, _application: object) -> None:
        closing = [socket.close(code=GOING_AWAY, message=b"the server ends") for socket in self._sockets]
        await asyncio.gather(*closing, return_exceptions=True)
