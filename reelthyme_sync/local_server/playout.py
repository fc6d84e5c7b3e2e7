"""The sound of a call on its way to the caller: what is told of it, and how much of it was heard. Pure; time is bytes.

Responses are heard one after another, in the order in which they began to sound. All sound is 24 kHz PCM16.
"""

from __future__ import annotations

from collections import deque
from typing import TypeAlias

import attrs

from .. import pcm
from ..events import (
    ConversationItemTruncate,
    OutputAudioBufferCleared,
    OutputAudioBufferStarted,
    OutputAudioBufferStopped,
)

Notice: TypeAlias = (
    OutputAudioBufferStarted | OutputAudioBufferStopped | OutputAudioBufferCleared | ConversationItemTruncate
)
"""What has come about: an event to tell, or what is to be done with an item of which not all was heard."""


@attrs.define
class _Part:
    """The sound of one item."""

    item_id: str
    sound: bytearray = attrs.field(factory=bytearray)
    taken: int = 0

    @property
    def left(self) -> int:
        return len(self.sound) - self.taken


@attrs.define
class _Sounding:
    """The sound of one response."""

    response_id: str
    parts: list[_Part] = attrs.field(factory=list)
    started: bool = False
    finished: bool = False

    def push(self, item_id: str, sound: bytes) -> None:
        if not self.parts or self.parts[-1].item_id != item_id:
            self.parts.append(_Part(item_id))
        self.parts[-1].sound += sound

    def take(self, count: int) -> bytes:
        taken = b""
        for part in self.parts:
            piece = bytes(part.sound[part.taken : part.taken + count - len(taken)])
            part.taken += len(piece)
            taken += piece
        return taken

    def is_drained(self) -> bool:
        return not any(part.left for part in self.parts)

    def cuts(self) -> list[Notice]:
        return [
            ConversationItemTruncate(item_id=part.item_id, content_index=0, audio_end_ms=pcm.bytes_to_ms(part.taken))
            for part in self.parts
            if part.left
        ]


class Playout:
    """Sound goes in as it is made, and out as it is heard; whoever takes it is the clock."""

    def __init__(self) -> None:
        self._queue: deque[_Sounding] = deque()
        self._cleared: dict[str, _Sounding] = {}  # not finished: what still comes of them is not to be heard

    def push(self, response_id: str, item_id: str, sound: bytes) -> None:
        """Add sound that an item of a response says."""
        if sound:
            self._of(response_id).push(item_id, sound)

    def finish(self, response_id: str) -> list[Notice]:
        """No more sound comes of this response. One that never sounded may be named too."""
        if (cleared := self._cleared.pop(response_id, None)) is not None:
            return cleared.cuts()
        for sounding in self._queue:
            if sounding.response_id == response_id:
                sounding.finished = True
        return self._ended()

    def take(self, count: int) -> tuple[bytes, list[Notice]]:
        """The next ``count`` bytes to be heard, silence where there is nothing; and what has come about by it."""
        sound, notices = b"", list[Notice]()
        while self._queue and (piece := self._queue[0].take(count - len(sound))):
            sound += piece
            if not self._queue[0].started:
                self._queue[0].started = True
                notices.append(OutputAudioBufferStarted(response_id=self._queue[0].response_id))
            notices += self._ended()
        return sound.ljust(count, b"\0"), notices

    def clear(self) -> list[Notice]:
        """Drop what has not been heard, and what still comes of the same responses."""
        notices: list[Notice] = []
        for sounding in self._queue:
            notices.append(OutputAudioBufferCleared(response_id=sounding.response_id))
            if sounding.finished:
                notices += sounding.cuts()
            else:
                self._cleared[sounding.response_id] = sounding
        self._queue.clear()
        return notices

    def _of(self, response_id: str) -> _Sounding:
        if (cleared := self._cleared.get(response_id)) is not None:
            return cleared
        for sounding in self._queue:
            if sounding.response_id == response_id:
                return sounding
        self._queue.append(_Sounding(response_id))
        return self._queue[-1]

    def _ended(self) -> list[Notice]:
        """Whether the response that sounds has been heard to its end: only the first of the queue can have been."""
        if not self._queue or not self._queue[0].finished or not self._queue[0].is_drained():
            return []
        return [OutputAudioBufferStopped(response_id=self._queue.popleft().response_id)]
