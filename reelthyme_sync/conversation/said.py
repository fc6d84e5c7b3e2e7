"""One content part of an item, as far as it has come: its words, its sound, and how much of it was heard. Pure.

A value: what more comes makes a new one, at the same cost however much is there. Knows no event.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ..pcm import BYTES_PER_SAMPLE, SAMPLE_RATE, ms_to_bytes, samples_to_ms
from ..playback import heard_words
from .rope import Rope

NOTHING_SAID: Final = Rope("")
SILENCE: Final = Rope(b"")


class Said(NamedTuple):
    """What one content part says. A tuple, because one is made at every delta: an attrs class takes twice as long.

    Attributes:
        content_index: which part it is.
        spoken: whether it is sound with a transcript, or text.
        words: as they came.
        sound: PCM16; empty where only the length is kept.
        samples: how much sound came.
        rate: samples per second.
        heard_ms: where it was cut off; None if it was not.
    """

    content_index: int
    spoken: bool
    words: Rope[str] = NOTHING_SAID
    sound: Rope[bytes] = SILENCE
    samples: int = 0
    rate: int = SAMPLE_RATE
    heard_ms: int | None = None

    @property
    def audio_ms(self) -> int:
        """How much sound came."""
        return samples_to_ms(self.samples, self.rate)

    @property
    def full_text(self) -> str:
        """All words, heard or not."""
        return self.words.joined()

    @property
    def heard_text(self) -> str:
        """All words; of a part that was cut off, as many as fit into what was heard, up to a whole word.

        Of sound that came another way (WebRTC) the length is not known: then all words count as heard, or none.
        """
        text = self.words.joined()
        if self.heard_ms == 0:
            return ""
        if self.heard_ms is None or self.heard_ms >= self.audio_ms:
            return text
        return heard_words(text, self.heard_ms / self.audio_ms)

    @property
    def pcm(self) -> bytes:
        """Its sound; of a part that was cut off, what was heard."""
        sound = self.sound.joined()
        return sound if self.heard_ms is None else sound[: ms_to_bytes(self.heard_ms, self.rate)]

    def saying(self, piece: str) -> Said:
        """With some more words."""
        return self._with(self.words.plus(piece))

    def worded(self, text: str) -> Said:
        """With these words instead; none take none away."""
        return self if not text or text == self.words.joined() else self._with(Rope(text))

    def sounding(self, pcm: bytes, rate: int, *, keep: bool) -> Said:
        """With some more sound."""
        sound = self.sound.plus(pcm) if keep else self.sound
        samples = self.samples + len(pcm) // BYTES_PER_SAMPLE
        return Said(self.content_index, self.spoken, self.words, sound, samples, rate, self.heard_ms)

    def cut_at(self, heard_ms: int) -> Said:
        """Cut off; where it is cut off already, whichever is earlier."""
        earlier = heard_ms if self.heard_ms is None else min(self.heard_ms, heard_ms)
        return self._replace(heard_ms=max(0, earlier))

    def _with(self, words: Rope[str]) -> Said:
        return Said(self.content_index, self.spoken, words, self.sound, self.samples, self.rate, self.heard_ms)


def find(parts: tuple[Said, ...], index: int) -> Said | None:
    """The part with this index: nearly always the last."""
    for said in reversed(parts):
        if said.content_index == index:
            return said
    return None


def replaced(parts: tuple[Said, ...], said: Said) -> tuple[Said, ...]:
    """The parts with this one in its place, in the order of their indexes."""
    if not parts or parts[-1].content_index < said.content_index:
        return (*parts, said)
    if parts[-1].content_index == said.content_index:
        return (*parts[:-1], said)
    before = tuple(each for each in parts if each.content_index < said.content_index)
    return (*before, said, *(each for each in parts if each.content_index > said.content_index))
