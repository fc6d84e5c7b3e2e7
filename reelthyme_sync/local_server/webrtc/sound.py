"""The sound of a call: from the far side's track to 24 kHz mono, and back."""

from __future__ import annotations

import asyncio
import fractions
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from ... import pcm
from .timing import FRAME_SECONDS, Gaps, Slots

if TYPE_CHECKING:
    from aiortc import MediaStreamTrack

_IDLE: Final = 1.0
"""Seconds without a packet after which silence is heard. A machine that stood still was never idle that long."""

_BIT_RATE: Final = 64_000
"""Bits in a second: one voice, and nothing of it lost."""

_STEADY: Final = 50
"""Frames of silence after which the next is encoded like the last. Encoding costs most for silence, 2 % of a core."""


async def listen(track: MediaStreamTrack, hear: Callable[[bytes], None]) -> None:
    """Hand over what comes, until the track ends. What was lost, or not sent by a far side that is muted, is silence.

    Args:
        track: the far side's.
        hear: takes 24 kHz mono PCM16 of any length.
    """
    from aiortc.mediastreams import MediaStreamError
    from av import AudioResampler

    resampler = AudioResampler(format="s16", layout="mono", rate=pcm.SAMPLE_RATE)
    gaps = Gaps()
    while True:
        coming = asyncio.ensure_future(track.recv())
        try:  # not wait_for: before Python 3.12 it swallows a cancel that comes together with a frame
            while not (await asyncio.wait([coming], timeout=_IDLE))[0]:
                gaps.waited(_IDLE)
                hear(pcm.silence(_IDLE * 1000))
            frame: Any = coming.result()
        except MediaStreamError:
            return
        finally:
            coming.cancel()
        if lack := gaps.before(frame.pts / frame.sample_rate, frame.samples / frame.sample_rate):
            hear(pcm.silence(lack * 1000))
        for piece in resampler.resample(frame):
            hear(bytes(piece.planes[0])[: piece.samples * pcm.BYTES_PER_SAMPLE])  # the rest is padding


def voice(sound: Callable[[int], bytes]) -> MediaStreamTrack:
    """A track for the far side to hear: 20 ms of Opus every 20 ms, taken when they are due.

    It encodes by itself. aiortc's encoder would be 20 ms later, 3 dB quieter, and for one packet after an empty slot
    wrong about the time, after which a browser plays everything half a second late.

    Args:
        sound: gives the next so many bytes, 24 kHz mono PCM16.
    """
    from aiortc import MediaStreamTrack
    from av import AudioCodecContext, AudioFrame, Packet

    samples = round(FRAME_SECONDS * pcm.SAMPLE_RATE)
    time_base = fractions.Fraction(1, pcm.SAMPLE_RATE)

    class Voice(MediaStreamTrack):
        kind = "audio"

        def __init__(self) -> None:
            super().__init__()
            self._slots = Slots()
            self._silent = 0
            self._last = b""
            self._encoder = AudioCodecContext.create("libopus", "w")
            self._encoder.format = "s16"
            self._encoder.layout = "mono"
            self._encoder.sample_rate = pcm.SAMPLE_RATE
            self._encoder.bit_rate = _BIT_RATE

        async def recv(self) -> Packet[Any]:
            slot, wait = self._slots.take(asyncio.get_running_loop().time())
            await asyncio.sleep(wait)
            packet = Packet(self._encoded(sound(samples * pcm.BYTES_PER_SAMPLE)))
            packet.time_base = time_base
            packet.pts = slot * samples
            return packet

        def _encoded(self, piece: bytes) -> bytes:
            self._silent = 0 if piece.strip(b"\0") else self._silent + 1
            if self._silent <= _STEADY:
                frame = AudioFrame(format="s16", layout="mono", samples=samples)
                frame.planes[0].update(piece)
                frame.sample_rate = pcm.SAMPLE_RATE
                (packet,) = self._encoder.encode(frame)
                self._last = bytes(packet)
            return self._last

    return Voice()
