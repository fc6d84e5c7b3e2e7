"""What REST calls have in common: bounded bodies, answers in JSON, and leave for the pages of other servers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import orjson

from .. import codec
from ..events import Error
from .refusal import Refusal

if TYPE_CHECKING:
    from aiohttp import web

FROM_ANY_PAGE: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, OpenAI-Safety-Identifier",
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Expose-Headers": "Location",
}
"""Lets the page of another server ask, from a browser."""


async def allow(_request: web.Request) -> web.Response:
    """Answers a browser that asks whether it may ask."""
    from aiohttp import web

    return web.Response(status=204, headers=FROM_ANY_PAGE)


def refused(status: int, error: Error) -> web.Response:
    """An error as the service's REST calls tell it: that of an event, without the event."""
    said = codec.unstructure(error.error)
    return answered(status, {"error": {name: said.get(name) for name in ("message", "type", "param", "code")}})


def answered(status: int, content: Mapping[str, Any]) -> web.Response:
    """An answer in JSON."""
    from aiohttp import web

    body = orjson.dumps(content)
    return web.Response(status=status, body=body, content_type="application/json", headers=FROM_ANY_PAGE)


async def body_of(request: web.Request) -> bytes | web.Response:
    """The body; or what is answered to one that is too long, of which aiohttp reads the rest, or to a broken one."""
    from aiohttp import web

    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        too_long = Refusal("The body of your request is longer than 1 MiB.", code="request_too_large")
        return refused(413, too_long.as_event(None))
    except (web.RequestPayloadError, ConnectionError):  # or the client has gone in the middle of it
        broken = Refusal("The body of your request could not be read.", code=None)
        return refused(400, broken.as_event(None))
