"""The key that a client presents, and what one that presents a wrong one is told. Pure."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Final

from ..events import Error
from .refusal import Refusal

_PREFIX: Final = "openai-insecure-api-key."
"""How a browser presents a key: it cannot set headers."""

SECRET_PREFIX: Final = "ek_local_"
"""How the client secrets of a local server begin."""

REFUSED: Final = 3000
"""The close code that follows."""

_SHOWN_OF: Final = 16
"""Characters: of a shorter key nothing can be shown that would not give it away."""


def presented_key(headers: Mapping[str, str]) -> str | None:
    """The key in the headers of a request, as text that can be shown; None if there is none."""
    scheme, _, key = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        return _text(key.strip())
    offered = (each.removeprefix(_PREFIX) for each in _subprotocols(headers) if each.startswith(_PREFIX))
    return next(map(_text, offered), None)


def offers_only_a_key(headers: Mapping[str, str]) -> bool:
    """Whether a client offers subprotocols, a key among them, but not ``realtime``, which is the one there is."""
    offered = _subprotocols(headers)
    return "realtime" not in offered and any(each.startswith(_PREFIX) for each in offered)


def key_error(wanted: str | None, headers: Mapping[str, str]) -> Error | None:
    """What a client is told that does not present the key that is wanted; None if all is well.

    Not to be asked about a client secret that is known: any other is a wrong key, even where all keys are right.
    """
    given = presented_key(headers)
    if wanted is None:
        if given is None or not given.startswith(SECRET_PREFIX):
            return None
    elif given is not None and hmac.compare_digest(given.encode(), wanted.encode()):
        return None
    shown = "there is none" if given is None else _masked(given)
    return Refusal(f"Incorrect API key provided: {shown}.", code="invalid_api_key").as_event(None)


def _subprotocols(headers: Mapping[str, str]) -> list[str]:
    return [each.strip() for each in headers.get("Sec-WebSocket-Protocol", "").split(",")]


def _text(key: str) -> str:
    """What aiohttp makes of bytes that are no text cannot be written, nor compared."""
    return key.encode(errors="surrogateescape").decode(errors="replace")


def _masked(key: str) -> str:
    return f"{key[:3]}…{key[-4:]}" if len(key) >= _SHOWN_OF else "…"
