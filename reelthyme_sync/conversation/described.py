"""How an item becomes what the server says of it as a whole. Pure.

A description's words replace those that came piece by piece; a description without words takes none away.
"""

from __future__ import annotations

from typing import TypeAlias

import attrs

from ..events import (
    Audio,
    ConversationItemAdded,
    ConversationItemCreated,
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionDelta,
    ConversationItemInputAudioTranscriptionFailed,
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputText,
    Item,
    OutputAudio,
    OutputText,
    ServerEvent,
    SystemMessage,
    Text,
    UserMessage,
    evolve,
)
from ..events.base import Unset
from .item import ConversationItem, Message
from .said import Said, find, replaced

Transcription: TypeAlias = (
    ConversationItemInputAudioTranscriptionDelta
    | ConversationItemInputAudioTranscriptionCompleted
    | ConversationItemInputAudioTranscriptionFailed
)


def described(known: ConversationItem, item: Item, *, ended: bool) -> ConversationItem:
    """The item after one more description.

    Args:
        known: as it was.
        item: what the server says it is.
        ended: whether this is the last that it says.
    """
    parts = known.parts if type(item) is type(known.announced) else ()  # what was a call says nothing as a message
    if isinstance(item, Message):
        for index, content in enumerate(item.content):
            parts = _with_words(parts, index, content)
    elif isinstance(item, FunctionCall) and item.arguments:
        parts = with_text(parts, 0, item.arguments, spoken=False)
    ended = ended or known.ended
    completed = known.completed or (_status(item) in ("completed", None) and (ended or _needs_no_end(item)))
    return ConversationItem(known.id, item, parts, ended, completed, known.written or _is_written(item))


def transcribed(known: ConversationItem, event: Transcription) -> ConversationItem | None:
    """A spoken item of the user's with some more words of its transcript, or all there will be; None of any other."""
    if not isinstance(known.announced, UserMessage):
        return None
    index = event.content_index or 0
    content = known.announced.content
    if 0 <= index < len(content) and not isinstance(content[index], InputAudio):  # older servers do not say which
        index = next((said.content_index for said in known.parts if said.spoken), -1)
        if index < 0:
            return None
    said = part_of(known.parts, index, spoken=True)
    match event:
        case ConversationItemInputAudioTranscriptionDelta():
            return attrs.evolve(known, parts=replaced(known.parts, said.saying(event.delta)))
        case ConversationItemInputAudioTranscriptionCompleted():
            return attrs.evolve(known, parts=replaced(known.parts, said.worded(event.transcript)), written=True)
        case ConversationItemInputAudioTranscriptionFailed():
            return attrs.evolve(known, written=True)


def ends(event: ServerEvent, item: Item) -> bool:
    """Whether an event describes its item for the last time.

    ``conversation.item.added`` never does. Older servers have ``created`` alone: of what the model is still to say too.
    """
    if isinstance(event, ConversationItemAdded):
        return False
    if isinstance(event, ConversationItemCreated):
        status = _status(item)
        return status != "in_progress" and (status is not None or _needs_no_end(item))
    return True


def cut_off(known: ConversationItem) -> ConversationItem:
    """The item, if nothing more comes of it."""
    if _status(known.announced) != "in_progress":
        return known
    status = "completed" if known.ended else "incomplete"
    return attrs.evolve(known, announced=evolve(known.announced, status=status))


def part_of(parts: tuple[Said, ...], index: int, *, spoken: bool) -> Said:
    """The content part with this index, which is new if nothing was said in it yet."""
    return find(parts, index) or Said(index, spoken)


def with_text(parts: tuple[Said, ...], index: int, text: str, *, spoken: bool) -> tuple[Said, ...]:
    """The parts, one of them with these words; none take none away."""
    said = part_of(parts, index, spoken=spoken)
    worded = said.worded(text)
    return parts if worded is said and find(parts, index) else replaced(parts, worded)


def _with_words(parts: tuple[Said, ...], index: int, content: object) -> tuple[Said, ...]:
    if isinstance(content, InputText | OutputText | Text):
        words: str | Unset | None = content.text
        return with_text(parts, index, words or "", spoken=False)
    if isinstance(content, InputAudio | OutputAudio | Audio):
        words = content.transcript
        return with_text(parts, index, words or "", spoken=True)
    return parts


def _is_written(item: Item) -> bool:
    """Whether a description has the words of what a user said aloud."""
    if not isinstance(item, UserMessage):
        return False
    return any(isinstance(content, InputAudio) and bool(content.transcript) for content in item.content)


def _needs_no_end(item: Item) -> bool:
    """What a client makes is whole when it is announced."""
    return isinstance(item, UserMessage | SystemMessage | FunctionCallOutput)


def _status(item: Item) -> str | None:
    status = getattr(item, "status", None)
    return status if isinstance(status, str) else None
