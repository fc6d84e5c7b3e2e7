"""A model of the service's way with responses: it has one at a time in the conversation, and refuses the second."""

from __future__ import annotations

from collections import deque

from reelthyme_sync.events import (
    UNSET,
    ClientEvent,
    Error,
    ErrorDetail,
    Response,
    ResponseCancel,
    ResponseCreate,
    ResponseCreated,
    ResponseDone,
    ServerEvent,
)

BUSY, IDLE = "conversation_already_has_active_response", "response_cancel_not_active"


def created(response: str, **fields) -> ResponseCreated:
    return ResponseCreated(response=Response(id=response, **{"conversation_id": "conv_1", **fields}))


def done(response: str, **fields) -> ResponseDone:
    return ResponseDone(response=Response(id=response, **{"conversation_id": "conv_1", **fields}))


def refused(event: ClientEvent, code: str) -> Error:
    detail = ErrorDetail(type="invalid_request_error", code=code, message="", event_id=event.event_id or None)
    return Error(error=detail)


def names(events: list[ClientEvent]) -> list[str]:
    return [event.type for event in events]


class Service:
    """Takes messages and ends responses one at a time, in any order of the two.

    Attributes:
        active: the response in the conversation.
        made_for: the event ids of the requests that it began a response for, by that response's id.
    """

    def __init__(self) -> None:
        self.inbox: deque[ClientEvent] = deque()
        self.outbox: deque[ServerEvent] = deque()
        self.active: str | None = None
        self.beside: dict[str, dict[str, str] | None] = {}
        self.made_for: dict[str, str] = {}
        self.begun = 0
        self.answered_turn = 0
        self.turn = 0

    def take_one(self) -> None:
        if not self.inbox:
            return
        match message := self.inbox.popleft():
            case ResponseCreate(response=params) if params and params.conversation == "none":
                self._begin_beside(message)
            case ResponseCreate() if self.active is None:
                self.begin()
                self.answered_turn = self.turn
                self.made_for[self.active] = message.event_id
            case ResponseCreate():
                self.outbox.append(refused(message, BUSY))
            case ResponseCancel(response_id=wanted) if wanted in self.beside:
                self.end_beside(wanted)
            case ResponseCancel(response_id=wanted) if self.active is None or wanted not in (UNSET, self.active):
                self.outbox.append(refused(message, IDLE))
            case ResponseCancel():
                self.end()

    def begin(self) -> None:
        if self.active is None:
            self.begun += 1
            self.active = f"r{self.begun}"
            self.outbox.append(created(self.active))

    def end(self) -> None:
        if self.active is not None:
            self.outbox.append(done(self.active))
            self.active = None

    def _begin_beside(self, message: ResponseCreate) -> None:
        self.begun += 1
        response, metadata = f"r{self.begun}", message.response.metadata or None
        self.beside[response] = metadata
        self.made_for[response] = message.event_id
        self.outbox.append(created(response, conversation_id=None, metadata=metadata))

    def end_beside(self, response: str) -> None:
        self.outbox.append(done(response, conversation_id=None, metadata=self.beside.pop(response)))
