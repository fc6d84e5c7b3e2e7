"""The way of a sound from the microphone to the wire: meter, mute, gate, packing. Pure; one thread at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from ..events import AudioFormat
from .metering import SILENCE, Level, Meter
from .packing import Packer


class Filter(Protocol):
    """Decides what of the sound passes: a ``Gate``, or one of your own."""

    def push(self, pcm: bytes) -> bytes:
        """Add whole samples of PCM16; gives what passes, now or of what came before."""

    def rest(self) -> bytes:
        """The end of the sound: what passes of what is held back. The next sound may begin."""


class Channel:
    """What every block goes through.

    Attributes:
        muted: whether silence of the same length takes the place of the sound.
        level: of the last 20 ms, before muting: a meter shows that the microphone works.
    """

    def __init__(self, packer: Packer, gate: Filter | None = None) -> None:
        self.muted = False
        self.level: Level = SILENCE
        self._meter = Meter()
        self._gate = gate
        self._packer = packer

    @property
    def sent_ms(self) -> int:
        """Milliseconds that have come out."""
        return self._packer.packed_ms

    def hear(self, block: bytes) -> bytes:
        """Measure and mute; to be pushed next."""
        for level in self._meter.push(block):
            self.level = level
        return bytes(len(block)) if self.muted else block

    def push(self, sound: bytes, audio_format: AudioFormat | None) -> Iterator[bytes]:
        """What is now ready for the wire."""
        return self._packer.push(sound if self._gate is None else self._gate.push(sound), audio_format)

    def end(self, audio_format: AudioFormat | None) -> Iterator[bytes]:
        """All that is still on its way; the next sound may begin."""
        if self._gate is not None:
            yield from self._packer.push(self._gate.rest(), audio_format)
        yield from self._packer.rest()
