"""One response, from ``response.created`` to ``response.done``. Pure: whoever asks for its slices gives it its pace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Literal, TypeAlias

from ..events import (
    ConversationItemAdded,
    ConversationItemDone,
    RateLimit,
    RateLimitsUpdated,
    Response,
    ResponseCreated,
    ResponseDone,
    ResponseOutputItemAdded,
    ResponseOutputItemDone,
    ResponseStatusDetails,
    ServerEvent,
    evolve,
)
from .conversation import Conversation
from .outputs import Output, Slice
from .plan import Plan
from .usage import output_tokens, response_usage

Ending: TypeAlias = Literal["completed", "cancelled", "incomplete"]
Reason: TypeAlias = Literal["turn_detected", "client_cancelled", "max_output_tokens"]

_TOKENS_A_MINUTE: Final = 40_000


class Production:
    """A response in the making.

    Attributes:
        plan: what it shall be.
        begun: whether its answer has been decided.
        over: whether it is done, whole or cut short.
    """

    def __init__(self, plan: Plan, response: Response, conversation: Conversation) -> None:
        self.plan = plan
        self.begun = False
        self.over = False
        self._response = response
        self._conversation = conversation
        self._outputs: list[Output] = []  # the last one is being made
        self._follows: str | None = None

    @property
    def id(self) -> str:
        """The id of the response."""
        return self._response.id

    @property
    def waits(self) -> bool:
        """Whether the ears still have to hear something that it answers to."""
        return any(entry.unheard for entry in self.plan.context)

    def created(self) -> list[ServerEvent]:
        """Its first event."""
        return [ResponseCreated(response=self._response)]

    def perform(self, outputs: Iterable[Output]) -> Iterator[Slice]:
        """The whole of it. Ends early when the response is ended between two slices."""
        for output in outputs:
            if self.over:
                return
            yield Slice([*self._close_output("completed"), *self._begin(output)])
            yield from self._make(output)
        if not self.over:
            yield Slice(self.end("completed"))

    def end(self, status: Ending, reason: Reason | None = None) -> list[ServerEvent]:
        """Its last events, whatever it has come to."""
        self.over = True
        closing = self._close_output("completed" if status == "completed" else "incomplete")
        made = [output.entry for output in self._outputs]
        usage = response_usage(self.plan.context, self.plan.instructions, made)
        self._response = evolve(
            self._response,
            status=status,
            status_details=ResponseStatusDetails(type=status, reason=reason),
            output=[entry.item for entry in made],
            usage=usage,
        )
        return [*closing, ResponseDone(response=self._response), _rate_limits(usage.total_tokens or 0)]

    def _begin(self, output: Output) -> list[ServerEvent]:
        self._outputs.append(output)
        item = output.entry.item
        added = ResponseOutputItemAdded(response_id=self.id, output_index=self._index, item=item)
        events: list[ServerEvent] = [added]
        if not self.plan.beside:
            self._follows = self._conversation.add(output.entry)
            events.append(ConversationItemAdded(item=item, previous_item_id=self._follows))
        return events + output.opening()

    def _close_output(self, status: Literal["completed", "incomplete"]) -> list[ServerEvent]:
        if not self._outputs:
            return []
        events = self._outputs[-1].closing(status)
        item = self._outputs[-1].entry.item
        if not self.plan.beside:
            events.append(ConversationItemDone(item=item, previous_item_id=self._follows))
        return [*events, ResponseOutputItemDone(response_id=self.id, output_index=self._index, item=item)]

    def _make(self, output: Output) -> Iterator[Slice]:
        pieces = output.slices()
        while not self.over:  # a piece counts as said when it is made, so ask before making one
            if self._is_over_its_limit():
                yield Slice(self.end("incomplete", "max_output_tokens"))
            elif (piece := next(pieces, None)) is not None:
                yield piece
            else:
                return

    @property
    def _index(self) -> int:
        return len(self._outputs) - 1

    def _is_over_its_limit(self) -> bool:
        if self.plan.max_output_tokens == "inf":
            return False
        used = output_tokens(output.entry for output in self._outputs)
        return (used.text_tokens or 0) + (used.audio_tokens or 0) > self.plan.max_output_tokens


def _rate_limits(used: int) -> RateLimitsUpdated:
    remaining = max(0, _TOKENS_A_MINUTE - used)
    seconds = 60 * (_TOKENS_A_MINUTE - remaining) / _TOKENS_A_MINUTE
    limit = RateLimit(name="tokens", limit=_TOKENS_A_MINUTE, remaining=remaining, reset_seconds=seconds)
    return RateLimitsUpdated(rate_limits=[limit])
