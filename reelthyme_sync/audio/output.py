"""A speaker, and what has been written to it and not been heard yet. No thread and no lock: the player guards it."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, Protocol

from ..pcm import BYTES_PER_SAMPLE, bytes_to_ms, ms_to_bytes
from .devices import Speaker
from .gain import amplify
from .metering import BLOCK_MS

LOUDEST: Final = 2.0
"""Speech is made so loud already that more would only clip it."""


class Reference(Protocol):
    """Is told what the speaker is given, for a microphone that hears it."""

    def write(self, pcm: bytes) -> None:
        """The speaker is given this."""

    def clear(self) -> None:
        """The speaker drops what it was given."""


class Output:
    """Writes to ``speaker``, and knows what of it sounds. Nothing here blocks.

    Args:
        speaker: open.
        reference: told all that the speaker is given.

    Attributes:
        underruns: how often the speaker fell silent within a part, because its next slice was late.
    """

    def __init__(self, speaker: Speaker, reference: Reference | None = None) -> None:
        self.underruns = 0
        self._speaker = speaker
        self._reference = reference
        self._sounding = bytearray()  # 50 to 250 ms
        self._heard = 0
        self._part: Hashable = None
        self._starved = 0
        self._volume = self._gain = 1.0

    @property
    def volume(self) -> float:
        """What samples are multiplied with, 0.0 to 2.0."""
        return self._volume

    @volume.setter
    def volume(self, volume: float) -> None:
        if not 0.0 <= volume <= LOUDEST:
            raise ValueError(f"volume must be between 0.0 and {LOUDEST}, not {volume}")
        self._volume = volume

    def hear(self) -> int:
        """How many samples the speaker has sounded, since it was opened."""
        heard = self._speaker.heard  # read once: it moves
        del self._sounding[: (heard - self._heard) * BYTES_PER_SAMPLE]
        self._heard = heard
        return heard

    def write(self, part: Hashable, pcm: bytes) -> float:
        """Write a slice of a part; gives the milliseconds of silence since the slice of the same part before it."""
        starved = self._speaker.starved
        silent = starved - self._starved if part == self._part else 0
        self._part, self._starved = part, starved
        self.underruns += silent > 0
        pcm, self._gain = amplify(pcm, self._gain, self._volume), self._volume
        if self._reference is not None:
            self._reference.write(pcm)  # before it can sound: after its echo it would be of no use
        self._speaker.write(pcm)
        self._sounding += pcm
        return silent * 1000 / self._speaker.sample_rate

    def clear(self) -> None:
        """Be silent. What was not heard never will be."""
        self._speaker.clear()
        if self._reference is not None:
            self._reference.clear()
        self._part = None
        self.hear()
        self._sounding.clear()

    def latency_ms(self) -> int:
        """How long it takes until what is written now is heard, as far as was heard at the last ``hear``."""
        return bytes_to_ms(len(self._sounding), self._speaker.sample_rate)

    def now(self) -> bytes:
        """The 20 ms that the listener heard at the last ``hear``; less at the end of the sound."""
        return bytes(self._sounding[: ms_to_bytes(BLOCK_MS, self._speaker.sample_rate)])
