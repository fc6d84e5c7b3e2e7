"""What a response consists of: a spoken message, a written one, or a call of a tool, slice by slice. Pure.

A slice is a step that the server may stop after: an interruption falls between two of them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any, Final, Protocol

import attrs

from .. import pcm
from ..audio.transcoding import Encoder
from ..events import (
    AssistantMessage,
    Audio,
    AudioFormat,
    FunctionCall,
    OutputAudio,
    OutputText,
    ResponseContentPartAdded,
    ResponseContentPartDone,
    ResponseFunctionCallArgumentsDelta,
    ResponseFunctionCallArgumentsDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioDone,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputAudioTranscriptDone,
    ResponseOutputTextDelta,
    ResponseOutputTextDone,
    ServerEvent,
    Text,
    evolve,
)
from ..events.items import ItemStatus
from .conversation import Entry

_SLICE: Final = pcm.ms_to_bytes(200)
_MS_PER_WORD: Final = 40
_ARGUMENTS_STEP: Final = 12


@attrs.frozen
class Slice:
    """Events that go out together, and how long the sound in them lasts.

    Attributes:
        item_id: whose sound it is.
        sound: the same as the events have, as 24 kHz PCM16 whatever the format of theirs.
    """

    events: list[ServerEvent]
    ms: float = 0.0
    item_id: str = ""
    sound: bytes = attrs.field(default=b"", repr=False)


class Output(Protocol):
    """One item of a response, in the making."""

    @property
    def entry(self) -> Entry:
        """The item as far as it has come."""

    def opening(self) -> list[ServerEvent]:
        """What follows the item's being added."""

    def slices(self) -> Iterator[Slice]:
        """The item bit by bit; each bit belongs to it once it has been given."""

    def closing(self, status: ItemStatus) -> list[ServerEvent]:
        """What goes before the item's being done, whole or cut short."""


class SpokenMessage:
    """Sound with its transcript: the words of a slice go before its sound."""

    def __init__(self, response_id: str, item_id: str, text: str, sound: bytes, audio_format: AudioFormat) -> None:
        self.entry = Entry(AssistantMessage(id=item_id, object="realtime.item", status="in_progress", content=[]))
        self._place: dict[str, Any] = {"response_id": response_id, "item_id": item_id}
        self._words = _words(text)
        self._sound = sound
        self._encoder = Encoder(audio_format)
        self._said = ""

    def opening(self) -> list[ServerEvent]:
        """The part, empty."""
        self.entry.item = _message(self.entry, OutputAudio(transcript=""), "in_progress")
        return [ResponseContentPartAdded(**self._place, part=Audio(transcript=""))]

    def slices(self) -> Iterator[Slice]:
        """200 ms each."""
        count = max(1, math.ceil(len(self._sound) / _SLICE))
        told = 0
        for index in range(count):
            until = math.ceil(len(self._words) * (index + 1) / count)
            text, told = "".join(self._words[told:until]), until
            yield self._slice(text, self._sound[index * _SLICE : (index + 1) * _SLICE], last=index == count - 1)

    def closing(self, status: ItemStatus) -> list[ServerEvent]:
        """Sound, transcript and part are done."""
        self.entry.item = _message(self.entry, OutputAudio(transcript=self._said), status)
        return [
            ResponseOutputAudioDone(**self._place),
            ResponseOutputAudioTranscriptDone(**self._place, transcript=self._said),
            ResponseContentPartDone(**self._place, part=Audio(transcript=self._said)),
        ]

    def _slice(self, text: str, sound: bytes, *, last: bool) -> Slice:
        self._said += text
        self.entry.sound += sound
        self.entry.item = _message(self.entry, OutputAudio(transcript=self._said), "in_progress")
        events: list[ServerEvent] = []
        if text:
            events.append(ResponseOutputAudioTranscriptDelta(**self._place, delta=text))
        if data := self._encoder.push(sound) + (self._encoder.rest() if last else b""):
            events.append(ResponseOutputAudioDelta(**self._place, delta=pcm.encode_base64(data)))
        return Slice(events, pcm.bytes_to_ms(len(sound)), self.entry.id, sound)


class WrittenMessage:
    """Text, word by word."""

    def __init__(self, response_id: str, item_id: str, text: str) -> None:
        self.entry = Entry(AssistantMessage(id=item_id, object="realtime.item", status="in_progress", content=[]))
        self._place: dict[str, Any] = {"response_id": response_id, "item_id": item_id}
        self._words = _words(text)
        self._said = ""

    def opening(self) -> list[ServerEvent]:
        """The part, empty."""
        return [ResponseContentPartAdded(**self._place, part=Text(text=""))]

    def slices(self) -> Iterator[Slice]:
        """A word each."""
        for word in self._words:
            self._said += word
            self.entry.item = _message(self.entry, OutputText(text=self._said), "in_progress")
            yield Slice([ResponseOutputTextDelta(**self._place, delta=word)], _MS_PER_WORD)

    def closing(self, status: ItemStatus) -> list[ServerEvent]:
        """Text and part are done."""
        self.entry.item = _message(self.entry, OutputText(text=self._said), status)
        return [
            ResponseOutputTextDone(**self._place, text=self._said),
            ResponseContentPartDone(**self._place, part=Text(text=self._said)),
        ]


class ToolCall:
    """A call: its arguments come as JSON in pieces."""

    def __init__(
        self, response_id: str, item_id: str, call_id: str, name: str, arguments: str, *, output_index: int = 0
    ) -> None:
        self._call = FunctionCall(
            id=item_id, object="realtime.item", status="in_progress", call_id=call_id, name=name, arguments=""
        )
        self.entry = Entry(self._call)
        self._place: dict[str, Any] = {"response_id": response_id, "item_id": item_id, "call_id": call_id}
        self._place["output_index"] = output_index
        self._arguments = arguments
        self._told = ""

    def opening(self) -> list[ServerEvent]:
        """A call has no parts."""
        return []

    def slices(self) -> Iterator[Slice]:
        """A few characters each."""
        for start in range(0, len(self._arguments), _ARGUMENTS_STEP):
            piece = self._arguments[start : start + _ARGUMENTS_STEP]
            self._told += piece
            yield Slice([ResponseFunctionCallArgumentsDelta(**self._place, delta=piece)])

    def closing(self, status: ItemStatus) -> list[ServerEvent]:
        """The arguments, whole."""
        self._call = evolve(self._call, arguments=self._told, status=status)
        self.entry.item = self._call
        return [ResponseFunctionCallArgumentsDone(**self._place, name=self._call.name, arguments=self._told)]


def _words(text: str) -> list[str]:
    """Words with the space before them: together they are the text again."""
    return re.findall(r"\s*\S+", text.strip())


def _message(entry: Entry, part: OutputAudio | OutputText, status: ItemStatus) -> AssistantMessage:
    assert isinstance(entry.item, AssistantMessage)
    return evolve(entry.item, content=[part], status=status)
