"""The web application: the paths of the protocol, and an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import itertools
import ssl
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import attrs

from .. import codec
from ..endpoints import DEFAULT_MODEL
from ..events import Error
from .answers import Answers
from .api_keys import REFUSED, offers_only_a_key
from .brain import Brain
from .call import Terms
from .call_brain import CallBrain
from .call_routes import CallRoutes, call_not_found
from .calls import Calls
from .connection import GOING_AWAY, Connection
from .door import Door, Visitor
from .http_answers import allow, answered, body_of, refused
from .refusal import Refusal
from .script import Line
from .settings import AnySettings
from .sideband import follow
from .speech import Speech
from .telephone import Telephones

if TYPE_CHECKING:
    from aiohttp import web

PATH: Final = "/v1/realtime"

SECRETS_PATH: Final = f"{PATH}/client_secrets"
CALLS_PATH: Final = f"{PATH}/calls"

_MAX_MESSAGE: Final = 24 * 2**20
"""15 MiB of audio in an append event take 20 MiB of base64."""

_CLOSE_TIMEOUT: Final = 0.5
"""Seconds that clients have to answer our close frame when the server ends."""

_GOODBYE_TIMEOUT: Final = 2.0
"""Seconds that they have at other times: one that stood still meanwhile is to find our close code all the same."""


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
        self._door = Door(options.api_key)
        self._connections = itertools.count(1)
        self.calls = Calls(Terms(self._call_brain, self._speech, options.speed, options.lifetime))
        self.telephones = Telephones(self.calls.place_call, self._speech)
        self._call_routes = CallRoutes(CALLS_PATH, self.calls, self._door)
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
        application.router.add_options(SECRETS_PATH, allow)
        self._call_routes.add_to(application.router)
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
            await self.telephones.close()
            self.calls.close()
            await self._call_routes.close()
            self._speech.close()

    async def _upgrade(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        if offers_only_a_key(request.headers):  # then aiohttp would log it
            return web.Response(status=400, text="Offer the subprotocol 'realtime' too, beside the key.")
        visitor = self._door.admit(request.headers, time.time())
        call = None
        if (call_id := request.query.get("call_id")) is not None and isinstance(visitor, Visitor):
            call = self.calls.find(call_id)
            if call is None or call.state == "ringing" or not visitor.may_join(call.owners):
                return refused(404, call_not_found(call_id))
        socket = web.WebSocketResponse(
            timeout=_GOODBYE_TIMEOUT, max_msg_size=_MAX_MESSAGE, compress=False, protocols=("realtime",)
        )
        try:
            await socket.prepare(request)
        except ConnectionError:  # a client that has gone already
            return web.Response()
        transport = request.transport
        self._sockets.add(socket)
        try:
            if isinstance(visitor, Error):
                await socket.send_str(codec.encode(visitor).decode())
                await socket.close(code=REFUSED, message=b"invalid_request_error.invalid_api_key")
            elif call is not None:
                await follow(socket, call)
            else:
                await self._connection(socket, self._brain(visitor.session, request.query)).run()
        finally:
            self._sockets.discard(socket)
            if transport is not None:
                transport.abort()  # TLS would wait half a minute for the goodbye of a client that does not read
        return socket

    async def _create_secret(self, request: web.Request) -> web.Response:
        from aiohttp import web

        visitor = self._door.admit_key(request.headers)
        if isinstance(visitor, Error):
            return refused(401, visitor)
        body = await body_of(request)
        if isinstance(body, web.Response):
            return body
        try:
            secret = self._door.secrets.create(body, time.time(), visitor.credential)
        except Refusal as refusal:
            return refused(400, refusal.as_event(None))
        return answered(200, codec.unstructure(secret))

    def _connection(self, socket: web.WebSocketResponse, brain: Brain) -> Connection:
        return Connection(socket, brain, self._speech, speed=self._options.speed, lifetime=self._options.lifetime)

    def _call_brain(self, session: AnySettings) -> CallBrain:
        return CallBrain(self._brain(session, {}))

    def _brain(self, session: AnySettings | None, query: Mapping[str, str]) -> Brain:
        return Brain(
            model=query.get("model", DEFAULT_MODEL),
            answer=self._answers.answer,
            transcribes=query.get("intent") == "transcription",
            expires_at=int(time.time() + self._options.lifetime),
            connection=next(self._connections),
            session=session,
        )

    async def _close_sockets(self, _application: object) -> None:
        await asyncio.gather(*(_close(socket) for socket in self._sockets), return_exceptions=True)


async def _close(socket: web.WebSocketResponse) -> None:
    """A client that does not read would hold up the close frame for ever."""
    with contextlib.suppress(ConnectionError, asyncio.TimeoutError):
        await asyncio.wait_for(socket.close(code=GOING_AWAY, message=b"the server ends"), timeout=_CLOSE_TIMEOUT)
