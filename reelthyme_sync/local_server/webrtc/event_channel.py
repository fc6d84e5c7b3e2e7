"""The data channel: events in, and out when it is open, and no faster than the far side takes them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ... import codec
from ...events import Error, ErrorDetail

if TYPE_CHECKING:
    from aiortc import RTCDataChannel

LABEL: Final = "oai-events"
"""The far side makes the channel, and calls it so."""

_MAX_QUEUED: Final = 2**20
"""Bytes that wait in the channel; then ``send`` waits."""

logger = logging.getLogger(__name__)


class EventChannel:
    """One connection's. An exception that left a handler of aiortc's would silently kill the connection: none does.

    Args:
        receive: takes what comes.
    """

    def __init__(self, receive: Callable[[str | bytes], None]) -> None:
        self._receive = receive
        self._channel: RTCDataChannel | None = None
        self._opened = asyncio.Event()
        self._has_room = asyncio.Event()
        self._closed = asyncio.Event()

    def opened(self, channel: RTCDataChannel) -> None:
        """The far side has made a channel. The first with our label is the one."""
        if channel.label != LABEL or self._channel is not None:
            logger.debug("a data channel that carries no events")
            return
        self._channel = channel
        channel.bufferedAmountLowThreshold = _MAX_QUEUED // 2
        channel.on("message", self._message)
        channel.on("bufferedamountlow", self._has_room.set)
        channel.on("close", self._close_seen)
        self._opened.set()

    async def send(self, text: str) -> None:
        """Send an event. Waits until the channel is open, and while it is full.

        Raises:
            ConnectionError: it is closed.
        """
        await self._opened.wait()
        channel = self._channel
        while channel is not None and channel.readyState == "open" and channel.bufferedAmount > _MAX_QUEUED:
            self._has_room.clear()
            await self._has_room.wait()
        if channel is None or channel.readyState != "open":
            raise ConnectionError("the data channel is closed")
        try:
            channel.send(text)
        except ValueError:  # longer than the far side takes, which aiortc alone knows
            channel.send(_too_long(len(text)))

    async def close(self) -> None:
        """Close it, and wait until what was sent has arrived."""
        if self._channel is not None and self._channel.readyState == "open":
            self._channel.close()
            await self._closed.wait()

    def _message(self, data: str | bytes) -> None:
        try:
            self._receive(data)
        except Exception:
            logger.exception("the local server failed")

    def _close_seen(self) -> None:
        self._closed.set()
        self._has_room.set()


def _too_long(length: int) -> str:
    said = f"An event of {length} characters is too long for this data channel; a sideband connection gets it."
    detail = ErrorDetail(type="server_error", code="event_too_large", message=said, param=None, event_id=None)
    return codec.encode(Error(error=detail)).decode()
