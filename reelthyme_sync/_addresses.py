"""WebSocket addresses: made ready for the wire, given a query, and shown without what may be secret.

Knows no vendor and no header. No message of its errors repeats an address that may hold a secret. Pure; called on the
thread that connects.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlencode, urlsplit

_SCHEMES: Final = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}
_SHOWN: Final = {"model", "call_id", "intent", "api-version", "deployment"}
"""What a query may say in a message: all else could be a ticket or a token."""
_CHOICES: Final = {"model", "call_id", "intent", "deployment", "agent_id"}
"""One of these says which session is meant; a model beside it is too much."""
_KEY_NAMES: Final = {"key", "apikey", "xapikey", "subscriptionkey", "authorization", "password", "secret"}
_KEY: Final = re.compile(r"\b(sk-|ek_|bearer\s)[\w-]{8,}", re.IGNORECASE)
_LEGAL: Final = "/?:@!$&'()*+,;=~%"
"""Characters that may stand as they are in a path or a query, beside letters and digits."""


def websocket_address(url: str) -> str:
    """The address as it goes onto the wire: ``ws`` or ``wss`` (also for ``http`` and ``https``), all of it ASCII.

    Raises:
        ValueError: no such address, or one with a key or a password in it.
    """
    parts = _split(url)
    _check_no_secret(parts)
    if parts.fragment:
        raise ValueError("A WebSocket address has no fragment: a '#' in a name is written %23")
    query = f"?{quote(parts.query, safe=_LEGAL)}" if parts.query else ""
    return f"{_SCHEMES[parts.scheme]}://{_host(parts)}{quote(parts.path, safe=_LEGAL)}{query}"


def with_choice(url: str, *, model: str, call_id: str | None = None, intent: str | None = None) -> str:
    """The address of a call, a transcription, a translation or a model, unless it says already which session it means.

    A call or an intent that is given wins over what the address says.
    """
    base, _, query = url.partition("?")
    pairs = [pair for pair in query.split("&") if pair]
    if intent == "translation" and not names_translation(base):
        base = f"{base.rstrip('/')}/translations"
    wanted = {"call_id": call_id} if call_id else {"intent": intent} if intent == "transcription" else {}
    if wanted:
        pairs = [pair for pair in pairs if _name(pair) not in _CHOICES] + [_encoded(wanted)]
    elif not _CHOICES & {_name(pair) for pair in pairs}:
        pairs.append(_encoded({"model": model}))
    return f"{base}?{'&'.join(pairs)}" if pairs else base


def names_transcription(url: str) -> bool:
    """Whether a session there only writes down what it hears."""
    return "transcription" in parse_qs(url.partition("?")[2]).get("intent", ())


def names_translation(url: str) -> bool:
    """Whether what is spoken there is a translation."""
    return urlsplit(url).path.rstrip("/").endswith("/translations")


def names_call(url: str) -> bool:
    """Whether the address is that of a call under way."""
    return "call_id" in {_name(pair) for pair in url.partition("?")[2].split("&")}


def with_query(base: str, query: Mapping[str, str | None]) -> str:
    """The address with those of the names that have a value."""
    given = {name: value for name, value in query.items() if value}
    return f"{base}?{_encoded(given)}" if given else base


def shown(url: str) -> str:
    """The address as it may stand in a message or a log."""
    base, mark, query = url.partition("?")
    pairs = [pair if _name(pair) in _SHOWN else f"{_name(pair)}=***" for pair in query.split("&")]
    return base + mark + ("&".join(pairs) if query else "")


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
        host = parts.hostname
    except ValueError:  # its words would repeat a part of the address
        host = None
    if not host or parts.scheme not in _SCHEMES:
        raise ValueError("This is no WebSocket address: it must be of the form ws://host:port/path or wss://host/path")
    return parts


def _check_no_secret(parts: SplitResult) -> None:
    advice = "Addresses end up in logs: pass it as api_key=…, or in headers=…"
    if "@" in parts.netloc:
        raise ValueError(f"The address holds a user name or a password before its '@'. {advice}")
    for pair in parts.query.split("&"):
        if re.sub(r"[-_]|ocp-apim", "", _name(pair).lower()) in _KEY_NAMES:
            raise ValueError(f"The address holds a key in its query, as {_name(pair)!r}. {advice}")
    if _KEY.search(unquote(f"{parts.path}?{parts.query}")):
        raise ValueError(f"The address holds what looks like a key. {advice}")


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    try:
        name = f"[{host}]" if ":" in host else host.encode("idna").decode()
    except UnicodeError:
        raise ValueError("This is no WebSocket address: no host on earth has such a name as stands in it") from None
    return name if parts.port is None else f"{name}:{parts.port}"


def _name(pair: str) -> str:
    return unquote(pair.partition("=")[0])


def _encoded(query: Mapping[str, str]) -> str:
    return urlencode(query, quote_via=quote)  # a space is %20: not every server reads a plus as one
