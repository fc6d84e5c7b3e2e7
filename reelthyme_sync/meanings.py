"""What the wire's numbers mean: HTTP statuses, close codes, TLS verdicts. Pure tables.

For each number one sentence that says whose fault it was and what to do, and whether trying again can help. Knows no
connection and raises nothing.
"""

from __future__ import annotations

from typing import Final

_BUSY: Final = "the server is down or overloaded: try again a little later"

_STATUSES: Final = {
    400: "the server did not understand the request: is the URL a realtime endpoint, and the model one of its models?",
    401: "the API key was refused: check it for typos, and that it belongs to this service",
    403: "the API key may not use this model or this endpoint",
    404: "there is no realtime endpoint, or no such model, at this URL",
    405: "this URL is no realtime endpoint: it takes other kinds of requests",
    407: "a proxy on the way wants a user and a password: give them in the proxy's URL",
    410: "this endpoint, or this call, exists no more",
    426: "the server wants another protocol here: is the URL a realtime endpoint?",
    429: "too many requests, or the quota is used up: wait, or look at the account's limits",
}

_PASSING_STATUSES: Final = frozenset({408, 425, 429})

_CLOSE_CODES: Final = {
    1000: "all was said",
    1001: "the server goes away, or the session has reached its longest age: connect again",
    1002: "the server saw a protocol error: something between us may garble the stream",
    1003: "the server does not take this kind of message",
    1007: "the server could not read a message as text",
    1008: "the server's rules forbid it: check the API key, its rights, and the model",
    1009: "a message was too big: send audio in smaller pieces",
    1010: "the server wants a WebSocket extension that we do not speak",
    1011: "the server failed, or missed our signs of life: connect again",
    1012: "the server restarts: connect again",
    1013: f"too much to do: {_BUSY}",
    3000: "the API key was refused: check it for typos, and that it belongs to this service",
    4000: "the server refuses this kind of session: OpenAI no longer takes the protocol's beta shape",
}

_FINAL_CLOSE_CODES: Final = frozenset({1000, 1002, 1003, 1007, 1008, 1009, 1010, 3000})

_CERTIFICATE_VERDICTS: Final = {
    9: "the server's certificate is not valid yet: is this machine's clock right?",
    10: "the server's certificate has expired: its owner must renew it, or this machine's clock is wrong",
    18: "the server's certificate is self-signed: if it is yours, trust it with ssl_context= or SSL_CERT_FILE",
    62: "the server's certificate is for another host: check the URL",
    64: "the server's certificate is for another address: connect by the name it was made for",
}

_UNKNOWN_AUTHORITY: Final = (
    "nobody this machine trusts vouches for the server's certificate: give its authority with ssl_context= or "
    "SSL_CERT_FILE (a company's firewall may be its author)"
)


def of_status(status: int, *, asked: str = "the upgrade") -> str:
    """What it means when what was asked for is answered with this HTTP status."""
    if 300 <= status < 400:
        return "the server redirects, which is not followed, because the key would go along: use the final URL"
    if status >= 500:
        return f"the server refused {asked}: {_BUSY}"
    return _STATUSES.get(status, f"the server refused {asked}")


def status_is_recoverable(status: int) -> bool:
    """Whether another attempt, later, may be answered differently."""
    return status >= 500 or status in _PASSING_STATUSES


def of_close(code: int | None) -> str:
    """What it means when the server closes with this code; empty where nothing is known."""
    return "" if code is None else _CLOSE_CODES.get(code, "")


def close_is_recoverable(code: int | None) -> bool:
    """Whether a new connection may live longer. None: the connection ended without a code."""
    return code is None or not (code in _FINAL_CLOSE_CODES or 4000 <= code <= 4999)


def of_certificate(verify_code: int) -> str:
    """What it means when OpenSSL refuses the server's certificate with this code."""
    return _CERTIFICATE_VERDICTS.get(verify_code, _UNKNOWN_AUTHORITY)
