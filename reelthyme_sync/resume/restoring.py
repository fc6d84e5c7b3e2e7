"""How an item is told to a server that does not know it. Pure.

The service takes back text, pictures, calls and their outputs. It takes no speech of the model's: that comes back as
the text of what was heard. Speech of the user's comes back as its transcript, or as sound where nobody has written it
down.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..codec import unstructure
from ..conversation import Entry
from ..events import (
    AssistantMessage,
    ConversationItemCreate,
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputText,
    Item,
    OutputAudio,
    OutputText,
    SystemMessage,
    UnknownPart,
    UserMessage,
)
from .sound import joined


def restorable(entry: Entry, sound: Sequence[str]) -> Item | str:
    """The item to send, or in words why there is none.

    Args:
        entry: the item as it was.
        sound: the base64 pieces of the user's speech, where they are still there.
    """
    match item := entry.item:
        case SystemMessage() | FunctionCallOutput():
            return item
        case FunctionCall():
            whole = entry.complete and item.status != "incomplete"
            return item if whole else "the call was cut off before it was complete"
        case UnknownPart() if entry.complete:
            return item  # a kind newer than this version: whether it is taken back is for the server to say
        case UserMessage():
            heard: list[Any] = [part for old in item.content for part in _from_user(old, sound)]
            return UserMessage(id=entry.id, content=heard) if heard else "nobody wrote down what was said"
        case AssistantMessage():
            said: list[Any] = [OutputText(text=words) for part in item.content if (words := _words(part))]
            return AssistantMessage(id=entry.id, content=said) if said else "nothing was said in it"
    return f"the service takes no {item.type} from a client"


def as_event(item: Item, event_id: str) -> dict[str, Any]:
    """The event that restores the item, without what only a server says."""
    wire = unstructure(ConversationItemCreate(item=item, event_id=event_id))
    return {**wire, "item": {key: value for key, value in wire["item"].items() if key not in ("object", "status")}}


def _from_user(part: object, sound: Sequence[str]) -> list[object]:
    if not isinstance(part, InputAudio):
        return [part]
    if part.transcript:
        return [InputText(text=part.transcript)]
    return [InputAudio(audio=joined(sound))] if sound else []


def _words(part: object) -> str:
    return str((part.transcript if isinstance(part, OutputAudio) else getattr(part, "text", "")) or "")
