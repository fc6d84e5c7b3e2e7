"""What was said, turn by turn, in the order in which it was said. Pure.

Transcripts come out of order, because a short turn is written down sooner than the long one before it. A translation
session has no turns on the wire: there a sentence counts as one, in each of its two languages.
"""

from __future__ import annotations

import re
from collections import deque
from typing import Final, Literal

import attrs

from .events import (
    ConversationItemDeleted,
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionFailed,
    InputAudioBufferCommitted,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    InputAudioBufferTimeoutTriggered,
    Reconnected,
    ServerEvent,
    SessionClosed,
    SessionInputTranscriptDelta,
    SessionOutputTranscriptDelta,
)

NOT_WRITTEN: Final = "no transcript has come"
"""The ``error`` of a turn that the session left behind."""

_REMEMBERED: Final = 256
"""Turns that were told: so many are known again when a server tells them twice."""

_CLOSING: Final = "\"'”’»)\\]」』）"  # noqa: RUF001

_END: Final = re.compile(rf"[.!?…؟।]+[{_CLOSING}]*(?=\s)|[。！？｡]+[{_CLOSING}]*(?=[^。！？｡{_CLOSING}])")  # noqa: RUF001
"""The end of a sentence that is known to be one: what follows has come, and is no ``14`` after ``3.``."""

_LONGEST_END: Final = 16
"""Characters: as far back an end may begin whose last character was not known to be the last."""


@attrs.frozen(kw_only=True)
class Turn:
    """What somebody said, from beginning to end.

    Attributes:
        transcript: the words; ``""`` if there are none.
        role: ``"user"``; in a translation session ``"source"``, what was said, or ``"target"``, its translation.
        item_id: the message; ``""`` in a translation session.
        error: why there are no words; None if there are.
        languages: codes of the languages that were heard, from models that tell.
        audio_start_ms, audio_end_ms: where it is in the sound of the session, where the server says so.
        elapsed_ms: of a translation: how much had been heard by its end, where the server says so.
    """

    transcript: str
    role: Literal["user", "source", "target"] = "user"
    item_id: str = ""
    error: str | None = None
    languages: tuple[str, ...] = ()
    audio_start_ms: int | None = None
    audio_end_ms: int | None = None
    elapsed_ms: int | None = None


@attrs.define
class _Open:
    """A turn that was committed, and what became of it."""

    item_id: str
    follows: str | None
    closed: Turn | None = None


class TurnOrder:
    """Puts the turns of one session into order. Give it every event that the session receives; it never raises on one.

    It needs a session that writes down what it hears (``audio.input.transcription``): a turn is told when its words
    are there, or the reason why they are not, and those of all turns before it.
    """

    def __init__(self) -> None:
        self._turns: list[_Open] = []  # in the order of speech
        self._spans: dict[str, tuple[int | None, int | None]] = {}  # ms, of turns that were not told yet
        self._told: deque[str] = deque(maxlen=_REMEMBERED)
        self._source = _Sentences("source")
        self._target = _Sentences("target")

    def process_event(self, event: ServerEvent) -> list[Turn]:
        """The turns that this event finishes, in the order of speech; each is told once."""
        match event:
            case InputAudioBufferSpeechStarted() | InputAudioBufferSpeechStopped() | InputAudioBufferTimeoutTriggered():
                self._place(event)
                return []
            case InputAudioBufferCommitted():
                self._open(event.item_id, event.previous_item_id)
                return []
            case ConversationItemInputAudioTranscriptionCompleted():
                languages = tuple(each.code for each in event.languages or [])
                self._close(Turn(item_id=event.item_id, transcript=event.transcript, languages=languages))
            case ConversationItemInputAudioTranscriptionFailed():
                error = event.error.message or event.error.code or NOT_WRITTEN
                self._close(Turn(item_id=event.item_id, transcript="", error=error))
            case ConversationItemDeleted():
                self._forget(event.item_id)
            case Reconnected():  # whoever was writing them down is gone
                return self._give_up()
            case SessionInputTranscriptDelta():
                return self._source.push(event.delta, event.elapsed_ms)
            case SessionOutputTranscriptDelta():
                return self._target.push(event.delta, event.elapsed_ms)
            case SessionClosed():
                return self.rest()
            case _:
                return []
        return self._finished()

    def rest(self) -> list[Turn]:
        """What is left at the end of a session: turns without words, and sentences without an end."""
        return self._give_up() + self._source.rest() + self._target.rest()

    def _place(
        self, event: InputAudioBufferSpeechStarted | InputAudioBufferSpeechStopped | InputAudioBufferTimeoutTriggered
    ) -> None:
        if event.item_id not in self._spans and len(self._spans) >= _REMEMBERED:
            del self._spans[next(iter(self._spans))]
        start, end = self._spans.get(event.item_id, (None, None))
        if not isinstance(event, InputAudioBufferSpeechStopped):
            start = event.audio_start_ms
        if not isinstance(event, InputAudioBufferSpeechStarted):
            end = event.audio_end_ms
        self._spans[event.item_id] = start, end

    def _open(self, item_id: str, follows: str | None) -> None:
        if item_id in self._told or any(turn.item_id == item_id for turn in self._turns):
            return
        followers = (place for place, turn in enumerate(self._turns) if turn.follows == item_id)
        self._turns.insert(next(followers, len(self._turns)), _Open(item_id, follows))

    def _close(self, turn: Turn) -> None:
        if turn.item_id in self._told:
            return
        self._open(turn.item_id, None)  # some servers do not say that anything was committed
        for opened in self._turns:
            if opened.item_id == turn.item_id and opened.closed is None:
                opened.closed = turn

    def _forget(self, item_id: str) -> None:
        self._turns = [turn for turn in self._turns if turn.item_id != item_id]
        self._spans.pop(item_id, None)
        self._told.append(item_id)

    def _finished(self) -> list[Turn]:
        finished = []
        while self._turns and (turn := self._turns[0].closed) is not None:
            del self._turns[0]
            finished.append(self._tell(turn))
        return finished

    def _give_up(self) -> list[Turn]:
        opened, self._turns = self._turns, []
        return [
            self._tell(turn.closed or Turn(item_id=turn.item_id, transcript="", error=NOT_WRITTEN)) for turn in opened
        ]

    def _tell(self, turn: Turn) -> Turn:
        self._told.append(turn.item_id)
        start, end = self._spans.pop(turn.item_id, (None, None))
        return attrs.evolve(turn, audio_start_ms=start, audio_end_ms=end)


class _Sentences:
    """Deltas of one language of a translation, as sentences."""

    def __init__(self, role: Literal["source", "target"]) -> None:
        self._role: Literal["source", "target"] = role
        self._text = ""
        self._elapsed_ms: int | None = None

    def push(self, delta: str, elapsed_ms: int | None) -> list[Turn]:
        """The sentences of which it is now known that they have ended."""
        known = len(self._text)
        self._text += delta
        turns = []
        start = 0
        for end in _END.finditer(self._text, max(0, known - _LONGEST_END)):
            sentence, start = self._text[start : end.end()].strip(), end.end()
            turns.append(self._turn(sentence, self._elapsed_ms if start <= known else elapsed_ms))
        self._text = self._text[start:]
        self._elapsed_ms = elapsed_ms
        return turns

    def rest(self) -> list[Turn]:
        """What has no end."""
        text, self._text = self._text.strip(), ""
        return [self._turn(text, self._elapsed_ms)] if text else []

    def _turn(self, text: str, elapsed_ms: int | None) -> Turn:
        return Turn(role=self._role, transcript=text, elapsed_ms=elapsed_ms)
