"""The web application: the paths of the protocol, and an orderly end. The only file that knows aiohttp."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import itertools
import ssl
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import attrs
import orjson

from .. import codec
from ..endpoints import DEFAULT_MODEL
from ..events import Error
from .answers import Answers
from .api_keys import REFUSED, key_error, offers_only_a_key, presented_key
from .brain import Brain
from .client_secrets import ClientSecrets
from .connection import GOING_AWAY, Connection
from .refusal import Refusal
from .script import Line
from .settings import AnySettings
from .speech import Speech

if TYPE_CHECKING:
    from aiohttp import web

PATH: Final = "/v1/realtime"

SECRETS_PATH: Final = f"{PATH}/client_secrets"

_FROM_ANY_PAGE: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, OpenAI-Safety-Identifier",
    "Access-Control-Allow-Methods": "POST",
}
"""Lets the page of another server ask, from a browser."""

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
        self._secrets = ClientSecrets()
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
        application.router.add_post(SECRETS_PATH, self._create_secret)
        application.router.add_options(SECRETS_PATH, self._allow)
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
            session = self._secrets.session_of(presented_key(request.headers), time.time())
            if session is None and (error := key_error(options.api_key, request.headers)) is not None:
                await socket.send_str(codec.encode(error).decode())
                await socket.close(code=REFUSED, message=b"invalid_request_error.invalid_api_key")
                return socket
            connection = Connection(
                socket, self._brain(request, session), self._speech, speed=options.speed, lifetime=options.lifetime
            )
            await connection.run()
        finally:
            self._sockets.discard(socket)
            if transport is not None:
                transport.abort()  # TLS would wait half a minute for the goodbye of a client that does not read
        return socket

    async def _create_secret(self, request: web.Request) -> web.Response:
        if (error := key_error(self._options.api_key, request.headers)) is not None:
            return _refused(401, error)
        try:
            secret = self._secrets.create(await request.read(), time.time())
        except Refusal as refusal:
            return _refused(400, refusal.as_event(None))
        return _json(200, codec.unstructure(secret))

    async def _allow(self, _request: web.Request) -> web.Response:
        from aiohttp import web

        return web.Response(status=204, headers=_FROM_ANY_PAGE)

    def _brain(self, request: web.Request, session: AnySettings | None) -> Brain:
        return Brain(
            model=request.query.get("model", DEFAULT_MODEL),
            answer=self._answers.answer,
            transcribes=request.query.get("intent") == "transcription",
            expires_at=int(time.time() + self._options.lifetime),
            connection=next(self._connections),
            session=session,
        )

    async def _close_sockets(self, _application: object) -> None:
        closing = [socket.close(code=GOING_AWAY, message=b"the server ends") for socket in self._sockets]
        await asyncio.gather(*closing, return_exceptions=True)


def _refused(status: int, error: Error) -> web.Response:
    """An error as the service's REST calls tell it: that of an event, without the event."""
    said = codec.unstructure(error.error)
    return _json(status, {"error": {name: said.get(name) for name in ("message", "type", "param", "code")}})


def _json(status: int, content: Mapping[str, Any]) -> web.Response:
    from aiohttp import web

    body = orjson.dumps(content)
    return web.Response(status=status, body=body, content_type="application/json", headers=_FROM_ANY_PAGE)
