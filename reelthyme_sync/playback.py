"""What was received and what was heard of it, per item. Pure: no device, no thread, no clock.

Everything is counted in samples. The speaker counts how many have been heard; the ledger knows whose those were,
because they are heard in the order in which they were received. The wall clock is never asked, so neither a slow
network nor a fast one can make it claim that something was heard that was not.
"""

from __future__ import annotations

from collections import defaultdict, deque

import attrs

from .pcm import samples_to_ms


@attrs.frozen
class AudioPart:
    """One content part of one item: what ``conversation.item.truncate`` can cut."""

    item_id: str
    content_index: int = 0


@attrs.frozen(kw_only=True)
class Heard:
    """How far the listener got in a part that was cut.

    Attributes:
        item_id: the assistant's item.
        content_index: its content part.
        audio_end_ms: what was heard, floored, so never past what was received: ready for
            ``conversation.item.truncate``.
        received_ms: what had been received by then.
        item_heard_ms: what was heard of the item, all its parts together.
        heard_text: the words of the transcript that fit into what was heard, by proportion: the service does not say
            when a word sounds.
        unheard_text: the words that had come, and were not heard.
    """

    item_id: str
    content_index: int
    audio_end_ms: int
    received_ms: int
    item_heard_ms: int = 0
    heard_text: str = ""
    unheard_text: str = ""


def heard_words(text: str, share: float) -> str:
    """The beginning of ``text`` of which that share, 0 to 1, was heard; up to a whole word."""
    cut = text[: int(len(text) * share)]
    whole = " " not in text or text[len(cut) : len(cut) + 1].isspace()  # not every script has spaces
    return cut if whole or len(cut) == len(text) else cut.rpartition(" ")[0]


@attrs.define
class _Played:
    """What is known of one part; samples."""

    received: int = 0
    heard: int = 0
    pieces: list[str] = attrs.field(factory=list)


class PlaybackLedger:
    """Accounts for what one speaker plays.

    Args:
        sample_rate: samples per second.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._parts: defaultdict[AudioPart, _Played] = defaultdict(_Played)
        self._unheard: deque[tuple[AudioPart, int]] = deque()  # in the order of hearing
        self._count = 0  # the speaker's, when it was last looked at
        self._growing: dict[AudioPart, None] = {}  # of which more is to come, in the order in which they began
        self._cut: set[str] = set()

    def receive(self, part: AudioPart, samples: int) -> bool:
        """Note what is going to be played. False if its item was cut before: then it must not be."""
        if part.item_id in self._cut:
            return False
        self._open(part)
        self._growing[part] = None
        self._parts[part].received += samples
        self._unheard.append((part, samples))
        return True

    def transcribe(self, part: AudioPart, words: str) -> None:
        """Note some more of what is said in the part."""
        self._open(part)
        self._parts[part].pieces.append(words)

    def complete(self, part: AudioPart | None = None) -> None:
        """No more of the part is to come; without one, of none."""
        if part is None:
            self._growing.clear()
        else:
            self._growing.pop(part, None)

    def hear(self, count: int) -> None:
        """Note how many samples the speaker has sounded, since it was opened."""
        new, self._count = count - self._count, count
        while new and self._unheard:
            part, left = self._unheard.popleft()
            sounded = min(new, left)
            self._parts[part].heard += sounded
            new -= sounded
            if sounded < left:
                self._unheard.appendleft((part, left - sounded))

    def cut(self) -> list[Heard]:
        """All that was not heard, or has not come yet, never will be: what was cut, the part that sounded first."""
        parts = list(dict.fromkeys(part for part, _ in self._unheard) | self._growing)
        self._unheard.clear()
        self._growing.clear()
        self._cut.update(part.item_id for part in parts)
        return [self._heard_of(part) for part in parts]

    def received_ms(self, item_id: str, content_index: int = 0) -> int:
        """Milliseconds received of a part."""
        part = self._parts.get(AudioPart(item_id, content_index))
        return self._ms(part.received) if part else 0

    def unheard_ms(self) -> int:
        """Milliseconds that are still to be heard."""
        return self._ms(sum(samples for _, samples in self._unheard))

    def heard_ms(self) -> int:
        """Milliseconds heard, of all parts together."""
        return self._ms(sum(part.heard for part in self._parts.values()))

    def _open(self, part: AudioPart) -> None:
        """Begin a part, and forget the words of those that were heard to their end: no cut will tell them."""
        if part in self._parts:
            return
        still_open = {part for part, _ in self._unheard} | self._growing.keys()
        for other, played in self._parts.items():
            if played.received and other not in still_open:
                played.pieces.clear()
        self._parts[part] = _Played()

    def _heard_of(self, part: AudioPart) -> Heard:
        played = self._parts[part]
        text = "".join(played.pieces)
        heard_text = heard_words(text, played.heard / played.received) if played.heard else ""
        return Heard(
            item_id=part.item_id,
            content_index=part.content_index,
            audio_end_ms=self._ms(played.heard),
            received_ms=self._ms(played.received),
            item_heard_ms=self._ms(sum(each.heard for key, each in self._parts.items() if key.item_id == part.item_id)),
            heard_text=heard_text,
            unheard_text=text[len(heard_text) :],
        )

    def _ms(self, samples: int) -> int:
        return samples_to_ms(samples, self._rate)
