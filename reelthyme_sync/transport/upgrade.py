"""The HTTP half of a WebSocket: the request to upgrade, and the judgement on its answer.

Over an adopted socket of an ``Opening``, on the thread that opens. Not websocket-client's, which waits for as long as
an answer drips, keeps the body only of an answer that states its length, however long that is, and hands cookies of
one session to the next. ``http.client`` reads the answer, byte by byte up to the empty line: what comes after it is
frames.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import io
import os
from collections.abc import Mapping
from http import HTTPStatus
from http.client import BadStatusLine, HTTPException, HTTPMessage, HTTPResponse
from typing import Any, Final

from .. import _retry_after, meanings
from ..errors import ConnectFailed
from .address import Address
from .opening import Opening

BODY_LIMIT: Final = 1 << 16
"""Bytes of a refusal's body that are kept."""

_ACCEPT_SALT: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455
_HTTP: Final = "HTTP/"
_TLS_ALERT: Final = "\x15\x03"


def upgrade(address: Address, headers: Mapping[str, str], opening: Opening) -> None:
    """Turn the open connection into a WebSocket.

    Raises:
        ConnectFailed: the server refused, or is no WebSocket server.
    """
    key = base64.b64encode(os.urandom(16))
    arriving = _Arriving(opening)
    answer = HTTPResponse(arriving, method="GET")  # type: ignore[arg-type]  # it wants only makefile()
    with contextlib.closing(answer), opening.step(f"while {address} was asked for a WebSocket"):
        try:
            opening.send(_request(address, headers, key))
            answer.begin()
            if arriving.ended:  # which http.client takes for the end of the header
                raise ConnectionResetError("the connection was closed in the middle of the answer")
        except (ConnectFailed, TimeoutError):
            raise
        except (HTTPException, OSError) as error:
            raise _unanswered(address, error, cut=arriving.ended) from error
        if answer.status != HTTPStatus.SWITCHING_PROTOCOLS:
            raise _refused(address, answer)
    if not _is_accepted(answer.headers, key):
        raise ConnectFailed(
            f"Could not connect to {address}: the server's answer is not that of a WebSocket server: does a proxy or a "
            "gateway on the way tamper with it?",
            status=answer.status,
        )


def _request(address: Address, headers: Mapping[str, str], key: bytes) -> memoryview:
    """The request, without an Origin: with one it would count as a browser's.

    A view of it, for a monitor that shows the variables of a traceback shows no API key then.
    """
    ours = {
        "Host": address.authority,
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": key.decode(),
        "Sec-WebSocket-Version": "13",
    }
    given = {name.lower() for name in headers}
    fields = {**{name: value for name, value in ours.items() if name.lower() not in given}, **headers}
    lines = [f"GET {address.target} HTTP/1.1", *(f"{n}: {v}" for n, v in fields.items())]
    return memoryview("\r\n".join([*lines, "", ""]).encode())


def _is_accepted(headers: HTTPMessage, key: bytes) -> bool:
    expected = base64.b64encode(hashlib.sha1(key + _ACCEPT_SALT).digest()).decode()
    connection = [token.strip().lower() for token in headers.get("Connection", "").split(",")]
    return (
        headers.get("Upgrade", "").lower() == "websocket"
        and "upgrade" in connection
        and hmac.compare_digest(headers.get("Sec-WebSocket-Accept", ""), expected)
    )


def _unanswered(address: Address, error: Exception, *, cut: bool) -> ConnectFailed:
    """Why there is no HTTP answer."""
    line = str(error) if isinstance(error, BadStatusLine) else ""
    if isinstance(error, OSError) or (cut and _HTTP.startswith(line[: len(_HTTP)])):
        return ConnectFailed(
            f"Could not connect to {address}: it closed the connection instead of answering", recoverable=True
        )
    if line.startswith(_TLS_ALERT):  # a TLS alert
        return ConnectFailed(f"Could not connect to {address}: the server speaks TLS: use wss:// instead of ws://")
    return ConnectFailed(f"Could not connect to {address}: what answers there is no web server")


def _refused(address: Address, answer: HTTPResponse) -> ConnectFailed:
    status = answer.status
    return ConnectFailed(
        f"Could not connect to {address}: HTTP {status}: {meanings.of_status(status)}",
        status=status,
        body=_body(answer).decode("utf-8", "replace"),
        retry_after=_retry_after.seconds_of(answer.headers.get("Retry-After", "")),
        recoverable=meanings.status_is_recoverable(status),
    )


def _body(answer: HTTPResponse) -> bytes:
    """As much of it as comes before the deadline; the refusal stands without it too."""
    body = b""
    try:
        while len(body) < BODY_LIMIT and (piece := answer.read1(BODY_LIMIT - len(body))):
            body += piece
    except (HTTPException, OSError, ValueError):  # ValueError: a chunk whose length is no number
        pass
    return body


class _Arriving(io.RawIOBase):
    """The bytes of an opening, as a file."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self.ended = False

    def makefile(self, _mode: str) -> io.BufferedReader:
        """What ``HTTPResponse`` asks of a socket; a buffer of one byte, so that it reads no further than it must."""
        return io.BufferedReader(self, 1)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._opening.recv(len(buffer))
        buffer[: len(data)] = data
        self.ended = not data
        return len(data)
