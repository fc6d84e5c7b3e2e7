"""How an item is told to a server that does not know it. Pure.

The service takes back text, pictures, calls and their outputs. It takes no speech of the model's: that comes back as
the text of what was heard. Speech of the user's comes back as its transcript, or as sound where nobody has written it
down.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..events import (
    UNSET,
    AssistantMessage,
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
    evolve,
)
from ..pcm import SAMPLE_RATE, encode_base64
from .item import ConversationItem

_THE_SERVERS_OWN = ("object", "status")


def restorable(known: ConversationItem, sound: str) -> Item | str:
    """The item to send, without what only a server says; or in words why there is none.

    Args:
        known: the item as it was.
        sound: base64, what the user said in it, in the format in which the new session hears; ``""`` if it is gone.
    """
    match item := known.item:
        case SystemMessage() | FunctionCallOutput():
            return evolve(item, status=UNSET, object=UNSET)
        case FunctionCall():
            if not known.ended or known.status == "incomplete":
                return "the call was cut off before it was complete"
            return evolve(item, status=UNSET, object=UNSET)
        case UnknownPart() if known.ended:  # a kind newer than this version: whether it is taken is for the server
            return evolve(item, raw={key: each for key, each in item.raw.items() if key not in _THE_SERVERS_OWN})
        case UserMessage():
            heard = list(_from_user(item, sound))
            return UserMessage(id=known.id, content=heard) if heard else "nobody wrote down what was said"
        case AssistantMessage():
            said: list[Any] = [OutputText(text=words) for part in item.content if (words := _words(part))]
            return AssistantMessage(id=known.id, content=said) if said else "nothing was said in it"
    return f"the service takes no {item.type} from a client"


def restoring_items(items: Sequence[ConversationItem]) -> list[Item]:
    """What of a conversation can be told, in order: of calls and their outputs only whole pairs."""
    found = [restorable(known, _sound(known)) for known in items]
    told: dict[int, Item] = {}
    calls: dict[str, int] = {}  # that have no output yet
    for at, item in enumerate(found):
        if isinstance(item, FunctionCall):
            calls[item.call_id or ""] = at
        elif isinstance(item, FunctionCallOutput):
            if (asked := calls.pop(item.call_id, None)) is not None:
                told |= {asked: found[asked], at: item}  # type: ignore[dict-item]  # the call is no reason against itself
        elif not isinstance(item, str):
            told[at] = item
    return [told[at] for at in sorted(told)]


def _sound(known: ConversationItem) -> str:
    """Telephone sound was decoded: no session hears it as it is kept."""
    formatted = known.formatted
    return encode_base64(formatted.pcm) if formatted.sample_rate == SAMPLE_RATE else ""


def _from_user(message: UserMessage, sound: str) -> Iterator[Any]:
    for part in message.content:
        if not isinstance(part, InputAudio):
            yield part
        elif part.transcript:
            yield InputText(text=part.transcript)
        elif sound:
            yield InputAudio(audio=sound)
            sound = ""  # it is that of the whole message


def _words(part: object) -> str:
    return str((part.transcript if isinstance(part, OutputAudio) else getattr(part, "text", "")) or "")
