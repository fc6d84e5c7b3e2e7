"""The far side of one call: a connection from its offer to its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final

from ..refusal import invalid_offer
from .candidates import gather_here
from .event_channel import EventChannel
from .offer import without_candidates
from .presence import wait_until_vanished
from .sound import listen, voice

if TYPE_CHECKING:
    from ..call import Call
    from ..listener import Listener

_CONNECT_WITHIN: Final = 15.0
"""Seconds that the far side has to come, once it was answered."""

_FLUSH_WITHIN: Final = 0.5
"""Seconds for the last events of a call that has ended."""

_CLOSE_WITHIN: Final = 0.8

logger = logging.getLogger(__name__)


class Peer:
    """Carries between a connection and a call; ``open`` it, then ``run`` it."""

    def __init__(self, call: Call) -> None:
        from aiortc import RTCConfiguration, RTCPeerConnection

        self._call = call
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._connected = asyncio.Event()
        self._gone = asyncio.Event()
        self._channel = EventChannel(call.receive)
        self._listener: Listener | None = None

    async def open(self, offer: str) -> str:
        """The answer to an offer that ``read_offer`` has read.

        Raises:
            Refusal: there is none, and nothing is left of the connection.
        """
        self._connection.on("connectionstatechange", self._state_changed)
        self._connection.on("datachannel", self._channel.opened)
        try:
            answer = await self._negotiate(offer)
        except Exception as error:
            await self._close()
            logger.debug("an offer that cannot be answered", exc_info=True)
            raise invalid_offer(f"it cannot be answered ({type(error).__name__})") from None
        except BaseException:
            await self._close()
            raise
        if self._connection.sctp is not None:
            self._listener = self._call.listen(self._channel.send)
        return answer

    async def run(self) -> None:
        """Until the call has ended, or the far side has gone; then both are so."""
        listening = asyncio.create_task(self._listen())
        ends = [asyncio.create_task(end) for end in (self._until_ended(), self._until_gone(), self._until_vanished())]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if self._call.ended.is_set() and not self._gone.is_set():
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._flush(), _FLUSH_WITHIN)
        finally:
            if self._listener is not None:
                self._listener.stop()
            for task in (listening, *ends):
                task.cancel()
            await self._close()
            await asyncio.gather(listening, *ends, return_exceptions=True)
            self._call.hang_up()

    def leave(self) -> None:
        """End it: ``run`` returns."""
        self._gone.set()

    async def _negotiate(self, offer: str) -> str:
        from aiortc import RTCRtpSender, RTCSessionDescription

        connection = self._connection
        opus = [each for each in RTCRtpSender.getCapabilities("audio").codecs if each.mimeType == "audio/opus"]
        connection.addTransceiver(voice(self._call.sound)).setCodecPreferences(opus)
        await connection.setRemoteDescription(RTCSessionDescription(without_candidates(offer), "offer"))
        await gather_here(connection)
        await connection.setLocalDescription(await connection.createAnswer())
        return connection.localDescription.sdp

    def _state_changed(self) -> None:
        state = self._connection.connectionState
        if state == "connected":
            self._connected.set()
        elif state in ("failed", "closed"):
            self._gone.set()

    async def _until_ended(self) -> None:
        await self._call.ended.wait()

    async def _until_gone(self) -> None:
        await self._gone.wait()

    async def _until_vanished(self) -> None:
        coming = asyncio.ensure_future(self._connected.wait())
        try:
            came, _ = await asyncio.wait([coming], timeout=_CONNECT_WITHIN)
        finally:
            coming.cancel()
        if came:
            await wait_until_vanished(self._connection)
        else:
            logger.debug("nobody came to a call")

    async def _listen(self) -> None:
        track = self._connection.getReceivers()[0].track
        await self._connected.wait()
        if track is None:
            return  # the far side only listens
        try:
            await listen(track, self._call.hear)
        except Exception:
            logger.exception("the local server failed")
            self._gone.set()

    async def _flush(self) -> None:
        if self._listener is not None:
            await self._listener.ended()
            await self._channel.close()

    async def _close(self) -> None:
        try:
            await asyncio.wait_for(self._connection.close(), _CLOSE_WITHIN)
        except Exception:  # a connection that was half made cannot always be closed
            logger.debug("a peer connection did not close in an orderly way", exc_info=True)
