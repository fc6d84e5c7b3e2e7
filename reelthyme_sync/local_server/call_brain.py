"""The brain of a call: a ``Brain`` whose sound goes over a line instead of being told in events. Pure.

It adds what only a server knows that plays by itself: what was heard, and what was not. One thread at a time.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..events import (
    ClientEvent,
    ConversationItemTruncated,
    InputAudioBufferSpeechStarted,
    OutputAudioBufferClear,
    OutputAudioBufferCleared,
    ResponseDone,
    ResponseOutputAudioDelta,
    ServerEvent,
    UnknownEvent,
)
from .brain import Brain
from .jobs import Job
from .outputs import Slice
from .playout import Notice, Playout


class CallBrain:
    """One call. What it has in common with ``Brain`` means the same."""

    def __init__(self, brain: Brain) -> None:
        self._brain = brain
        self._playout = Playout()

    def open(self) -> list[ServerEvent]:
        """The first event for whoever begins to listen, with the settings of now."""
        return self._brain.open()

    def receive(self, event: ClientEvent | UnknownEvent, data: str | bytes | None = None) -> list[ServerEvent]:
        """The answer to an event, which came as ``data``."""
        if isinstance(event, OutputAudioBufferClear):
            dropped = self._carried_out(self._playout.clear())
            return dropped or self._brain.numbered([OutputAudioBufferCleared()])
        return self._told(self._brain.receive(event, data))

    def receive_nonsense(self, why: str) -> list[ServerEvent]:
        """The answer to what is no event at all."""
        return self._brain.receive_nonsense(why)

    def hear(self, sound: bytes) -> list[ServerEvent]:
        """The answer to what the caller says: 24 kHz PCM16, cut anywhere."""
        return self._told(self._brain.hear(sound))

    def take(self, count: int) -> tuple[bytes, list[ServerEvent]]:
        """The next ``count`` bytes that the caller hears, and what is to be told of it."""
        sound, notices = self._playout.take(count)
        return sound, self._carried_out(notices)

    def expire(self) -> list[ServerEvent]:
        """The last event of a call whose time is up."""
        return self._brain.expire()

    def jobs(self) -> list[Job]:
        """What is to be done now, each job once."""
        return self._brain.jobs()

    def heard(self, item_id: str, text: str) -> list[ServerEvent]:
        """The ears have done their job."""
        return self._told(self._brain.heard(item_id, text))

    def perform(self, response_id: str, sound: bytes) -> Iterator[Slice]:
        """A response step by step; its sound waits to be taken."""
        for piece in self._brain.perform(response_id, sound):
            self._playout.push(response_id, piece.item_id, piece.sound)
            yield Slice(self._told(piece.events), piece.ms)

    def _told(self, events: list[ServerEvent]) -> list[ServerEvent]:
        """What is told on a call where these events would be told elsewhere."""
        told: list[ServerEvent] = []
        for event in events:
            if isinstance(event, ResponseOutputAudioDelta):
                continue
            told.append(event)
            if isinstance(event, ResponseDone):
                told += self._carried_out(self._playout.finish(event.response.id))
            elif isinstance(event, InputAudioBufferSpeechStarted) and self._brain.interruptible:
                told += self._carried_out(self._playout.clear())
        return told

    def _carried_out(self, notices: list[Notice]) -> list[ServerEvent]:
        told: list[ServerEvent] = []
        for notice in notices:
            if isinstance(notice, ClientEvent):  # refused for an item that is not, or no more, in the conversation
                told += [each for each in self._brain.receive(notice) if isinstance(each, ConversationItemTruncated)]
            else:
                told += self._brain.numbered([notice])
        return told
