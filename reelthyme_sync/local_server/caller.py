"""Somebody at a telephone: what they say into it and when, and what they hear. Pure; its clock is the sound itself.

Knows no call and no voice: it gets sound, gives sound, and is told the events of the call.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

import attrs

from .. import pcm
from ..events import (
    FunctionCall,
    OutputAudioBufferCleared,
    OutputAudioBufferStarted,
    OutputAudioBufferStopped,
    ResponseDone,
    ResponseOutputAudioTranscriptDelta,
    ServerEvent,
)

_PAUSE: Final = pcm.ms_to_bytes(200)
"""Silence before somebody takes the turn."""


@attrs.frozen
class HeardAnswer:
    """What the assistant said in one response.

    Attributes:
        text: the words; of an answer that was cut short, those that had been made by then, some of them not heard.
        whole: whether it was heard to its end.
    """

    text: str
    whole: bool


class Caller:
    """Speaks line by line, each when the assistant has done speaking.

    It waits for the rest of an answer that calls a function first. When it interrupts, it waits for the answer to that.

    Args:
        lines: the sound of each line, 24 kHz PCM16.
        greeted: whether it waits for the assistant to speak first.
    """

    def __init__(self, lines: Iterable[bytes] = (), *, greeted: bool = True) -> None:
        self._lines = deque(lines)
        self._mouth = b""
        self._has_turn = not greeted
        self._sounding: str | None = None  # the response
        self._owed = False
        self._quiet = 0
        self._words: dict[str, str] = {}
        self.heard: tuple[HeardAnswer, ...] = ()

    def say(self, sound: bytes) -> None:
        """Say this too: at once, or behind what is being said."""
        self._mouth += sound
        self._has_turn = False

    def speak(self, count: int) -> bytes:
        """The next ``count`` bytes of what it says; silence where there is nothing."""
        if self._has_turn and self._lines and not self._sounding and self._quiet >= _PAUSE:
            self.say(self._lines.popleft())
        said, self._mouth = self._mouth[:count], self._mouth[count:]
        self._quiet = 0 if said or self._sounding else self._quiet + count
        return said + bytes(count - len(said))

    def told(self, event: ServerEvent) -> None:
        """Take in an event of the call."""
        match event:
            case ResponseOutputAudioTranscriptDelta():
                self._words[event.response_id] = self._words.get(event.response_id, "") + event.delta
            case ResponseDone(response=response) if any(isinstance(it, FunctionCall) for it in response.output or []):
                self._owed, self._has_turn = True, False
            case OutputAudioBufferStarted():
                self._sounding, self._owed, self._has_turn = event.response_id, False, False
            case OutputAudioBufferStopped():
                self._has_turn = not self._owed
                self._hear(event.response_id, whole=True)
            case OutputAudioBufferCleared():
                self._hear(event.response_id, whole=False)

    def _hear(self, response_id: str, *, whole: bool) -> None:
        words = self._words.pop(response_id, "")
        if self._sounding == response_id:
            self._sounding = None
            self.heard += (HeardAnswer(words, whole),)
