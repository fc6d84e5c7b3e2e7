"""The REST calls about calls: begin one with an offer, accept, reject, pass on, hang up."""

from __future__ import annotations

import importlib.util
import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from ..events import Error, RealtimeSession
from .bodies import object_of, parsed, session_of, session_patch
from .call import Call
from .call_request import call_request
from .calls import Calls
from .door import Door, Visitor
from .http_answers import FROM_ANY_PAGE, allow, body_of, refused
from .refusal import Refusal, invalid_value, missing
from .settings import AnySettings, updated

if TYPE_CHECKING:
    from aiohttp import web

    from .webrtc import Peers

_DECLINE: Final = 603
_DECLINING: Final = range(400, 700)


def call_not_found(call_id: str) -> Error:
    """What is told of a call that is none, or none any more, or somebody else's."""
    return Refusal(f"No call found with id '{call_id[:80]}'.", code="call_id_not_found", param="call_id").as_event(None)


class CallRoutes:
    """Serves the paths below ``/calls``.

    Args:
        path: of the calls.
        calls: the server's.
        door: the server's.
    """

    def __init__(self, path: str, calls: Calls, door: Door) -> None:
        self._path = path
        self._calls = calls
        self._door = door
        self._peers: Peers | None = None
        self._verbs: dict[str, Callable[[Call, dict[str, Any]], None]] = {
            "accept": _accept,
            "reject": _reject,
            "refer": _refer,
            "hangup": lambda call, _: call.hang_up(),
        }

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Add the paths."""
        one = f"{self._path}/{{call_id}}/{{verb}}"
        router.add_post(self._path, self._create)
        router.add_options(self._path, allow)
        router.add_post(one, self._tell)
        router.add_options(one, allow)

    async def close(self) -> None:
        """End the WebRTC side of every call."""
        if self._peers is not None:
            await self._peers.close()

    async def _create(self, request: web.Request) -> web.Response:
        from aiohttp import web

        visitor = self._door.admit(request.headers, time.time())
        if isinstance(visitor, Error):
            return refused(401, visitor)
        if not _has_webrtc():
            lack = 'The local server cannot answer WebRTC calls: pip install "reelthyme_sync[webrtc]"'
            return refused(501, Refusal(lack, code="not_implemented").as_event(None))
        body = await body_of(request)
        if isinstance(body, web.Response):
            return body
        try:
            asked = call_request(request.headers.get("Content-Type", ""), body)
            call = self._calls.begin(_settings(visitor, asked.session, request), visitor.owners)
            try:
                sdp = await self._peer().answer(call, asked.sdp)
            except BaseException:
                call.hang_up()
                raise
        except Refusal as refusal:
            return refused(400, refusal.as_event(None))
        headers = {**FROM_ANY_PAGE, "Location": f"{self._path}/{call.id}"}
        return web.Response(status=201, body=sdp.encode(), content_type="application/sdp", headers=headers)

    async def _tell(self, request: web.Request) -> web.Response:
        from aiohttp import web

        visitor = self._door.admit(request.headers, time.time())
        if isinstance(visitor, Error):
            return refused(401, visitor)
        call_id, verb = request.match_info["call_id"], request.match_info["verb"]
        body = await body_of(request)
        if isinstance(body, web.Response):
            return body
        call = self._calls.find(call_id)
        if call is None or not visitor.may_join(call.owners):
            return refused(404, call_not_found(call_id))
        if (act := self._verbs.get(verb)) is None:
            return refused(404, invalid_value(f"A call knows no '{verb[:80]}'.", "verb").as_event(None))
        try:
            act(call, {} if verb == "hangup" else object_of(parsed(body), "the body"))
        except Refusal as refusal:
            return refused(400, refusal.as_event(None))
        return web.Response(headers=FROM_ANY_PAGE)

    def _peer(self) -> Peers:
        if self._peers is None:
            from .webrtc import Peers

            self._peers = Peers()
        return self._peers


def _has_webrtc() -> bool:
    return importlib.util.find_spec("aiortc") is not None


def _settings(visitor: Visitor, asked: object, request: web.Request) -> AnySettings:
    """The session of a call: the secret's, which the caller may change, or what the caller says."""
    if visitor.session is None:
        model = request.query.get("model")
        return session_of({"type": "realtime", "model": model} if asked is None and model else asked, "")
    if asked is None:
        return visitor.session
    return updated(visitor.session, session_patch(asked), has_spoken=False)


def _accept(call: Call, body: dict[str, Any]) -> None:
    _check_ringing(call)
    settings = session_of(body, "")
    if not isinstance(settings, RealtimeSession):
        raise invalid_value("A telephone call takes a session of type 'realtime'.", "session.type")
    call.accept(settings)


def _reject(call: Call, body: dict[str, Any]) -> None:
    _check_ringing(call)
    sip_code = body.get("status_code", _DECLINE)
    if type(sip_code) is not int or sip_code not in _DECLINING:
        raise invalid_value("SIP declines with a status from 400 to 699.", "status_code")
    call.reject(sip_code)


def _refer(call: Call, body: dict[str, Any]) -> None:
    target_uri = body.get("target_uri")
    if target_uri is None:
        raise missing("target_uri")
    if not isinstance(target_uri, str) or not re.fullmatch(r"(tel|sips?):\S+", target_uri, re.IGNORECASE):
        raise invalid_value("A call is passed on to 'tel:…' or 'sip:…'.", "target_uri")
    if call.owners is not None or call.state != "answered":
        raise Refusal("Only a telephone call that has been accepted can be passed on.", code="call_not_referable")
    call.refer(target_uri)


def _check_ringing(call: Call) -> None:
    if call.state != "ringing":
        raise Refusal("The call does not ring: it has been answered.", code="call_not_ringing")
