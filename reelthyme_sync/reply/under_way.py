"""One response as far as it has come: its parts by their place, its items, its sound. Pure."""

from __future__ import annotations

from collections.abc import Container
from typing import TypeAlias

import attrs

from ..audio.transcoding import Decoder
from ..conversation import item_id
from ..events import (
    AssistantMessage,
    Audio,
    AudioFormat,
    ContentPart,
    FunctionCall,
    Item,
    OutputAudio,
    OutputText,
    Response,
    ResponseContentPartDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputAudioTranscriptDone,
    ResponseOutputItemDone,
    ResponseOutputTextDelta,
    ResponseOutputTextDone,
    Text,
)
from ..events.content import AssistantContent
from ..pcm import decode_base64
from .reply import Reply

Said: TypeAlias = ResponseOutputTextDelta | ResponseOutputAudioTranscriptDelta
"""Some words."""

Whole: TypeAlias = ResponseOutputTextDone | ResponseOutputAudioTranscriptDone | ResponseContentPartDone
"""All words of a part."""


@attrs.define
class _Part:
    """One content part."""

    spoken: bool
    pieces: list[str] = attrs.field(factory=list)
    whole: str | None = None
    sound: list[bytes] = attrs.field(factory=list)
    decoder: Decoder | None = None

    @property
    def words(self) -> str:
        return self.whole or "".join(self.pieces)

    @property
    def pcm(self) -> bytes:
        return b"".join([*self.sound, self.decoder.rest()]) if self.decoder is not None else b""


class UnderWay:
    """A response that is not done yet.

    Attributes:
        audio_format: how it sounds, if it says so itself.
        in_conversation: whether it is, as far as the server has said; None: it has not.
    """

    def __init__(self) -> None:
        self.audio_format: AudioFormat | None = None
        self.in_conversation: bool | None = None
        self._parts: dict[tuple[int, int], _Part] = {}  # by output index and content index
        self._items: dict[int, Item] = {}  # by output index
        self._places: dict[str, int] = {}  # output indices, by item id

    def say(self, event: Said) -> None:
        """Some words have come."""
        self._part_of(event, spoken=isinstance(event, ResponseOutputAudioTranscriptDelta)).pieces.append(event.delta)

    def complete(self, event: Whole) -> None:
        """All words of a part have come."""
        match event:
            case ResponseOutputTextDone():
                self._part_of(event, spoken=False).whole = event.text
            case ResponseOutputAudioTranscriptDone():
                self._part_of(event, spoken=True).whole = event.transcript
            case ResponseContentPartDone():
                self._settle(event.part, event.output_index, event.content_index)

    def sound(self, event: ResponseOutputAudioDelta, session_format: AudioFormat | None) -> None:
        """Some sound has come.

        Raises:
            ValueError: the delta is no base64.
            AudioUnavailable: it has to be resampled, and soxr is not installed.
        """
        part = self._part_of(event, spoken=True)
        if part.decoder is None:
            part.decoder = Decoder(self.audio_format or session_format)
        part.sound.append(part.decoder.push(decode_base64(event.delta)))

    def describe(self, event: ResponseOutputItemDone) -> None:
        """An item is done."""
        self._items[event.output_index] = event.item
        self._places[item_id(event.item)] = event.output_index

    def end(self, response: Response, placed: Container[str], cost_usd: float | None) -> Reply:
        """What it has come to; ``placed`` are ids of items that the conversation has."""
        items = tuple(response.output) or tuple(self._items[index] for index in sorted(self._items))
        for place, item in enumerate(items):
            if isinstance(item, AssistantMessage):
                for content_index, content in enumerate(item.content):
                    self._settle(content, self._places.get(item_id(item), place), content_index)
        parts = [self._parts[place] for place in sorted(self._parts)]
        return Reply(
            response_id=response.id,
            status=response.status,
            status_details=response.status_details,
            text="\n".join(part.words for part in parts if part.words and not part.spoken),
            transcript="\n".join(part.words for part in parts if part.words and part.spoken),
            pcm=b"".join(part.pcm for part in parts),
            usage=response.usage,
            cost_usd=cost_usd,
            items=items,
            calls=tuple(item for item in items if isinstance(item, FunctionCall)),
            metadata=response.metadata,
            in_conversation=bool(self.in_conversation)
            or any(each in placed for each in [*self._places, *map(item_id, items)]),
        )

    def _part_of(self, event: Said | Whole | ResponseOutputAudioDelta, *, spoken: bool) -> _Part:
        self._places[event.item_id] = event.output_index
        return self._part(event.output_index, event.content_index, spoken=spoken)

    def _part(self, output_index: int, content_index: int, *, spoken: bool) -> _Part:
        place = output_index, content_index
        if place not in self._parts:
            self._parts[place] = _Part(spoken)
        return self._parts[place]

    def _settle(self, content: ContentPart | AssistantContent, output_index: int, content_index: int) -> None:
        """What a server says of a part when it is done is what counts, where it says anything."""
        match content:
            case OutputText(text=str(words)) | Text(text=str(words)) if words:
                self._part(output_index, content_index, spoken=False).whole = words
            case OutputAudio(transcript=str(words)) | Audio(transcript=str(words)) if words:
                self._part(output_index, content_index, spoken=True).whole = words
