"""What carries messages: the contract between a session and its wire.

Two threads use a transport, and only in this way: the reader calls ``recv``, the writer ``send``, ``ping`` and
``finish``. ``abort`` may be called by anybody and makes the calls under way end at once; ``close`` by the last one out.
"""

from __future__ import annotations

from typing import Protocol


class Transport(Protocol):
    """A message pipe to one peer, already open."""

    def recv(self) -> bytes:
        """The next message. Blocks.

        Raises:
            ConnectionClosed: the peer has closed; with its code and reason.
            ConnectionLost: the pipe broke, or gave no sign of life for too long.
        """

    def send(self, data: bytes) -> None:
        """Send one message. Blocks while the network is full.

        Raises:
            ConnectionClosed: it cannot be sent any more.
        """

    def ping(self) -> None:
        """Make the peer give a sign of life."""

    def finish(self) -> None:
        """Say goodbye: nothing is sent after it. The peer's answer ends ``recv``."""

    def abort(self) -> None:
        """Cut the pipe: ``recv`` and ``send`` end at once, also those under way. Idempotent."""

    def close(self) -> None:
        """Release the socket, once nobody is inside any other method. Idempotent."""
