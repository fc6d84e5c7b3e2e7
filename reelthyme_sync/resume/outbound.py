"""What was sent and not answered yet, in order: a new server would have to be sent it again. Pure.

The service answers every event but ``append``, in the order in which it takes them in. So an answer tells, too, that
all that was sent before has arrived.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import takewhile
from typing import Any, Final

import attrs
import orjson

from ..conversation import item_id
from ..events import (
    ConversationItemAdded,
    ConversationItemCreated,
    ConversationItemDeleted,
    ConversationItemRetrieved,
    ConversationItemTruncated,
    Error,
    InputAudioBufferCleared,
    InputAudioBufferCommitted,
    OutputAudioBufferCleared,
    ResponseCreated,
    ResponseDone,
    ServerEvent,
    SessionClosed,
    SessionUpdated,
)

APPENDS: Final = frozenset({"input_audio_buffer.append", "session.input_audio_buffer.append"})  # the second translates
UPDATES: Final = frozenset({"session.update", "transcription_session.update"})  # the second is the beta's
CREATE: Final = "conversation.item.create"
TRUNCATE: Final = "conversation.item.truncate"
_CANCEL: Final = "response.cancel"


@attrs.frozen
class Message:
    """One message on its way.

    Attributes:
        number: counts from the session's first.
        raw: as the wire has it, with an ``event_id``.
    """

    number: int
    raw: dict[str, Any] = attrs.field(repr=False)

    @property
    def type(self) -> str:
        """The wire name."""
        return str(self.raw["type"])

    @property
    def item_id(self) -> object:
        """The item that it is about."""
        item = self.raw.get("item")
        return item.get("id") if isinstance(item, dict) else self.raw.get("item_id")

    @property
    def beside(self) -> bool:
        """Whether it asks for a response beside the conversation."""
        response = self.raw.get("response")
        return isinstance(response, dict) and response.get("conversation") == "none"

    def data(self) -> bytes:
        """What goes into the frame."""
        return orjson.dumps(self.raw)


class Outbound:
    """The messages that wait for their answer.

    Args:
        token: makes the ids that are given here unlike those of other sessions.
    """

    def __init__(self, token: str) -> None:
        self._token = token
        self._numbered = 0
        self._waiting: dict[int, Message] = {}

    def __iter__(self) -> Iterator[Message]:
        return iter(list(self._waiting.values()))

    def enter(self, data: bytes, *, first: bool = False) -> Message:
        """Note what is about to be sent; it gets the ids by which its answer is known, where it has none.

        Args:
            data: as encoded.
            first: whether it goes before all that waits, not behind.
        """
        raw = orjson.loads(data)
        self._numbered += 1
        if raw["type"] not in APPENDS and not raw.get("event_id"):
            raw["event_id"] = f"event_{self._token}_{self._numbered}"
        if isinstance(item := raw.get("item"), dict) and raw["type"] == CREATE:
            raw["item"] = item if item.get("id") else {**item, "id": f"item_{self._token}_{self._numbered}"}
        message = Message(self._numbered, raw)
        self._waiting = {message.number: message, **self._waiting} if first else self._waiting
        self._waiting[message.number] = message
        return message

    def drop(self, number: int) -> None:
        """It need not be sent again."""
        self._waiting.pop(number, None)

    def amend(self, number: int, **changes: Any) -> None:
        """Change what would be sent again; a field that becomes None is left out."""
        if (sent := self._waiting.get(number)) is not None:
            raw = {key: value for key, value in {**sent.raw, **changes}.items() if value is not None}
            self._waiting[number] = Message(number, raw)

    def forget(self) -> list[Message]:
        """Drop what makes no sense to a new server: its responses are others, and what was said it has as text.

        But an answer that was asked for, and is not wanted any more, has to be asked for and cancelled again.
        """
        asked = False
        forgotten = []
        for sent in self:
            asked = asked or (sent.type == "response.create" and not sent.beside)
            if sent.type == TRUNCATE or (sent.type == _CANCEL and (not asked or sent.raw.get("response_id"))):
                self.drop(sent.number)
                forgotten.append(sent)
        return forgotten

    def answered(self, event: ServerEvent) -> Message | None:
        """The message that this event answers. It waits no longer, and before it nothing that is never answered."""
        if (message := self._asked(event)) is not None:
            before = takewhile(lambda sent: sent is not message, self._waiting.values())
            for sent in [*filter(_never_answered, before), message]:
                self.drop(sent.number)
        return message

    def _asked(self, event: ServerEvent) -> Message | None:
        """The first that fits, for answers come in order: so however many wait, few are looked at."""
        if type(event) not in _ANSWERS and not (isinstance(event, Error) and event.error.event_id):
            return None
        fitting = (sent for sent in self._waiting.values() if _answers(event, sent))
        first = next(fitting, None)
        if first is None or _same_place(event, first):
            return first
        return next((sent for sent in fitting if _same_place(event, sent)), first)


def _answers(event: ServerEvent, sent: Message) -> bool:
    if isinstance(event, Error):
        return event.error.event_id == sent.raw.get("event_id")
    names, fits = _ANSWERS[type(event)]
    return sent.type in names and fits(event, sent)


def _never_answered(sent: Message) -> bool:
    return sent.type not in _ANSWERED and sent.type not in APPENDS


def _always(_event: Any, _sent: Message) -> bool:
    return True


def _same_item(event: Any, sent: Message) -> bool:
    return bool(sent.item_id == (event.item_id if hasattr(event, "item_id") else item_id(event.item)))


def _same_response(event: ResponseDone, sent: Message) -> bool:
    return sent.raw.get("response_id") in (None, event.response.id)


def _may_be_created(event: ResponseCreated, sent: Message) -> bool:
    """A response that is in the conversation was not asked for beside it: the server began it by itself."""
    return not (sent.beside and event.response.conversation_id is not None)


def _same_place(event: ServerEvent, sent: Message) -> bool:
    """Whether a response is where it was asked for; only a preference, for older servers do not say where it is."""
    return not isinstance(event, ResponseCreated) or sent.beside == (event.response.conversation_id is None)


_ANSWERS: Final[dict[type[ServerEvent], tuple[frozenset[str], Callable[[Any, Message], bool]]]] = {
    SessionUpdated: (UPDATES, _always),
    SessionClosed: (frozenset({"session.close"}), _always),
    ConversationItemAdded: (frozenset({CREATE}), _same_item),
    ConversationItemCreated: (frozenset({CREATE}), _same_item),
    ConversationItemRetrieved: (frozenset({"conversation.item.retrieve"}), _same_item),
    ConversationItemTruncated: (frozenset({TRUNCATE}), _same_item),
    ConversationItemDeleted: (frozenset({"conversation.item.delete"}), _same_item),
    InputAudioBufferCommitted: (frozenset({"input_audio_buffer.commit"}), _always),
    InputAudioBufferCleared: (frozenset({"input_audio_buffer.clear"}), _always),
    OutputAudioBufferCleared: (frozenset({"output_audio_buffer.clear"}), _always),
    ResponseCreated: (frozenset({"response.create"}), _may_be_created),
    ResponseDone: (frozenset({_CANCEL}), _same_response),
}
_ANSWERED: Final = frozenset().union(*(names for names, _ in _ANSWERS.values()))
