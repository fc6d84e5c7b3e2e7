"""Where a session connects to: the URL and the headers. Pure but for the environment's key.

The only place that names ``OPENAI_API_KEY``. A key goes into a header, never into a URL, and the environment's key
goes to OpenAI alone: a relay or a local server gets one only when it is given by hand.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import attrs

from .beta import Shape
from .errors import MissingApiKey

DEFAULT_MODEL: Final = "gpt-realtime-2.1"
OPENAI_URL: Final = "wss://api.openai.com/v1/realtime"
API_KEY_VARIABLE: Final = "OPENAI_API_KEY"


@attrs.frozen
class Endpoint:
    """One place that a session can connect to.

    Attributes:
        url: ``wss://…`` or ``ws://…``, with its query.
        headers: sent with the upgrade; never shown, because the key is among them.
        shape: ``"beta"`` for a server that has stayed with the words of the protocol's beta.
    """

    url: str = attrs.field()
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    shape: Shape = "ga"

    @url.validator
    def _check_url(self, _: object, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("ws", "wss") or not parts.hostname:
            raise ValueError(f"{url!r} is no WebSocket address: it must begin with ws:// or wss:// and name a host")
        try:
            _ = parts.port, parts.hostname.encode("idna")
        except ValueError as error:
            raise ValueError(f"{url!r} is no WebSocket address (ws://host:port/path): {error}") from None

    @headers.validator
    def _check_headers(self, _: object, headers: Mapping[str, str]) -> None:
        for name, value in headers.items():
            if any(character in f"{name}{value}" for character in "\r\n\0"):
                raise ValueError(f"The header {name!r} holds a line break: is there one at the end of the key?")

    def with_headers(self, headers: Mapping[str, str]) -> Endpoint:
        """The same place, with more headers; a header given here wins, however it is capitalised."""
        given = {name.lower() for name in headers}
        kept = {name: value for name, value in self.headers.items() if name.lower() not in given}
        return attrs.evolve(self, headers={**kept, **headers})


def has_api_key() -> bool:
    """Whether the environment holds a key for OpenAI."""
    return bool(os.environ.get(API_KEY_VARIABLE))


def openai(*, model: str = DEFAULT_MODEL, call_id: str | None = None, api_key: str | None = None) -> Endpoint:
    """OpenAI itself: a new session with ``model``, or the sideband of the call ``call_id``.

    Raises:
        MissingApiKey: no key given, and none in the environment.
    """
    key = (api_key or os.environ.get(API_KEY_VARIABLE) or "").strip()  # a key read from a file ends with its line
    if not key:
        raise MissingApiKey(
            f"No API key: set {API_KEY_VARIABLE} or pass api_key=…; or, with no key at all, start a local server with "
            "`python -m reelthyme_sync serve` and pass its url=…"
        )
    return Endpoint(_with_query(OPENAI_URL, model, call_id), _bearer(key))


def relay(
    url: str,
    *,
    model: str = DEFAULT_MODEL,
    call_id: str | None = None,
    api_key: str | None = None,
    shape: Shape = "ga",
) -> Endpoint:
    """Any server that speaks the protocol: a relay, a local server, another vendor.

    ``call_id`` is put into the query, or else ``model``, unless ``url`` has one. The environment's key stays at home.

    Raises:
        ValueError: ``url`` is no WebSocket address.
    """
    return Endpoint(_with_query(url, model, call_id), _bearer(api_key.strip()) if api_key else {}, shape)


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _with_query(url: str, model: str, call_id: str | None) -> str:
    """Add ``call_id``, or else ``model``: the service takes one of them."""
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    if call_id:
        query = [(name, value) for name, value in query if name not in ("model", "call_id")] + [("call_id", call_id)]
    elif not {"model", "call_id"} & {name for name, _ in query}:
        query.append(("model", model))
    return urlunsplit(parts._replace(query=urlencode(query)))
