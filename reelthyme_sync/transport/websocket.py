"""A WebSocket as a transport: websocket-client's frames over the duplex socket. Knows no JSON and no events.

What of websocket-client is not used, and why, each measured: its ``recv()`` loses the close code, and so does its
``recv_data_frame()`` when its own answer to the close fails; its ``close()`` can block for 20 s behind the reader, so
that here the close frame is the writer's and the end is ``abort``'s; its way of connecting has a timeout for each step,
not one deadline.
"""

from __future__ import annotations

import ssl
import struct
import threading
from typing import Final, Literal

import websocket
from websocket import ABNF

from .. import meanings
from ..endpoints import Endpoint
from ..errors import ConnectionClosed, ConnectionLost
from .address import Address
from .dialing import dial
from .duplex import DuplexSocket
from .frame_reader import FrameReader
from .masking import masked
from .opening import Opening
from .upgrade import upgrade

NORMAL: Final = 1000
"""The close code that means: all said and done."""


class WebSocketTransport:
    """An open WebSocket.

    Args:
        endpoint: where to connect to; asked for its headers once, so that a token is a fresh one.
        opening: this attempt to connect: its deadline, and the way to abort it from another thread.
        idle_timeout: seconds without a byte from the peer after which the connection counts as lost.
        ssl_context: how servers are verified; None verifies with the system's authorities, or SSL_CERT_FILE's.
        proxy: the URL of a proxy; None takes the environment's, False none.

    Raises:
        ConnectFailed: nobody there, or somebody who refuses; with the HTTP status and body where there are any.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        opening: Opening,
        idle_timeout: float | None,
        ssl_context: ssl.SSLContext | None = None,
        proxy: str | Literal[False] | None = None,
    ) -> None:
        address = Address.of(endpoint)
        try:
            headers = endpoint.upgrade_headers()
            dial(address, opening, ssl_context=ssl_context, proxy=proxy)
            upgrade(address, headers, opening)
            sock = opening.release()
        except BaseException:
            opening.discard()
            raise
        self._idle_timeout = idle_timeout
        self._sending = threading.Lock()
        self._finished = False
        self._duplex = DuplexSocket(sock, idle_timeout=idle_timeout)
        self._frames = FrameReader(self._duplex.recv)

    def recv(self) -> bytes:
        """The next text or binary message. Pings are answered on the way; pongs end only the idle time."""
        try:
            while True:
                frame, data = self._frames.read()
                if frame.opcode < ABNF.OPCODE_CLOSE:
                    if (message := self._frames.join(frame, data)) is not None:
                        return message
                else:
                    self._obey(frame.opcode, data)
        except ConnectionClosed:
            raise
        except (OSError, websocket.WebSocketException) as error:
            raise _lost(error) from error

    def send(self, data: bytes) -> None:
        """Send one text message."""
        self._send(data, ABNF.OPCODE_TEXT)

    def ping(self) -> None:
        """Send a ping."""
        self._send(b"", ABNF.OPCODE_PING)

    def finish(self) -> None:
        """Send the close frame."""
        self._finished = True
        self._send(struct.pack("!H", NORMAL), ABNF.OPCODE_CLOSE)

    def _send(self, data: bytes, opcode: int) -> None:
        try:
            with self._sending:
                self._duplex.sendall(masked(data, opcode))
        except ConnectionClosed:
            raise
        except OSError as error:
            raise _lost(error) from error

    def _obey(self, opcode: int, data: bytes) -> None:
        """Do what a control frame asks for."""
        if opcode == ABNF.OPCODE_PING:
            self._answer(data, ABNF.OPCODE_PONG)
        elif opcode == ABNF.OPCODE_CLOSE:
            if not self._finished:  # else it is the answer to ours
                self._answer(data[:2], ABNF.OPCODE_CLOSE)
            raise _closed_by(data)

    def _answer(self, data: bytes, opcode: int) -> None:
        """Answer from the reader, unless the writer is in the middle of a frame: the reader never waits for it.

        What the writer sends is a sign of life too, and a peer that closes can do without our answer.
        """
        if self._sending.acquire(blocking=False):
            try:
                self._duplex.sendall(masked(data, opcode), within=self._idle_timeout)
            except ConnectionLost:
                raise  # no room for so long that the peer counts as gone
            except OSError:
                pass  # what it has said before it went is still to be read
            finally:
                self._sending.release()

    def abort(self) -> None:
        """Shut the socket down under whoever uses it."""
        self._duplex.abort()

    def close(self) -> None:
        """Release the socket."""
        self._duplex.release()


def _lost(error: Exception) -> ConnectionLost:
    return ConnectionLost(f"The connection was lost: {error}")


def _closed_by(payload: bytes) -> ConnectionClosed:
    """Read a close frame: two bytes of code, then the reason. Empty means that none was given."""
    code = struct.unpack("!H", payload[:2])[0] if len(payload) >= 2 else None
    reason = bytes(payload[2:]).decode("utf-8", "replace")
    told = ("without a code" if code is None else f"code {code}") + (f": {reason}" if reason else "")
    if code == NORMAL:
        return ConnectionClosed(f"The server closed the session ({told})", code=code, reason=reason)
    advice = f": {meaning}" if (meaning := meanings.of_close(code)) else ""
    return ConnectionLost(f"The server ended the session ({told}){advice}", code=code, reason=reason)
