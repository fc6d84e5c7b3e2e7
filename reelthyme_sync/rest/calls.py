"""The calls of browsers (WebRTC) and of telephones (SIP): begun, answered, declined, passed on, ended.

A call's id is what ``connect(call_id=…)`` follows it by.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import attrs

from .._credentials import Credential, hidden
from ..endpoints import DEFAULT_MODEL, Endpoint
from ..errors import RequestFailed
from ..events import ClientSecret, RealtimeSession, TranslationSession, UnknownPart
from .asking import JSON, ask, json_of, session_wire
from .places import address, endpoint_of

SDP_LIMIT: Final = 1 << 20
"""Bytes of an offer; a browser's has about four thousand."""

_SDP: Final = "application/sdp"
_CALL_ID: Final = re.compile(r"(?!\.+$)[A-Za-z0-9._~-]+")
"""What can be a segment of a path and nothing more."""

_SIP_REFUSALS: Final = range(400, 700)

CallSession: TypeAlias = RealtimeSession | UnknownPart | Mapping[str, Any]
"""What a call's session is; a dictionary goes out as it is."""


@attrs.frozen
class Call:
    """A call that has begun.

    Attributes:
        call_id: to follow and to end it by; None if the server did not tell.
        sdp: the answer to the offer, for the browser.
    """

    call_id: str | None
    sdp: str = attrs.field(repr=False)  # it holds the password of the connection


def create(
    sdp: str,
    *,
    session: CallSession | None = None,
    client_secret: str | ClientSecret | None = None,
    api_key: Credential | None = None,
    endpoint: Endpoint | None = None,
    url: str | None = None,
    safety_identifier: str | None = None,
    timeout: float | None = 10.0,
    ssl_context: ssl.SSLContext | None = None,
) -> Call:
    """Begin a WebRTC call for whoever made the offer ``sdp``: a browser that asks your server instead of the service.

    Args:
        sdp: the offer, as the browser made it.
        session: what the session is, with a key. By default, a conversation with ``gpt-realtime-2.1``.
        client_secret: instead of a key; the session is the secret's.
        api_key: as for ``create_client_secret``; so are all that follow.
        endpoint: where to ask.
        url: where to ask.
        safety_identifier: a stable, hashed name of your user.
        timeout: seconds until the server has begun to answer; None waits for ever.
        ssl_context: how servers are verified.

    Raises:
        MissingApiKey: before anything is sent.
        ValueError: ``sdp`` is no offer, or the arguments contradict each other; before anything is sent.
        RequestFailed: the service refused, or did not answer in time, or without an SDP.
    """
    api_key = hidden(api_key)  # first: a traceback may show what is local here
    made_for = client_secret.session if isinstance(client_secret, ClientSecret) else None
    secret = hidden(client_secret.value if isinstance(client_secret, ClientSecret) else client_secret)
    del client_secret
    offer = _offer(sdp)
    if secret is not None and not (secret and session is None and api_key is None and endpoint is None):
        raise ValueError("client_secret= brings its session and stands for the key: pass one, and without the others")
    endpoint = endpoint_of(endpoint=endpoint, url=url, api_key=secret or api_key, safety_identifier=safety_identifier)
    translates = endpoint.intent == "translation" or isinstance(made_for, TranslationSession)
    if translates and not secret:
        raise ValueError("A translation is called with a client secret, not with a key: pass client_secret=…")
    place = address(endpoint, "calls", translations=translates)
    if secret:
        sent: dict[str, Any] = {"content": offer, "media": _SDP}
    else:
        sent = {"parts": {"sdp": (_SDP, offer), "session": (JSON, json_of(session_wire(_stated(session))))}}
    answer = ask("create a call", endpoint, place, **sent, accept=_SDP, timeout=timeout, ssl_context=ssl_context)
    text = answer.body.decode("utf-8", "replace")
    if not _is_sdp(text):
        raise RequestFailed("Could not create a call: the server's answer is no SDP", status=answer.status)
    return Call(_last_segment(answer.headers.get("Location", "")), text)


def accept(
    call_id: str,
    *,
    session: CallSession | None = None,
    api_key: Credential | None = None,
    endpoint: Endpoint | None = None,
    url: str | None = None,
    timeout: float | None = 10.0,
    ssl_context: ssl.SSLContext | None = None,
) -> None:
    """Answer a telephone call, of which ``realtime.call.incoming`` told: ``connect(call_id=…)`` then follows it.

    Args:
        call_id: of the webhook.
        session: what the session is. By default, a conversation with ``gpt-realtime-2.1``.
        api_key: as for ``create_client_secret``; so are all that follow.
        endpoint: where to ask.
        url: where to ask.
        timeout: seconds until the server has begun to answer; None waits for ever.
        ssl_context: how servers are verified.

    Raises:
        MissingApiKey: before anything is sent.
        ValueError: ``call_id`` is none; before anything is sent.
        RequestFailed: the service refused, or did not answer in time. With status 404 the caller has hung up.
    """
    api_key = hidden(api_key)  # first: a traceback may show what is local here
    _tell(call_id, "accept", session_wire(_stated(session)), api_key, endpoint, url, timeout, ssl_context)


def reject(
    call_id: str,
    *,
    status_code: int = 603,
    api_key: Credential | None = None,
    endpoint: Endpoint | None = None,
    url: str | None = None,
    timeout: float | None = 10.0,
    ssl_context: ssl.SSLContext | None = None,
) -> None:
    """Decline a telephone call. The arguments and errors are those of ``accept``, but for one.

    Args:
        call_id: of the webhook.
        status_code: what SIP is to say, 400 to 699: 603 declines, 486 is busy.
        api_key: as for ``accept``; so are all that follow.
        endpoint: where to ask.
        url: where to ask.
        timeout: seconds until the server has begun to answer.
        ssl_context: how servers are verified.
    """
    api_key = hidden(api_key)  # first: a traceback may show what is local here
    if status_code not in _SIP_REFUSALS:
        raise ValueError(f"status_code must be one with which SIP declines, 400 to 699, not {status_code!r}")
    _tell(call_id, "reject", {"status_code": status_code}, api_key, endpoint, url, timeout, ssl_context)


def refer(
    call_id: str,
    target_uri: str,
    *,
    api_key: Credential | None = None,
    endpoint: Endpoint | None = None,
    url: str | None = None,
    timeout: float | None = 10.0,
    ssl_context: ssl.SSLContext | None = None,
) -> None:
    """Pass a telephone call on, to a person say. The arguments and errors are those of ``accept``, but for one.

    Args:
        call_id: of the call under way.
        target_uri: where to: ``tel:+14155550123`` or ``sip:agent@example.com``.
        api_key: as for ``accept``; so are all that follow.
        endpoint: where to ask.
        url: where to ask.
        timeout: seconds until the server has begun to answer.
        ssl_context: how servers are verified.
    """
    api_key = hidden(api_key)  # first: a traceback may show what is local here
    if not re.fullmatch(r"(tel|sips?):\S+", target_uri, re.IGNORECASE):
        raise ValueError("target_uri must be of the form tel:+14155550123 or sip:agent@example.com")
    _tell(call_id, "refer", {"target_uri": target_uri}, api_key, endpoint, url, timeout, ssl_context)


def hangup(
    call_id: str,
    *,
    api_key: Credential | None = None,
    endpoint: Endpoint | None = None,
    url: str | None = None,
    timeout: float | None = 10.0,
    ssl_context: ssl.SSLContext | None = None,
) -> None:
    """End a call, a browser's too. The arguments and errors are those of ``accept``."""
    api_key = hidden(api_key)  # first: a traceback may show what is local here
    _tell(call_id, "hangup", None, api_key, endpoint, url, timeout, ssl_context)


def _tell(
    call_id: str,
    verb: str,
    body: Mapping[str, Any] | None,
    api_key: Credential | None,
    endpoint: Endpoint | None,
    url: str | None,
    timeout: float | None,
    ssl_context: ssl.SSLContext | None,
) -> None:
    if not _CALL_ID.fullmatch(call_id):
        raise ValueError(f"This is no id of a call: {call_id!r}")
    endpoint = endpoint_of(endpoint=endpoint, url=url, api_key=api_key)
    place = address(endpoint, f"calls/{call_id}/{verb}")
    content = None if body is None else json_of(body)
    ask(f"{verb} the call", endpoint, place, content=content, timeout=timeout, ssl_context=ssl_context)


def _stated(session: CallSession | None) -> CallSession:
    return RealtimeSession(model=DEFAULT_MODEL) if session is None else session


def _offer(sdp: str) -> bytes:
    offer = sdp.encode()
    if len(offer) > SDP_LIMIT:
        raise ValueError(f"sdp has {len(offer)} bytes, more than any offer ({SDP_LIMIT})")
    if not _is_sdp(sdp):
        raise ValueError(
            "sdp is no offer: it must be the text that begins with v=0, not the JSON or the object round it"
        )
    return offer


def _is_sdp(text: str) -> bool:
    return text.lstrip().startswith("v=")


def _last_segment(location: str) -> str | None:
    found = re.split("[?#]", location)[0].rstrip("/").rpartition("/")[2]
    return found if _CALL_ID.fullmatch(found) else None
