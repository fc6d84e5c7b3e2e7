"""A WebSocket as a transport: websocket-client over the duplex socket. Knows frames, no JSON and no events.

Habits of websocket-client that are worked around, each measured: its UTF-8 check costs 6 ms per 16 KB delta and is off
(decoding JSON checks anyway); ``recv()`` loses the close code, and so does ``recv_data_frame()`` when its own answer to
the close fails, so frames are read here; ``close()`` can block for 20 s behind the reader, so the close frame is the
writer's and the end is ``abort``'s.
"""

from __future__ import annotations

import contextlib
import ssl
import struct
import threading
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

import websocket
from websocket import ABNF

from ..endpoints import Endpoint
from ..errors import ConnectFailed, ConnectionClosed, ConnectionLost
from .duplex import DuplexSocket

NORMAL: Final = 1000
"""The close code that means: all said and done."""

_WHAT_STATUS_MEANS: Final = {
    400: "the server did not understand the request: is the URL a realtime endpoint, and the model one of its models?",
    401: "the API key was refused: check it for typos, and that it belongs to this service",
    403: "the API key may not use this model or this endpoint",
    404: "there is no realtime endpoint, or no such model, at this URL",
    429: "too many requests, or the quota is used up: wait, or look at the account's limits",
}


class WebSocketTransport:
    """An open WebSocket.

    Args:
        endpoint: where to connect to.
        open_timeout: seconds for each step of connecting.
        idle_timeout: seconds without a byte from the peer after which the connection counts as lost.

    Raises:
        ConnectFailed: nobody there, or somebody who refuses; with the HTTP status and body where there are any.
    """

    def __init__(self, endpoint: Endpoint, *, open_timeout: float | None, idle_timeout: float | None) -> None:
        with _connect_failures(endpoint):
            connection: Any = websocket.create_connection(
                endpoint.url,
                timeout=open_timeout,
                header=dict(endpoint.headers),
                sslopt={"context": ssl.create_default_context()},
                skip_utf8_validation=True,
                enable_multithread=False,  # its lock would make the reader wait for the writer
                suppress_origin=True,  # a request with an Origin counts as a browser's
                redirect_limit=0,  # a redirect would carry the key to another host
            )
        if connection.getstatus() != HTTPStatus.SWITCHING_PROTOCOLS:  # websocket-client 1.8 accepts a redirect
            connection.shutdown()
            raise ConnectFailed(f"Could not connect to {endpoint.url}: HTTP {connection.getstatus()}")
        self._sending = threading.Lock()
        self._duplex = DuplexSocket(connection.sock, idle_timeout=idle_timeout)
        connection.sock = self._duplex
        self._ws = connection

    def recv(self) -> bytes:
        """The next text or binary message. Pings are answered on the way; pongs end only the idle time."""
        while True:
            with _losses():
                frame = self._ws.recv_frame()
            if frame.opcode == ABNF.OPCODE_CLOSE:
                self._answer(frame.data[:2], ABNF.OPCODE_CLOSE)
                raise _closed_by(frame.data)
            if frame.opcode == ABNF.OPCODE_PING:
                self._answer(frame.data, ABNF.OPCODE_PONG)
            elif frame.opcode != ABNF.OPCODE_PONG and (message := self._joined(frame)) is not None:
                return message

    def send(self, data: bytes) -> None:
        """Send one text message."""
        self._send(data, ABNF.OPCODE_TEXT)

    def ping(self) -> None:
        """Send a ping."""
        self._send(b"", ABNF.OPCODE_PING)

    def finish(self) -> None:
        """Send the close frame."""
        self._send(struct.pack("!H", NORMAL), ABNF.OPCODE_CLOSE)

    def _send(self, data: bytes, opcode: int) -> None:
        with self._sending, _losses():
            self._ws.send(data, opcode)

    def _answer(self, data: bytes, opcode: int) -> None:
        """Answer from the reader, unless the writer is in the middle of a frame: the reader never waits for it.

        What the writer sends is a sign of life too, and a peer that closes can do without our answer.
        """
        if self._sending.acquire(blocking=False):
            try:
                with contextlib.suppress(OSError, websocket.WebSocketException):
                    self._ws.send(data, opcode)
            finally:
                self._sending.release()

    def _joined(self, frame: Any) -> bytes | None:
        """A message, once its last frame has come."""
        fragments = self._ws.cont_frame
        with _losses():
            fragments.validate(frame)
            fragments.add(frame)
            return bytes(fragments.extract(frame)[1].data) if fragments.is_fire(frame) else None

    def abort(self) -> None:
        """Shut the socket down under whoever uses it."""
        self._duplex.abort()

    def close(self) -> None:
        """Release the socket."""
        self._duplex.release()


@contextlib.contextmanager
def _connect_failures(endpoint: Endpoint) -> Iterator[None]:
    """Turn what can go wrong on the way to an open socket into ``ConnectFailed``."""
    where = f"Could not connect to {endpoint.url}"
    try:
        yield
    except websocket.WebSocketBadStatusException as error:
        status, body = error.status_code, _text(error.resp_body)
        meaning = _WHAT_STATUS_MEANS.get(status, "the server refused the upgrade")
        raise ConnectFailed(f"{where}: HTTP {status}: {meaning}", status=status, body=body) from error
    except ConnectionRefusedError as error:
        raise ConnectFailed(f"{where}: nobody listens there") from error
    except (OSError, websocket.WebSocketException) as error:
        raise ConnectFailed(f"{where}: {error}") from error


@contextlib.contextmanager
def _losses() -> Iterator[None]:
    """Turn every way in which an open socket breaks into ``ConnectionLost``, the cause chained."""
    try:
        yield
    except ConnectionLost:
        raise
    except (OSError, websocket.WebSocketException) as error:
        raise ConnectionLost(f"The connection was lost: {error}") from error


def _closed_by(payload: bytes) -> ConnectionClosed:
    """Read a close frame: two bytes of code, then the reason. Empty means that none was given."""
    code = struct.unpack("!H", payload[:2])[0] if len(payload) >= 2 else None
    reason = _text(payload[2:])
    told = f"code {code}" + (f", {reason}" if reason else "")
    if code == NORMAL:
        return ConnectionClosed(f"The server closed the session ({told})", code=code, reason=reason)
    return ConnectionLost(f"The server ended the session ({told})", code=code, reason=reason)


def _text(data: Any) -> str:
    return data.decode("utf-8", "replace") if isinstance(data, bytes | bytearray) else str(data or "")
