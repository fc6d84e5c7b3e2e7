"""Which of our requests goes on from which replies, that called functions. Pure; its owner guards it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from ..events import FunctionCall, McpApprovalRequest
from ..reply import Reply
from ..sequencer import Request

_REMEMBERED: Final = 512


class FollowUps:
    """The requests of one connection for what comes after the outputs of functions.

    They are kept by the requests whose replies called: each has its ``follow_up``.
    """

    def __init__(self) -> None:
        self._callers: dict[str, Request] = {}  # by response
        self._forgone: deque[str] = deque(maxlen=_REMEMBERED)  # responses, perhaps under way
        self._event_ids: deque[str] = deque(maxlen=_REMEMBERED)

    def note_reply(self, request: Request, reply: Reply) -> None:
        """The reply to that request has come: perhaps another follows."""
        if not any(isinstance(item, FunctionCall | McpApprovalRequest) for item in reply.items):
            return
        self._callers[reply.response_id] = request
        if len(self._callers) > _REMEMBERED:
            del self._callers[next(iter(self._callers))]
        if reply.response_id in self._forgone:
            self.forgo([reply.response_id])

    def note_asked(self, follow_up: Request, response_ids: Iterable[str]) -> None:
        """All that these responses called has been answered, and this asks for what follows."""
        self._event_ids.append(follow_up.event_id)
        for request in self._called_by(response_ids):
            request.follow_up = follow_up

    def forgo(self, response_ids: Iterable[str]) -> None:
        """Nothing will be asked for after these responses."""
        ids = list(response_ids)
        self._forgone.extend(ids)
        for request in self._called_by(ids):
            request.follow_up = Request("", done=True)

    def is_one(self, event_id: str | None) -> bool:
        """Whether this event asked for such a response."""
        return event_id in self._event_ids

    def _called_by(self, response_ids: Iterable[str]) -> list[Request]:
        return [self._callers.pop(each) for each in response_ids if each in self._callers]
