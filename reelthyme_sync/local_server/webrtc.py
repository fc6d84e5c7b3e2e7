"""The WebRTC end of a call: the far side's sound and events in, the call's out. The only file that knows aiortc.

Runs on the server's loop. It knows nothing of sessions: what is said, heard and answered is the call's.
"""

from __future__ import annotations

import asyncio
import contextlib
import fractions
import logging
from array import array
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from .. import codec, pcm
from ..events import Error, ErrorDetail
from .media import FRAME_SECONDS, Gaps, Slots
from .refusal import Refusal

if TYPE_CHECKING:
    from aiortc import MediaStreamTrack, RTCDataChannel, RTCPeerConnection
    from aiortc.sdp import SessionDescription

    from .call import Call

CHANNEL: Final = "oai-events"
"""The label of the data channel that carries the events; the far side makes it."""

_LOOPBACK: Final = "127.0.0.1"
_MAX_OFFER: Final = 64 * 2**10
"""Characters. A browser's offer of a microphone and a data channel has about 6,000."""

_CONNECT_WITHIN: Final = 15.0
"""Seconds that the far side has to come, once it was answered."""

_ASK_EVERY: Final = 0.5
_MAY_MISS: Final = 4
"""Questions that a far side may leave unanswered, half a second each: it is gone within 4.5 seconds."""

_IDLE: Final = 1.0
"""Seconds without a packet after which silence is heard. A machine that stood still is not idle that long."""

_MAX_QUEUED: Final = 2**20
"""Bytes of events that wait in the data channel; then the call waits."""

_FLUSH_WITHIN: Final = 0.5
_CLOSE_WITHIN: Final = 1.0

logger = logging.getLogger(__name__)


class Peers:
    """The far sides of a server's calls."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    async def answer(self, call: Call, offer: str) -> str:
        """Take a call that a browser offers. The connection lives until the call has ended, or the far side is gone.

        The call is told of all that comes, and hung up when the far side has gone, or never came.

        Args:
            call: a fresh one.
            offer: SDP, with all its candidates gathered; they are not used: the far side finds us.

        Returns:
            The answer, SDP with our candidates; one of them is 127.0.0.1.

        Raises:
            Refusal: the offer is none, or one of something else than sound and events. Nothing is left behind.
        """
        peer = _Peer(call)
        answer = await peer.open(offer)
        task = asyncio.create_task(peer.run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return answer

    async def close(self) -> None:
        """End the connections that are left, within 1.5 seconds."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Peer:
    """The far side of one call."""

    def __init__(self, call: Call) -> None:
        from aiortc import RTCConfiguration, RTCPeerConnection

        self._call = call
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._connected = asyncio.Event()
        self._gone = asyncio.Event()
        self._channel = _Channel(call.receive)
        self._detach: Callable[[], None] = lambda: None

    async def open(self, offer: str) -> str:
        described = _read(offer)
        connection = self._connection
        connection.on("connectionstatechange", self._state_changed)
        connection.on("datachannel", self._channel.opened)
        try:
            answer = await self._negotiate(offer)
        except Exception as error:
            await self._close()
            logger.debug("an offer that cannot be answered", exc_info=True)
            raise _invalid(f"it cannot be answered ({type(error).__name__})") from None
        except BaseException:
            await self._close()
            raise
        if any(media.kind == "application" for media in described.media):
            self._detach = self._call.attach(self._channel.send)
        return answer

    async def run(self) -> None:
        listening = asyncio.create_task(self._listen())
        ends = [asyncio.create_task(end) for end in (self._ended(), self._gone_away(), self._vanished())]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if self._call.ended.is_set():
                await self._channel.close()
        finally:
            self._detach()
            for task in (listening, *ends):
                task.cancel()
            await asyncio.gather(listening, *ends, return_exceptions=True)
            await self._close()
            if not self._call.ended.is_set():
                self._call.hang_up()

    async def _negotiate(self, offer: str) -> str:
        from aiortc import RTCSessionDescription

        connection = self._connection
        await connection.setRemoteDescription(RTCSessionDescription(_without_candidates(offer), "offer"))
        connection.addTrack(_voice(self._call))
        await gather_here(connection)
        await connection.setLocalDescription(await connection.createAnswer())
        return connection.localDescription.sdp

    def _state_changed(self) -> None:
        state = self._connection.connectionState
        if state == "connected":
            self._connected.set()
        elif state in ("failed", "closed"):
            self._gone.set()

    async def _ended(self) -> None:
        await self._call.ended.wait()

    async def _gone_away(self) -> None:
        await self._gone.wait()

    async def _vanished(self) -> None:
        """Ends when the far side does not come, or does not answer any more.

        aioice asks too, but takes half a minute to believe it.
        """
        from aioice.stun import TransactionError

        try:
            await asyncio.wait_for(self._connected.wait(), _CONNECT_WITHIN)
        except asyncio.TimeoutError:
            logger.debug("nobody came to %s", self._call.id)
            return
        ice = self._connection.getReceivers()[0].transport.transport.iceGatherer._connection
        missed = 0
        while missed < _MAY_MISS:
            await asyncio.sleep(_ASK_EVERY)
            pair = ice._nominated.get(1)
            if pair is None or ice.remote_password is None:
                return
            question = ice.build_request(pair, nominate=False)
            key = ice.remote_password.encode()
            try:
                await pair.protocol.request(question, pair.remote_addr, integrity_key=key, retransmissions=0)
                missed = 0
            except TransactionError:
                missed += 1
        logger.debug("the far side of %s has vanished", self._call.id)

    async def _listen(self) -> None:
        """Hand the call what the far side says, in the rate that a call hears; what is lost is silence."""
        from aiortc.mediastreams import MediaStreamError
        from av import AudioResampler

        track = self._connection.getReceivers()[0].track
        if track is None:  # the far side only listens
            return
        resampler = AudioResampler(format="s16", layout="mono", rate=pcm.SAMPLE_RATE)
        gaps = Gaps()
        await self._connected.wait()
        try:
            while True:
                try:
                    frame: Any = await asyncio.wait_for(track.recv(), _IDLE)
                except asyncio.TimeoutError:
                    gaps.waited(_IDLE)
                    self._call.hear(pcm.silence(_IDLE * 1000))
                    continue
                lack = gaps.before(frame.pts / frame.sample_rate, frame.samples / frame.sample_rate)
                if lack:
                    self._call.hear(pcm.silence(lack * 1000))
                for piece in resampler.resample(frame):
                    self._call.hear(_samples(piece))
        except MediaStreamError:
            return
        except Exception:
            logger.exception("the local server failed to hear a call")
            self._gone.set()

    async def _close(self) -> None:
        try:
            await asyncio.wait_for(self._connection.close(), _CLOSE_WITHIN)
        except Exception:  # of a connection that was half made
            logger.debug("a peer connection did not close in an orderly way", exc_info=True)


class _Channel:
    """The data channel: events in, and out when it is open, and no faster than the far side takes them.

    An exception that left a handler of aiortc's would silently kill the connection: none does.
    """

    def __init__(self, receive: Callable[[str | bytes], None]) -> None:
        self._receive = receive
        self._channel: RTCDataChannel | None = None
        self._usable = asyncio.Event()
        self._has_room = asyncio.Event()
        self._closed = asyncio.Event()

    def opened(self, channel: RTCDataChannel) -> None:
        if channel.label != CHANNEL or self._channel is not None:
            logger.debug("a data channel that carries no events")
            return
        self._channel = channel
        channel.bufferedAmountLowThreshold = _MAX_QUEUED // 2
        channel.on("message", self._message)
        channel.on("bufferedamountlow", self._has_room.set)
        channel.on("close", self._close_seen)
        self._usable.set()

    async def send(self, text: str) -> None:
        """Waits until the channel is open, and while it is full.

        Raises:
            ConnectionError: it is closed.
        """
        await self._usable.wait()
        channel = self._channel
        while channel is not None and channel.readyState == "open" and channel.bufferedAmount > _MAX_QUEUED:
            self._has_room.clear()
            await self._has_room.wait()
        if channel is None or channel.readyState != "open":
            raise ConnectionError("the data channel is closed")
        try:
            channel.send(text)
        except ValueError:  # longer than the far side takes; only aiortc knows the bound
            channel.send(_too_long(len(text)))

    async def close(self) -> None:
        """Let what was sent arrive, and tell the far side; then nothing can be sent any more."""
        if self._channel is not None and self._channel.readyState == "open":
            self._channel.close()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._closed.wait(), _FLUSH_WITHIN)

    def _message(self, data: str | bytes) -> None:
        try:
            self._receive(data)
        except Exception:
            logger.exception("the local server failed")

    def _close_seen(self) -> None:
        self._closed.set()
        self._has_room.set()


async def gather_here(connection: RTCPeerConnection) -> None:
    """Gather a connection's candidates, 127.0.0.1 among them.

    aioice leaves the loopback out and has no option for it; without it nobody is reached on a machine that has no
    network, and a page without the right to the microphone knows no other address of this machine. Only this connection
    is changed.
    """
    transports = [receiver.transport for receiver in connection.getReceivers()]
    if connection.sctp is not None:
        transports.append(connection.sctp.transport)
    for gatherer in {transport.transport.iceGatherer for transport in transports}:
        await gatherer.gather()
        ice = gatherer._connection
        if all(candidate.host != _LOOPBACK for candidate in ice.local_candidates):
            ice._local_candidates += await ice.get_component_candidates(component=1, addresses=[_LOOPBACK])


def _voice(call: Call) -> MediaStreamTrack:
    """What the far side is to hear, a frame every 20 ms."""
    from aiortc import MediaStreamTrack
    from av import AudioFrame

    samples = round(FRAME_SECONDS * pcm.SAMPLE_RATE)
    time_base = fractions.Fraction(1, pcm.SAMPLE_RATE)

    class Voice(MediaStreamTrack):
        kind = "audio"

        def __init__(self) -> None:
            super().__init__()
            self._slots = Slots()

        async def recv(self) -> AudioFrame:
            slot, wait = self._slots.take(asyncio.get_running_loop().time())
            await asyncio.sleep(wait)
            frame = AudioFrame(format="s16", layout="stereo", samples=samples)
            frame.planes[0].update(_twice(call.sound(samples * pcm.BYTES_PER_SAMPLE)))
            frame.sample_rate = pcm.SAMPLE_RATE
            frame.time_base = time_base
            frame.pts = slot * samples
            return frame

    return Voice()


def _twice(mono: bytes) -> bytes:
    """Both channels of a stereo sound. aiortc would make it stereo too, but 3 dB quieter."""
    samples = array("h", mono)
    both = array("h", bytes(2 * len(mono)))
    both[0::2] = samples
    both[1::2] = samples
    return both.tobytes()


def _samples(frame: Any) -> bytes:
    return bytes(frame.planes[0])[: frame.samples * pcm.BYTES_PER_SAMPLE]  # the rest is padding


def _read(offer: str) -> SessionDescription:
    """An offer that can be answered.

    Raises:
        Refusal: it cannot.
    """
    from aiortc.sdp import SessionDescription

    if len(offer) > _MAX_OFFER:
        raise _invalid(f"it has {len(offer)} characters, and an offer of a microphone has about 6,000")
    try:
        described = SessionDescription.parse(offer)
    except Exception as error:  # the parser has no exception of its own
        raise _invalid(f"it is no SDP ({type(error).__name__})") from None
    kinds = [media.kind for media in described.media]
    if kinds.count("audio") != 1:
        raise _invalid(f"it has {kinds.count('audio')} audio sections, and a call has one")
    if kinds.count("application") > 1 or set(kinds) > {"audio", "application"}:
        raise _invalid("a call has one audio section and at most one data channel, and nothing else")
    names = [media.rtp.muxId for media in described.media]
    if not all(names) or len(set(names)) != len(names):
        raise _invalid("each of its sections needs a mid of its own")
    if not {name for group in described.group if group.semantic == "BUNDLE" for name in group.items} <= set(names):
        raise _invalid("its BUNDLE group names sections that it does not have")
    for media in described.media:
        if media.dtls is None or not media.dtls.fingerprints:
            raise _invalid("each of its sections needs a fingerprint and a setup attribute")
        if media.kind == "application" and media.sctp_port is None:
            raise _invalid("its data channel needs an sctp-port")
    return described


def _without_candidates(offer: str) -> str:
    """An offer whose maker has to find us.

    A server that is reached needs no candidates of who reaches it. So it sends nothing to addresses that an offer
    names, and waits for no ``.local`` name, by which browsers hide theirs.
    """
    lines = offer.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(("a=candidate:", "a=end-of-candidates")))


def _invalid(why: str) -> Refusal:
    return Refusal(f"Invalid SDP offer: {why}.", code="invalid_offer", param="sdp")


def _too_long(length: int) -> str:
    said = f"An event of {length} characters is too long for this data channel. A sideband connection gets it."
    detail = ErrorDetail(type="server_error", code="event_too_large", message=said, param=None, event_id=None)
    return codec.encode(Error(error=detail)).decode()
