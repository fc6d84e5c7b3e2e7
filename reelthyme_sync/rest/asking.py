"""A REST call from its body to its answer: what is sent, and what it means when the service says no.

Knows neither secrets for browsers nor calls, which say what they ask and read what they get.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from .. import _retry_after, codec, meanings
from ..endpoints import Endpoint
from ..errors import InvalidEvent, RequestFailed
from ..events import ClientSecretRequest, Part
from ..version import __version__

if TYPE_CHECKING:
    from .wire import Answer

BODY_LIMIT: Final = 1 << 16
"""Characters of a refusal's body that are kept."""

JSON: Final = "application/json"
_SHOWN: Final = 500
"""Characters of the service's words that an error's message repeats."""

_KEY_LENGTH: Final = 12
"""Characters: what is shorter in a header is no key, and may well stand in an answer."""

_HOPELESS: Final = frozenset({"insufficient_quota", "billing_hard_limit_reached"})
"""Codes that come with the status of a server that is busy, and do not go away by waiting."""


def ask(
    task: str,
    endpoint: Endpoint,
    url: str,
    *,
    content: bytes | None = None,
    media: str = JSON,
    parts: Mapping[str, tuple[str, bytes]] | None = None,
    accept: str = "*/*",
    timeout: float | None,
    ssl_context: ssl.SSLContext | None,
) -> Answer:
    """Post a body, or the parts of a form, with the endpoint's headers; gives the answer of a service that did it.

    Raises:
        RequestFailed: it refused, or did not answer; the message begins with ``Could not``, and what was the task.
        MissingApiKey, ValueError: the endpoint's credential gives nothing that can be sent; or ``timeout`` is no time.
    """
    from . import wire  # a tenth of a second

    if timeout is not None and not timeout > 0:
        raise ValueError(f"timeout must be above zero, not {timeout}")
    authorized = endpoint.upgrade_headers()
    headers = {"User-Agent": f"reelthyme_sync/{__version__}", "Accept": accept, "Accept-Encoding": "identity"}
    if content is not None:
        headers["Content-Type"] = media
    where = f"Could not {task} at {url.partition('?')[0]}"
    try:
        answer = wire.post(
            wire.Request(url, {**headers, **authorized}, content, parts), timeout=timeout, ssl_context=ssl_context
        )
    except wire.Unanswered as error:
        raise RequestFailed(f"{where}: {error}", recoverable=error.recoverable) from None
    if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return answer
    raise refused(where, answer.status, answer.headers, answer.body, unsaid=authorized.values())


def session_wire(session: Part | Mapping[str, Any]) -> dict[str, Any]:
    """A session's configuration as the wire has it; a mapping as it is."""
    stated: Any = session
    wire: dict[str, Any] = codec.unstructure(ClientSecretRequest(session=stated))["session"]
    return wire


def json_of(body: Mapping[str, Any]) -> bytes:
    """A body as JSON.

    Raises:
        InvalidEvent: it holds something that JSON cannot say, such as a NaN.
    """
    try:
        return json.dumps(body, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidEvent(f"the body of a REST call cannot be sent: {error}") from None


def refused(
    where: str, status: int, headers: Mapping[str, str], body: bytes, *, unsaid: Iterable[str] = ()
) -> RequestFailed:
    """What is raised for an answer that is no success. What of ``unsaid`` the answer repeats is left out."""
    text = body.decode("utf-8", "replace")
    for secret in (word for value in unsaid for word in value.split() if len(word) >= _KEY_LENGTH):
        text = text.replace(secret, "***")
    said = _said(text)
    code, param = _word(said.get("code")), _word(said.get("param"))
    why = (_word(said.get("message")) or "")[:_SHOWN] or meanings.of_status(status, asked="the request")
    return RequestFailed(
        f"{where}: HTTP {status}: {why}",
        status=status,
        code=code,
        param=param,
        body=text[:BODY_LIMIT],
        retry_after=_retry_after.seconds_of(headers.get("Retry-After", "")),
        recoverable=meanings.status_is_recoverable(status) and code not in _HOPELESS,
    )


def _said(text: str) -> Mapping[str, Any]:
    """The ``error`` of the service's JSON; empty where the body is something else, such as a proxy's page."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    error = said.get("error") if isinstance(said, dict) else None
    if isinstance(error, str):  # as some relays write it
        return {"message": error}
    return error if isinstance(error, dict) else {}


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
