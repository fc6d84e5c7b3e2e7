"""``connect``: from what the user says to an open session. On the caller's thread."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal

from . import endpoints
from ._credentials import Credential, hidden, hidden_values
from ._hooks import Hooks
from .endpoints import Endpoint, Intent
from .events import ServerEvent
from .reconnect import Reconnect
from .session import Outgoing, Session


def connect(
    *,
    model: str | None = None,
    call_id: str | None = None,
    api_key: Credential | None = None,
    url: str | None = None,
    endpoint: Endpoint | None = None,
    intent: Intent | None = None,
    safety_identifier: str | None = None,
    headers: Mapping[str, str] | None = None,
    outgoing: Hooks[Outgoing] = None,
    incoming: Hooks[ServerEvent] = None,
    on_error: Callable[[Exception], ServerEvent | None] | None = None,
    open_timeout: float | None = 10.0,
    ping_interval: float | None = 5.0,
    idle_timeout: float | None = 15.0,
    close_timeout: float = 5.0,
    max_queue: int = 0,
    reconnect: Reconnect | None = None,
    ssl_context: ssl.SSLContext | None = None,
    proxy: str | Literal[False] | None = None,
) -> Session:
    """Open a session with OpenAI, or with whatever speaks its protocol at ``url`` or ``endpoint``.

    Args:
        model: the model to talk to, ``gpt-realtime-2.1`` unless given; a ``call_id`` and a transcription take none.
        call_id: follow the call of a browser or a telephone instead of opening a session of our own.
        api_key: a string, or a callable that is asked for one whenever a connection is made; by default the
            environment's ``OPENAI_API_KEY``, which is only ever sent to OpenAI.
        url: a relay or a local server, ``ws://…`` or ``wss://…``.
        endpoint: an address with its headers, ready made, instead of ``model``, ``call_id``, ``api_key``, ``url``.
        intent: ``"transcription"`` or ``"translation"`` instead of a conversation.
        safety_identifier: a stable, hashed name of your user, for OpenAI.
        headers: more headers for the upgrade request.
        outgoing: one callable or several, event → event, or None (not sent); on the thread that calls ``send``.
        incoming: the same for events on their way to ``receive``, on the thread that calls it.
        on_error: gets an exception that an ``incoming`` hook raised, and gives the event to go on with, or None
            (dropped). Without it the exception comes out of ``receive``.
        open_timeout: seconds for all of connecting, from the look-up of the name to the server's answer; None waits
            for ever.
        ping_interval: seconds between two questions for a sign of life, at most a third of ``idle_timeout``; None
            never asks, so that a server with nothing to say counts as lost after ``idle_timeout``.
        idle_timeout: seconds without a sign of life after which the connection is lost; None waits for ever.
        close_timeout: the longest that ``close`` takes.
        max_queue: events that may wait, in each direction, before ``send`` blocks or reading stops (all of it, audio
            too); 0: no bound.
        reconnect: keep the session alive over many connections, by this policy. Without it the first loss ends it.
        ssl_context: how servers are verified, for an authority of your own; by default with the system's authorities,
            or those in the file that SSL_CERT_FILE names.
        proxy: the URL of a proxy (``http://``, ``socks5://``, ``socks5h://``, ``socks4://``); by default the one that
            HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names, unless NO_PROXY exempts the host; False: none.

    Raises:
        MissingApiKey: before anything connects.
        ValueError: arguments that contradict each other, or a number that makes no sense; before anything connects.
        ConnectFailed: nobody there, or somebody who refuses.
    """
    api_key, headers = hidden(api_key), hidden_values(headers or {})  # first: a traceback may show what is local here
    if endpoint is not None:
        _refuse("endpoint", model=model, call_id=call_id, api_key=api_key, url=url, intent=intent)
    elif url is not None:
        _refuse("url", safety_identifier=safety_identifier)
        endpoint = endpoints.relay(url, model=model, call_id=call_id, api_key=api_key, intent=intent)
    else:
        endpoint = endpoints.openai(
            model=model, call_id=call_id, api_key=api_key, intent=intent, safety_identifier=safety_identifier
        )
    _check_above_zero(
        open_timeout=open_timeout, ping_interval=ping_interval, idle_timeout=idle_timeout, close_timeout=close_timeout
    )
    if max_queue < 0:
        raise ValueError(f"max_queue must not be below zero: {max_queue}")
    if idle_timeout is not None and ping_interval is not None:
        ping_interval = min(ping_interval, idle_timeout / 3)
    from .transport.opening import Opening
    from .transport.websocket import WebSocketTransport  # a fifth of the whole import, not needed before

    open_transport = partial(
        WebSocketTransport,
        endpoint.with_headers(headers),
        idle_timeout=idle_timeout,
        ssl_context=ssl_context,
        proxy=proxy,
    )
    transport = open_transport(opening=Opening(open_timeout))
    try:
        return Session(
            transport,
            outgoing=outgoing,
            incoming=incoming,
            on_error=on_error,
            open_timeout=open_timeout,
            ping_interval=ping_interval,
            close_timeout=close_timeout,
            max_queue=max_queue,
            shape=endpoint.shape,
            follows_call=endpoint.follows_call,
            translates=endpoint.translates,
            reconnect=reconnect,
            reopen=lambda opening: open_transport(opening=opening),
        )
    except BaseException:
        transport.abort()
        transport.close()
        raise


def _refuse(given: str, **useless: object) -> None:
    for name, value in useless.items():
        if value is not None:
            raise ValueError(f"{given}= says where to connect to, so that {name}= has no meaning: put it into {given}")


def _check_above_zero(**seconds: float | None) -> None:
    for name, value in seconds.items():
        if value is not None and value <= 0:
            raise ValueError(f"{name} must be above zero, not {value}")
