"""Which of our requests goes on from the outputs of which functions. Pure; its owner guards it."""

from __future__ import annotations

from collections.abc import Iterable

from ..events import ClientEvent, ConversationItemCreate, FunctionCallOutput, UnknownEvent
from ..sequencer import Request


class FollowUps:
    """The requests of one connection for what comes after the outputs of functions."""

    def __init__(self) -> None:
        self._asked_before: dict[str, int] = {}  # by call: how many requests there were when it was answered
        self._requests: list[Request] = []

    def note_sent(self, event: ClientEvent | UnknownEvent) -> None:
        """We have sent something, perhaps the output of a function."""
        if isinstance(event, ConversationItemCreate) and isinstance(event.item, FunctionCallOutput):
            self._asked_before[event.item.call_id] = len(self._requests)

    def note_asked(self, request: Request) -> None:
        """All outputs of a response have been sent, and this asks for what follows."""
        self._requests.append(request)

    def is_one(self, event_id: str | None) -> bool:
        """Whether this event asked for such a response."""
        return any(request.event_id == event_id for request in self._requests)

    def after(self, call_ids: Iterable[str]) -> Request | None:
        """The first request after the outputs of all these calls; None while they are not all answered."""
        places = [self._asked_before.get(call_id, len(self._requests)) for call_id in call_ids]
        return next(iter(self._requests[max(places, default=0) :]), None)
