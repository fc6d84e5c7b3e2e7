"""Sound on its way to the wire: cut into pieces of one length, in the format that the session hears. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ..events import AudioFormat, AudioPcma, AudioPcmu
from ..formats import bytes_per_ms, bytes_per_sample
from ..pcm import ms_to_samples
from .transcoding import Decoder, Encoder


class Packer:
    """Makes pieces of exactly ``interval_ms``, whatever the format.

    They are cut behind the encoder, since its resampler gives back what it has withheld whenever it likes.

    Raises:
        ValueError: the interval holds no sample.
    """

    def __init__(self, interval_ms: float) -> None:
        if ms_to_samples(interval_ms) < 1:
            raise ValueError(f"interval_ms must be above zero, not {interval_ms}")
        self._interval_ms = interval_ms
        self._pending = bytearray()
        self._packed_ms = 0.0
        self._set(None)

    @property
    def packed_ms(self) -> int:
        """Milliseconds in all the pieces so far."""
        return round(self._packed_ms)

    def push(self, pcm: bytes, audio_format: AudioFormat | None = None) -> Iterator[bytes]:
        """Add sound; gives every piece that is now full. What waits is converted when the format changes."""
        wanted = audio_format if isinstance(audio_format, AudioPcmu | AudioPcma) else None
        if wanted != self._format:
            pcm = self._take_back() + pcm
            self._set(wanted)
        yield from self._full(self._encoder.push(pcm))

    def rest(self) -> Iterator[bytes]:
        """The end of this sound; the next may begin."""
        yield from self._full(self._encoder.rest())
        if self._pending:
            yield self._take(len(self._pending))

    def _take_back(self) -> bytes:
        """What has not been given: the server would hear the old format as noise, and six times as long."""
        decoder = Decoder(self._format)
        pcm = decoder.push(bytes(self._pending) + self._encoder.rest()) + decoder.rest()
        self._pending.clear()
        return pcm

    def _set(self, audio_format: AudioFormat | None) -> None:
        self._format = audio_format
        self._encoder = Encoder(audio_format)
        self._bytes_per_ms = bytes_per_ms(audio_format)
        width = bytes_per_sample(audio_format)
        self._size = max(1, int(self._interval_ms * self._bytes_per_ms / width)) * width

    def _full(self, data: bytes) -> Iterator[bytes]:
        self._pending += data
        while len(self._pending) >= self._size:
            yield self._take(self._size)

    def _take(self, size: int) -> bytes:
        taken = bytes(self._pending[:size])
        del self._pending[:size]
        self._packed_ms += size / self._bytes_per_ms
        return taken
