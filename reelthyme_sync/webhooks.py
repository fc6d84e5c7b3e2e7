"""What the service tells your web server: proved to be the service's, and read.

    @app.post("/openai")
    def told():
        try:
            event = webhooks.unwrap(request.get_data(), request.headers)
        except InvalidSignature:
            return "", 400
        if isinstance(event, RealtimeCallIncoming):
            ...

By the rules of Standard Webhooks. Knows no web framework, no network and no session. Any thread.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import logging
import os
import re
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from . import codec
from ._credentials import Secret
from .errors import InvalidSignature, MissingApiKey, ProtocolError
from .events import RealtimeCallIncoming, UnknownEvent

SECRET_VARIABLE: Final = "OPENAI_WEBHOOK_SECRET"
TOLERANCE: Final = 300.0
"""Seconds that a webhook may be old, or ahead of our clock."""

_ID: Final = "webhook-id"
_TIMESTAMP: Final = "webhook-timestamp"
_SIGNATURE: Final = "webhook-signature"
_PREFIX: Final = "whsec_"
_VERSION: Final = "v1,"

_log = logging.getLogger(__name__)


def unwrap(
    body: bytes | str,
    headers: Mapping[str, Any] | Iterable[tuple[Any, Any]],
    secret: str | None = None,
    *,
    tolerance: float = TOLERANCE,
) -> RealtimeCallIncoming | UnknownEvent:
    """The event in a webhook, once it is known that the service sent it, and just now.

    One webhook can come more than once, for the service repeats what is not answered with 2xx in time: who must act
    once only remembers the event's ``id``.

    Args:
        body: of the request, every byte as it came: ``request.get_data()`` of Flask, ``request.body`` of Django. What a
            framework has parsed and written anew has another signature.
        headers: of the request: ``request.headers`` of Flask, Django and others, a WSGI environment, or pairs.
        secret: the endpoint's signing secret, ``whsec_…``; by default the environment's ``OPENAI_WEBHOOK_SECRET``.
        tolerance: seconds that the webhook may be old, or ahead of this machine's clock.

    Returns:
        A ``RealtimeCallIncoming`` when somebody calls, an ``UnknownEvent`` with the ``raw`` dictionary for all else.

    Raises:
        InvalidSignature: it is not signed with this secret, or too old, or a header is missing. Answer 400.
        MissingApiKey: no secret given, and none in the environment.
        ValueError: a secret that begins with ``whsec_`` and is no base64.
        ProtocolError: the service signed it, but it is no event.
    """
    secret = Secret((secret or os.environ.get(SECRET_VARIABLE, "")).strip())
    if not secret:
        raise MissingApiKey(f"No secret for webhooks: set {SECRET_VARIABLE} or pass secret=…, the endpoint's whsec_…")
    data = _bytes(body)
    signed = _signed_headers(headers)
    _check_time(signed[_TIMESTAMP], tolerance)
    if not _is_signed(data, signed, secret):
        raise InvalidSignature(
            "The webhook is not signed with this secret: is the secret this endpoint's own, and the body as it came?"
        )
    return _read(data)


def signature(body: bytes, secret: str, *, webhook_id: str, timestamp: int | str) -> str:
    """What stands in ``webhook-signature`` when the owner of ``secret`` sends ``body``: ``v1,…``.

    Raises:
        ValueError: a secret that begins with ``whsec_`` and is no base64.
    """
    message = f"{webhook_id}.{timestamp}.".encode("utf-8", "backslashreplace") + body
    return _VERSION + base64.b64encode(hmac.digest(_key(secret), message, hashlib.sha256)).decode()


def signed_headers(body: bytes, secret: str, *, webhook_id: str, timestamp: int) -> dict[str, str]:
    """All headers with which the owner of ``secret`` sends ``body``.

    Raises:
        ValueError: as of ``signature``.
    """
    return {
        "content-type": "application/json",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(body, secret, webhook_id=webhook_id, timestamp=timestamp),
    }


def _key(secret: str) -> bytes:
    """The bytes of a secret: base64 after ``whsec_``, with its padding or without; else the text itself."""
    if not secret.startswith(_PREFIX):
        return secret.encode()
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX) + "==")
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise ValueError(f"The webhook secret begins with {_PREFIX} and is no base64 after it: was it copied whole?")
    return key


def _bytes(body: object) -> bytes:
    if isinstance(body, str):
        return body.encode("utf-8", "backslashreplace")  # what is no Unicode nobody has signed
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body)
    raise TypeError(f"body must be the request's bytes, as they came, not {type(body).__name__}")


def _signed_headers(headers: Mapping[str, Any] | Iterable[tuple[Any, Any]]) -> dict[str, str]:
    """The three headers that count, by their lower-case names.

    Raises:
        InvalidSignature: one is missing.
    """
    pairs = headers.items() if isinstance(headers, Mapping) or hasattr(headers, "items") else headers
    found: dict[str, str] = {}
    for name, value in pairs:
        if (plain := _plain_name(name)) in (_ID, _TIMESTAMP, _SIGNATURE) and (text := _text(value)):
            found[plain] = text
    if missing := [name for name in (_ID, _TIMESTAMP, _SIGNATURE) if name not in found]:
        raise InvalidSignature(f"The webhook is not signed: it has no {' and no '.join(missing)}")
    return found


def _plain_name(name: object) -> str:
    """``webhook-id`` for ``Webhook-Id`` and for ``HTTP_WEBHOOK_ID``, which is what WSGI makes of it."""
    return _text(name).lower().replace("_", "-").removeprefix("http-")


def _text(value: object) -> str:
    if isinstance(value, bytes):  # ASGI
        return value.decode("latin-1")
    return value if isinstance(value, str) else ""


def _check_time(timestamp: str, tolerance: float) -> None:
    if not re.fullmatch(r"[0-9]{1,15}", timestamp):
        raise InvalidSignature(f"The webhook's {_TIMESTAMP} is no number of seconds")
    age = int(time.time()) - int(timestamp)
    if not age <= tolerance:  # in this way round a NaN lets nothing pass
        raise InvalidSignature(f"The webhook is {age} s old, more than {tolerance:g}: it is repeated, or was held up")
    if -age > tolerance:
        raise InvalidSignature(f"The webhook was signed {-age} s from now: is this machine's clock right?")


def _is_signed(body: bytes, headers: Mapping[str, str], secret: str) -> bool:
    """Whether one of the signatures is right: while a secret is being replaced, there are two.

    Whoever is shown the right one could forge the webhook: it is known in here alone, where nothing fails after it.
    """
    given = [each.encode("utf-8", "backslashreplace") for each in headers[_SIGNATURE].split()]
    right = signature(body, secret, webhook_id=headers[_ID], timestamp=headers[_TIMESTAMP]).encode()
    bare = right.removeprefix(_VERSION.encode())  # openai's own package takes a signature without its version too
    return any(hmac.compare_digest(each, right) or hmac.compare_digest(each, bare) for each in given)


def _read(body: bytes) -> RealtimeCallIncoming | UnknownEvent:
    try:
        raw = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise ProtocolError("The webhook's body is no JSON") from None
    if not isinstance(raw, dict) or not isinstance(raw.get("type"), str):
        raise ProtocolError("The webhook's body is no event: it must be an object with a type")
    if raw["type"] == RealtimeCallIncoming.type:
        try:
            return codec.structure(raw, RealtimeCallIncoming)
        except TypeError as error:
            _log.warning("%s has an unknown shape (%s): it comes as UnknownEvent", raw["type"], error)
    return UnknownEvent(type=raw["type"], event_id=_text(raw.get("id")), raw=raw)
