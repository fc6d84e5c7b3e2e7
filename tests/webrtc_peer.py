"""A browser's side of a call, in Python: offers sound and a data channel, speaks, listens, and looks at what it got."""

from __future__ import annotations

import asyncio
import contextlib
import fractions
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, AudioResampler

from reelthyme_sync.local_server.webrtc.candidates import gather_here
from reelthyme_sync.local_server.webrtc.event_channel import LABEL
from reelthyme_sync.local_server.webrtc.timing import Slots

RATE = 24_000
FRAME = 480
PATIENCE = 20.0

Ask = Callable[[str], Awaitable[str]]
"""Takes an offer to whoever answers it."""


class Mouth(MediaStreamTrack):
    """What the peer says, in real time: silence, until there is something; when it is muted, nothing is sent."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.sound = bytearray()
        self.said = asyncio.Event()
        self.muted = False
        self._slots = Slots()
        self._frames = 0

    async def recv(self) -> AudioFrame:
        while True:
            _, wait = self._slots.take(asyncio.get_running_loop().time())
            await asyncio.sleep(wait)
            self._frames += 1
            if not self.muted:
                break
        piece = bytes(self.sound[: FRAME * 2])
        del self.sound[: FRAME * 2]
        if not self.sound:
            self.said.set()
        frame = AudioFrame(format="s16", layout="stereo", samples=FRAME)
        frame.planes[0].update(np.repeat(np.frombuffer(piece.ljust(FRAME * 2, b"\0"), np.int16), 2).tobytes())
        frame.sample_rate = RATE
        frame.time_base = fractions.Fraction(1, RATE)
        frame.pts = self._frames * FRAME
        return frame


class WebRtcPeer:
    """One side of a call. Everything on the running loop.

    Attributes:
        heard: all that came, 24 kHz mono PCM16.
        events: all that came over the data channel.
        closed: set when the connection, or the data channel, has been ended.
    """

    def __init__(self, *, channel: bool = True, microphone: bool = True) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.mouth = Mouth()
        self.heard = bytearray()
        self.events: list[dict[str, Any]] = []
        self.closed = asyncio.Event()
        self.connected = asyncio.Event()
        self._changed = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None
        if microphone:
            self.connection.addTrack(self.mouth)
        else:
            self.connection.addTransceiver("audio", direction="recvonly")
        self.connection.on("track", self._track)
        self.connection.on("connectionstatechange", self._state_changed)
        self.channel = self.connection.createDataChannel(LABEL) if channel else None
        if self.channel is not None:
            self.channel.on("message", self._message)
            self.channel.on("close", self.closed.set)

    async def offer(self) -> str:
        """The offer, with its candidates."""
        description = await self.connection.createOffer()
        await gather_here(self.connection)
        await self.connection.setLocalDescription(description)
        return self.connection.localDescription.sdp

    async def connect(self, ask: Ask) -> None:
        """Until sound flows, and events can be sent."""
        answer = await ask(await self.offer())
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        await asyncio.wait_for(self.connected.wait(), PATIENCE)
        if self.channel is not None:
            await self.until(lambda: self.channel.readyState == "open")

    async def say(self, sound: bytes) -> None:
        """Until it is said."""
        self.mouth.said.clear()
        self.mouth.sound += sound
        await asyncio.wait_for(self.mouth.said.wait(), PATIENCE + len(sound) / RATE / 2)

    def send(self, event: dict[str, Any]) -> None:
        self.channel.send(json.dumps(event))

    async def event(self, kind: str, after: int = 0) -> dict[str, Any]:
        """The first event of a kind, among those after the first so many."""
        await self.until(lambda: any(event["type"] == kind for event in self.events[after:]))
        return next(event for event in self.events[after:] if event["type"] == kind)

    async def until(self, true: Callable[[], bool]) -> None:
        """Until something that comes in makes it true."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while not true():
            self._changed.clear()
            left = deadline - asyncio.get_running_loop().time()
            assert left > 0, [event["type"] for event in self.events]
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._changed.wait(), min(left, 0.1))

    def vanish(self) -> None:
        """As a machine does whose plug is pulled: nothing is sent any more, nothing is answered."""
        for protocol in self.connection.getReceivers()[0].transport.transport.iceGatherer._connection._protocols:
            protocol.transport.abort()

    async def close(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        await self.connection.close()

    def _track(self, track: MediaStreamTrack) -> None:
        self._listening = asyncio.ensure_future(self._listen(track))

    async def _listen(self, track: MediaStreamTrack) -> None:
        resampler = AudioResampler(format="s16", layout="mono", rate=RATE)
        with contextlib.suppress(MediaStreamError):
            while True:
                for piece in resampler.resample(await track.recv()):
                    self.heard += bytes(piece.planes[0])[: piece.samples * 2]
                self._changed.set()

    def _message(self, data: str) -> None:
        self.events.append(json.loads(data))
        self._changed.set()

    def _state_changed(self) -> None:
        state = self.connection.connectionState
        if state == "connected":
            self.connected.set()
        elif state in ("failed", "closed"):
            self.closed.set()
        self._changed.set()


@contextlib.asynccontextmanager
async def calling(ask: Ask, **options: bool) -> AsyncIterator[WebRtcPeer]:
    """A connected peer, for as long as the block lasts."""
    peer = WebRtcPeer(**options)
    try:
        await peer.connect(ask)
        yield peer
    finally:
        await peer.close()
