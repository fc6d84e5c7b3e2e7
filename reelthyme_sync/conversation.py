"""The items of a conversation, in order, as the events of a session tell them. Sends nothing, plays nothing. Pure.

What a server says may come twice, late or never: nothing here raises. An item that nobody announced is not made up, and
sound is counted, not kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import attrs

from .events import (
    AssistantMessage,
    Audio,
    AudioFormat,
    ConversationItemAdded,
    ConversationItemCreated,
    ConversationItemDeleted,
    ConversationItemDone,
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemTruncated,
    FunctionCall,
    InputAudio,
    Item,
    OutputAudio,
    OutputText,
    ResponseContentPartAdded,
    ResponseFunctionCallArgumentsDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputItemDone,
    ResponseOutputTextDelta,
    ServerEvent,
    SessionCreated,
    SessionUpdated,
    Text,
    UnknownPart,
    Unset,
    UserMessage,
    evolve,
)
from .formats import base64_ms, output_format
from .playback import heard_words

ROOT: Final = "root"
"""The ``previous_item_id`` of an item that goes before all others."""


def item_id(item: Item) -> str:
    """The id of an item, of a kind unknown here too; ``""`` while it has none."""
    found = item.raw.get("id") if isinstance(item, UnknownPart) else item.id
    return found if isinstance(found, str) else ""


@attrs.define
class Said:
    """One content part of the model's, as far as it has come.

    Attributes:
        spoken: whether it is sound with a transcript, or text.
        pieces: the words, as they came.
        audio_ms: how much sound was received.
        heard_ms: how much of it was heard before the rest was cut off; None if nothing was.
    """

    spoken: bool
    pieces: list[str] = attrs.field(factory=list)
    audio_ms: float = 0.0
    heard_ms: float | None = None

    @property
    def words(self) -> str:
        """All words; of a part that was cut off, as many as fit into what was heard, up to a whole word."""
        text = "".join(self.pieces)
        if self.heard_ms is None or self.heard_ms >= self.audio_ms:
            return text
        return heard_words(text, self.heard_ms / self.audio_ms)

    def as_content(self) -> OutputText | OutputAudio:
        """The part as the wire has it."""
        return OutputAudio(transcript=self.words) if self.spoken else OutputText(text=self.words)


@attrs.define
class Entry:
    """An item, and what has come of it since it was announced.

    Attributes:
        id: the item's id.
        announced: the item as the server last described it as a whole.
        complete: whether it was described for the last time: no more will be said in it.
        said: what the model said, by content index.
    """

    id: str
    announced: Item
    complete: bool = False
    said: dict[int, Said] = attrs.field(factory=dict)

    @property
    def item(self) -> Item:
        """The item as it is by now: a message of the model with its words so far."""
        if isinstance(self.announced, AssistantMessage) and self.said:
            return evolve(self.announced, content=[self.said[index].as_content() for index in sorted(self.said)])
        return self.announced

    def part(self, index: int, *, spoken: bool) -> Said:
        """The content part with this index, which exists from now on."""
        return self.said.setdefault(index, Said(spoken))

    def describe(self, item: Item, *, complete: bool) -> None:
        """Take over a description of the whole item; a description without words takes none away."""
        self.complete = self.complete or complete
        if isinstance(item, AssistantMessage):
            for index, content in enumerate(item.content):
                self._take_words(index, content)
        elif isinstance(item, UserMessage) and isinstance(known := self.announced, UserMessage):
            item = evolve(item, content=[_with_transcript(part, known, at) for at, part in enumerate(item.content)])
        self.announced = item

    def _take_words(self, index: int, content: object) -> None:
        if isinstance(content, OutputText | Text):
            self.part(index, spoken=False)
            words: str | Unset | None = content.text
        elif isinstance(content, OutputAudio | Audio):
            self.part(index, spoken=True)
            words = content.transcript
        else:
            return
        if words:
            self.said[index].pieces = [words]


class Conversation:
    """What has been said, in order. ``apply`` every event of the session, from one thread at a time."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._order: list[str] = []
        self._deleted: set[str] = set()
        self._early: dict[str, ConversationItemInputAudioTranscriptionCompleted] = {}
        self._output_format: AudioFormat | None = None

    @property
    def entries(self) -> list[Entry]:
        """The items in order, with what is known of them."""
        return [self._entries[each] for each in self._order]

    @property
    def items(self) -> list[Item]:
        """The items in order, as they are by now."""
        return [entry.item for entry in self.entries]

    def find(self, wanted: str) -> Entry | None:
        """The item with this id, if there is one."""
        return self._entries.get(wanted)

    def apply(self, event: ServerEvent) -> None:
        """Take in what the server says."""
        if (handler := _HANDLERS.get(type(event))) is not None:
            handler(self, event)

    def cut_off(self) -> None:
        """Nothing more will come of the items that are in progress."""
        for entry in self._entries.values():
            if _in_progress(entry.announced):
                entry.announced = evolve(entry.announced, status="incomplete")

    def _add(self, event: ConversationItemAdded | ConversationItemDone | ConversationItemCreated) -> None:
        new_id = item_id(event.item)
        if not new_id or (new_id in self._deleted and isinstance(event, ConversationItemDone)):
            return  # the end of an item that was deleted while something was said in it
        self._deleted.discard(new_id)
        if new_id not in self._entries:
            self._order.insert(self._place(event.previous_item_id), new_id)
            self._entries[new_id] = Entry(new_id, event.item)
        begun = isinstance(event, ConversationItemCreated) and _in_progress(event.item)
        self._entries[new_id].describe(event.item, complete=not begun and not isinstance(event, ConversationItemAdded))
        if (transcript := self._early.pop(new_id, None)) is not None:
            self._transcribe(transcript)

    def _place(self, previous_item_id: str | None) -> int:
        """After the item before it. Some servers never say which that is, so that nothing said means the end."""
        if previous_item_id == ROOT:
            return 0
        if previous_item_id not in self._entries or previous_item_id == self._order[-1]:
            return len(self._order)
        return self._order.index(previous_item_id) + 1

    def _finish(self, event: ResponseOutputItemDone) -> None:
        """May come before the ``done`` of the conversation, or alone: their order is not documented."""
        if (entry := self._entries.get(item_id(event.item))) is not None:
            entry.describe(event.item, complete=True)

    def _delete(self, event: ConversationItemDeleted) -> None:
        self._deleted.add(event.item_id)
        if self._entries.pop(event.item_id, None) is not None:
            self._order.remove(event.item_id)

    def _truncate(self, event: ConversationItemTruncated) -> None:
        entry = self._entries.get(event.item_id)
        said = entry.said.get(event.content_index) if entry else None
        if said is not None and said.audio_ms:
            heard_before = said.audio_ms if said.heard_ms is None else said.heard_ms
            said.heard_ms = min(heard_before, event.audio_end_ms)

    def _transcribe(self, event: ConversationItemInputAudioTranscriptionCompleted) -> None:
        entry = self._entries.get(event.item_id)
        if entry is None and event.item_id not in self._deleted:
            self._early[event.item_id] = event
        if entry is None or not isinstance(message := entry.announced, UserMessage):
            return
        content = list(message.content)
        if event.content_index < len(content) and isinstance(part := content[event.content_index], InputAudio):
            content[event.content_index] = evolve(part, transcript=event.transcript)
            entry.announced = evolve(message, content=content)

    def _begin_part(self, event: ResponseContentPartAdded) -> None:
        if (entry := self._entries.get(event.item_id)) is not None:
            entry.part(event.content_index, spoken=isinstance(event.part, Audio | OutputAudio))

    def _say(self, event: ResponseOutputTextDelta | ResponseOutputAudioTranscriptDelta) -> None:
        if (entry := self._entries.get(event.item_id)) is not None:
            spoken = isinstance(event, ResponseOutputAudioTranscriptDelta)
            entry.part(event.content_index, spoken=spoken).pieces.append(event.delta)

    def _sound(self, event: ResponseOutputAudioDelta) -> None:
        if (entry := self._entries.get(event.item_id)) is not None:
            entry.part(event.content_index, spoken=True).audio_ms += base64_ms(event.delta, self._output_format)

    def _call(self, event: ResponseFunctionCallArgumentsDone) -> None:
        entry = self._entries.get(event.item_id)
        if entry is not None and isinstance(call := entry.announced, FunctionCall):
            entry.announced = evolve(call, arguments=event.arguments, status="completed")
            entry.complete = True  # whoever runs the call at this event counts on it

    def _settle(self, event: SessionCreated | SessionUpdated) -> None:
        self._output_format = output_format(event.session)


_HANDLERS: Final[dict[type[ServerEvent], Callable[[Conversation, Any], None]]] = {
    ConversationItemAdded: Conversation._add,
    ConversationItemDone: Conversation._add,
    ConversationItemCreated: Conversation._add,
    ConversationItemDeleted: Conversation._delete,
    ConversationItemTruncated: Conversation._truncate,
    ConversationItemInputAudioTranscriptionCompleted: Conversation._transcribe,
    ResponseContentPartAdded: Conversation._begin_part,
    ResponseOutputTextDelta: Conversation._say,
    ResponseOutputAudioTranscriptDelta: Conversation._say,
    ResponseOutputAudioDelta: Conversation._sound,
    ResponseFunctionCallArgumentsDone: Conversation._call,
    ResponseOutputItemDone: Conversation._finish,
    SessionCreated: Conversation._settle,
    SessionUpdated: Conversation._settle,
}


def _in_progress(item: Item) -> bool:
    return getattr(item, "status", None) == "in_progress"


def _with_transcript(part: Any, known: UserMessage, index: int) -> Any:
    """The part with the transcript that is known of it: it may come before the description, which then says null."""
    before = known.content[index] if index < len(known.content) else None
    if isinstance(part, InputAudio) and isinstance(before, InputAudio) and before.transcript and not part.transcript:
        return evolve(part, transcript=before.transcript)
    return part
