"""What a client keeps of its session: one set of books, kept event by event. Pure: its owner guards it."""

from __future__ import annotations

from typing import Any, Final

import attrs

from ..conversation import RealtimeConversation
from ..events import (
    ClientEvent,
    Error,
    InputAudioBufferAppend,
    InputAudioBufferClear,
    InputAudioBufferCommit,
    InputAudioBufferCommitted,
    InputAudioBufferSpeechStarted,
    ResponseCreated,
    ResponseDone,
    ServerEvent,
    SessionCreated,
    SessionUpdated,
    UnknownEvent,
)
from ..formats import base64_ms, input_format
from ..reply import ReplyBook
from ..sequencer import ResponseSequencer
from ..turns import Turn, TurnOrder
from ..usage import PriceTable, ResponseCost, UsageMeter
from .follow_ups import FollowUps

SHORTEST_COMMIT_MS: Final = 100
"""The service refuses to make a turn of less."""


@attrs.frozen
class Entered:
    """What an event of the server comes to.

    Attributes:
        told: names and payloads for the client's own handlers.
        due: what is to be sent because of it.
        unwanted: whether a response begins in the conversation that was cancelled before it had: nothing of it is to
            be heard.
        settled: whether it only says that two events crossed on their way, and is to be kept from everybody.
        cost: what it tells to have been used.
        turns: what has been said, and is now known word for word.
    """

    told: list[tuple[str, Any]]
    due: list[ClientEvent]
    unwanted: bool
    settled: bool
    cost: ResponseCost | None
    turns: list[Turn]


class Books:
    """The books of one connection.

    Args:
        name: how the ids of our events begin.
        conversation: is kept here, and may be older than the connection.
        prices: of the models.
        model: counts where the server names none.
        keep_audio: whether replies keep their sound.
    """

    def __init__(
        self, name: str, conversation: RealtimeConversation, *, prices: PriceTable, model: str | None, keep_audio: bool
    ) -> None:
        self.conversation = conversation
        self.sequencer = ResponseSequencer(name)
        self.replies = ReplyBook(keep_audio=keep_audio)
        self.follow_ups = FollowUps()
        self.usage = UsageMeter(prices, model)
        self.turns = TurnOrder()
        self._uncommitted_ms = 0.0
        self._session: object = None

    @property
    def can_commit(self) -> bool:
        """Whether enough sound was sent since the last turn to make another."""
        return self._uncommitted_ms >= SHORTEST_COMMIT_MS

    def note_sent(self, event: ClientEvent | UnknownEvent) -> None:
        """We have sent something."""
        if isinstance(event, UnknownEvent):
            return
        match event:
            case InputAudioBufferAppend(audio=audio):
                self._uncommitted_ms += base64_ms(audio, input_format(self._session))
            case InputAudioBufferCommit() | InputAudioBufferClear():
                self._uncommitted_ms = 0.0
        self.conversation.note_sent(event)
        self.sequencer.note_sent(event)

    def enter(self, event: ServerEvent) -> Entered:
        """The server has said something."""
        settled = self.sequencer.settles(event)
        request = self.sequencer.find(event.response.id) if isinstance(event, ResponseDone) else None
        due = self.sequencer.hear(event)
        told: list[tuple[str, Any]] = []
        if (update := self.conversation.process_event(event)) is not None:
            told.append(("conversation.updated", update))
            if update.appended:
                told.append(("conversation.item.appended", update.item))
            if update.completed:
                told.append(("conversation.item.completed", update.item))
        cost = self.usage.process_event(event)
        usd = None if cost is None or cost.usd is None else float(cost.usd)
        if (reply := self.replies.process_event(event, usd)) is not None:
            told.append(("reply", reply))
            if request is not None:
                request.reply = reply
                self.follow_ups.note_reply(request, reply)
        match event:
            case InputAudioBufferSpeechStarted():
                told.append(("conversation.interrupted", None))
            case InputAudioBufferCommitted():
                self._uncommitted_ms = 0.0
            case SessionCreated(session=session) | SessionUpdated(session=session):
                self._session = session
            case Error() if not settled:
                told.append(("error", event))
        unwanted = isinstance(event, ResponseCreated) and bool(due) and self.sequencer.state == "cancelling"
        return Entered(told, due, unwanted, settled, cost, self.turns.process_event(event))
