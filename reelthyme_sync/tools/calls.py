"""Which of the model's calls are to be answered, and when the model goes on. Pure; one thread at a time.

The wire tells each call three times, and calls that were cut short as well. Every call of a response in the
conversation is met here once, when it is complete, and so is every request to let an MCP server be called. When all
those of one response are answered and the response is done, the model has to be asked, once, to go on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final, Literal, TypeAlias

import attrs

from ..events import (
    ClientEvent,
    ConversationItemAdded,
    ConversationItemCreate,
    ConversationItemCreated,
    Disconnected,
    FunctionCall,
    FunctionCallOutput,
    Item,
    McpApprovalRequest,
    McpApprovalResponse,
    Reconnected,
    Response,
    ResponseCreated,
    ResponseDone,
    ResponseOutputItemDone,
    ServerEvent,
)
from ..placing import Placing
from .call import ToolCall

Question: TypeAlias = ToolCall | McpApprovalRequest
"""What the model waits for."""

_REMEMBERED: Final = 512


@attrs.define
class _Batch:
    """What one response asks.

    Attributes:
        open: the ids of what is not answered yet; and whose answer is on its way.
        ours: whether anything of it was answered here, and not by the application.
        over: whether the response is done.
        wanted: whether the model is to go on: not when the response was cut short, or nobody wants it any more.
    """

    open: dict[str, Literal["nobody's", "ours", "the application's"]] = attrs.field(factory=dict)
    ours: bool = False
    over: bool = False
    wanted: bool = True


class Calls:
    """The open questions of one session, by id: the ``call_id`` of a call, the ``id`` of an approval request."""

    def __init__(self) -> None:
        self._placing = Placing()
        self._places: dict[str, bool] = {}  # of the responses under way: whether in the conversation
        self._batches: dict[str, _Batch] = {}
        self._seen: deque[str] = deque(maxlen=_REMEMBERED)
        self._due: list[str] = []  # responses

    def hear(self, event: ServerEvent) -> list[Question]:
        """The server has said something: what is to be answered now, in order.

        Calls of a response beside the conversation are not among it: there is nowhere to put their output.
        """
        match event:
            case ResponseCreated(response=response):
                self._places[response.id] = self._placing.in_conversation(response)
            case ResponseOutputItemDone(response_id=response_id, item=item):
                if self._places.get(response_id, True) and _is_complete(item):
                    return list(self._ask(response_id, [item]))
            case ResponseDone(response=response):
                return self._done(response)
            case Disconnected() | Reconnected(planned=True):
                self._seen.clear()  # a new server may count from one again
            case ConversationItemAdded(item=item) | ConversationItemCreated(item=item):
                self._close(_answered_by(item), "nobody's", "the application's")  # so it has arrived
        return []

    def note_sent(self, event: ClientEvent) -> None:
        """We, or the application by itself, have sent something: what it answers, nobody else is to answer."""
        if isinstance(event, ConversationItemCreate):
            question_id = _answered_by(event.item)
            if (batch := self._batch_of(question_id)) is not None and batch.open[question_id] == "nobody's":
                batch.open[question_id] = "the application's"

    def is_open(self, question_id: str) -> bool:
        """Whether nobody has answered a question yet."""
        batch = self._batch_of(question_id)
        return batch is not None and batch.open[question_id] == "nobody's"

    def answer(self, question_id: str) -> bool:
        """Answer a question. False if somebody has already: then the caller's answer is none."""
        if (batch := self._batch_of(question_id)) is None or not self.is_open(question_id):
            return False
        batch.open[question_id] = "ours"
        return True

    def sent(self, question_id: str) -> None:
        """Our answer has been sent."""
        if (batch := self._batch_of(question_id)) is not None:
            batch.ours = True
            self._close(question_id, "ours")

    def take_due(self) -> list[str]:
        """The responses from which the model is to be asked now to go on, together. Each is given once.

        After what the application alone has answered, it asks by itself.
        """
        due, self._due = self._due, []
        return due

    def forgo(self, response_id: str | None = None) -> list[str]:
        """The model is not to go on from this response; None: from none that is under way, or waits for answers.

        They are answered all the same. Gives the responses from which it would have gone on, or may have.
        """
        ids = {*self._batches, *(each for each, placed in self._places.items() if placed)}
        forgone = [each for each in ids if response_id in (None, each)]
        for each in forgone:
            self._batches.setdefault(each, _Batch()).wanted = False
        return forgone

    def _done(self, response: Response) -> list[Question]:
        placed = self._places.pop(response.id, None)
        if placed is None:
            placed = self._placing.in_conversation(response)
        cut = response.status in ("cancelled", "failed")
        if not placed or cut:
            self._seen.extend(filter(None, map(_question_id, response.output)))  # the items may be told later
        whole = response.status != "incomplete"
        questions = list(self._ask(response.id, [item for item in response.output if _is_complete(item, unsaid=whole)]))
        if (batch := self._batches.get(response.id)) is not None:
            batch.over, batch.wanted = True, batch.wanted and not cut
            self._settle()
        return questions

    def _ask(self, response_id: str, items: list[Item]) -> Iterator[Question]:
        for item in items:
            question_id = _question_id(item)
            if question_id and question_id not in self._seen:
                self._seen.append(question_id)
                self._batches.setdefault(response_id, _Batch()).open[question_id] = "nobody's"
                if isinstance(item, FunctionCall):
                    yield ToolCall(question_id, item.id or "", response_id, item.name, item.arguments)
                elif isinstance(item, McpApprovalRequest):
                    yield item

    def _close(self, question_id: str, *answers: str) -> None:
        batch = self._batch_of(question_id)
        if batch is not None and batch.open[question_id] in answers:
            del batch.open[question_id]
            self._settle()

    def _batch_of(self, question_id: str) -> _Batch | None:
        return next((batch for batch in self._batches.values() if question_id in batch.open), None)

    def _settle(self) -> None:
        for response_id, batch in list(self._batches.items()):
            if batch.over and not batch.open:
                del self._batches[response_id]
                self._due += [response_id] if batch.wanted and batch.ours else []


def _question_id(item: Item) -> str:
    match item:
        case FunctionCall(call_id=call_id):
            return call_id or ""
        case McpApprovalRequest(id=request_id):
            return request_id
    return ""


def _answered_by(item: Item) -> str:
    """The id of the question that an item answers, if it does."""
    match item:
        case FunctionCallOutput(call_id=question_id) | McpApprovalResponse(approval_request_id=question_id):
            return question_id
    return ""


def _is_complete(item: Item, *, unsaid: bool = False) -> bool:
    """Whether the model wrote it to its end; an item that does not say is as its response."""
    if isinstance(item, FunctionCall):
        return item.status == "completed" or (unsaid and not item.status)
    return isinstance(item, McpApprovalRequest)
