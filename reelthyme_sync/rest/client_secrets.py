"""``create_client_secret``: what a browser connects with, so that no key ever leaves the server."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import orjson

from .. import codec
from .._credentials import Credential, Secret, hidden
from ..endpoints import DEFAULT_TRANSLATION_MODEL, Endpoint
from ..errors import RequestFailed
from ..events import (
    ClientSecret,
    ExpiresAfter,
    RealtimeSession,
    TranscriptionSession,
    TranslationSession,
    TranslationSessionRequest,
    UnknownPart,
    evolve,
)
from ..events.server_events import AnySession
from .asking import ask, json_of, session_wire
from .places import address, endpoint_of

if TYPE_CHECKING:
    from .wire import Answer

SECONDS: Final = range(10, 7201)
"""How long a secret may be valid."""

_TASK: Final = "create a client secret"


def create_client_secret(
    *,
    session: RealtimeSession
    | TranscriptionSession
    | TranslationSessionRequest
    | UnknownPart
    | Mapping[str, Any]
    | None = None,
    expires_after: int | ExpiresAfter | Mapping[str, Any] | None = None,
    api_key: Credential | None = None,
    endpoint: Endpoint | None = None,
    url: str | None = None,
    safety_identifier: str | None = None,
    timeout: float | None = 10.0,
    ssl_context: ssl.SSLContext | None = None,
) -> ClientSecret:
    """A secret that a browser may hold: with it, it connects in your name, for a few minutes.

    A web server answers its own page with ``codec.unstructure(secret)``. The secret opens as many sessions as you like
    until it expires; a session that began with it goes on.

    Args:
        session: what sessions with this secret are, unless they say otherwise; a dictionary goes out as it is. For a
            translation a ``TranslationSessionRequest``, or a dictionary with ``"type": "translation"``.
        expires_after: seconds, 10 to 7200; by default the service's 600.
        api_key: a string, or a callable that gives one; by default the environment's ``OPENAI_API_KEY``, which is only
            ever sent to OpenAI.
        endpoint: where to ask instead of ``api_key`` and ``url``, such as ``endpoints.azure(…)``. Its model counts for
            connections, not here: name it in ``session``.
        url: a relay or a local server: the address of its sessions, as ``connect`` takes it.
        safety_identifier: a stable, hashed name of your user, by which OpenAI can act against one and not all of them.
        timeout: seconds until the server has begun to answer; None waits for ever.
        ssl_context: how servers are verified, as ``connect`` takes it.

    Returns:
        ``value``, which neither its own ``repr`` nor that of the whole shows; ``expires_at`` in Unix seconds; and
        ``session``, all that it will be.

    Raises:
        MissingApiKey: before anything is sent.
        ValueError: arguments that contradict each other, or are out of bounds; before anything is sent.
        RequestFailed: the service refused, did not answer in time, or answered with something else.
    """
    api_key = hidden(api_key)  # first: a traceback may show what is local here
    endpoint = endpoint_of(endpoint=endpoint, url=url, api_key=api_key, safety_identifier=safety_identifier)
    body: dict[str, Any] = {} if expires_after is None else {"expires_after": _expiry(expires_after)}
    wire = None if session is None else session_wire(session)
    translates = isinstance(session, TranslationSessionRequest) or endpoint.intent == "translation"
    if translates or (wire is not None and wire.get("type") == TranslationSession.type):
        translates, wire = True, {"model": DEFAULT_TRANSLATION_MODEL, **_untyped(wire or {})}
    if wire is not None:
        body["session"] = wire
    place = address(endpoint, "client_secrets", translations=translates)
    answer = ask(_TASK, endpoint, place, content=json_of(body), timeout=timeout, ssl_context=ssl_context)
    if (secret := _read(answer)) is None:
        raise RequestFailed(f"Could not {_TASK}: the server's answer holds none: is it one?", status=answer.status)
    return secret


def _expiry(expires_after: int | ExpiresAfter | Mapping[str, Any]) -> dict[str, Any]:
    """``expires_after`` as the wire has it."""
    if isinstance(expires_after, ExpiresAfter):
        wire = codec.unstructure(expires_after)
    elif isinstance(expires_after, Mapping):
        wire = dict(expires_after)
    else:
        wire = {"anchor": "created_at", "seconds": expires_after}
    seconds = wire.get("seconds", SECONDS.start)
    if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds not in SECONDS:
        raise ValueError(f"expires_after must be a whole number of seconds from 10 to 7200, not {seconds!r}")
    return wire


def _untyped(session: Mapping[str, Any]) -> dict[str, Any]:
    """A translation's session as the service takes it here: without its type, which it refuses."""
    return {name: value for name, value in session.items() if name != "type"}


def _read(answer: Answer) -> ClientSecret | None:
    """The secret, or None where there is none. Nothing fails in here: its variables hold the secret."""
    try:
        raw = orjson.loads(answer.body)
        session = raw.pop("session", None) if isinstance(raw, dict) else None
        secret = codec.structure(raw, ClientSecret)
    except (TypeError, orjson.JSONDecodeError):
        return None
    if isinstance(session, dict):
        secret = evolve(secret, session=_session(session))
    return evolve(secret, value=Secret(secret.value)) if secret.value else None


def _session(raw: dict[str, Any]) -> AnySession:
    """What the sessions will be; one of an unknown shape is no reason to lose the secret."""
    try:
        return codec.structure({"session": raw}, ClientSecret).session
    except TypeError:
        kind = raw.get("type")
        return UnknownPart(type=kind if isinstance(kind, str) else "", raw=raw)
