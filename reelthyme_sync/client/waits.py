"""Waiting for what the server does because of what we asked, until it refuses, the time is up or the session ends."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Any

from ..errors import RequestRefused
from ..events import Error
from ..reply import Reply
from ..sequencer import Request
from .chronicle import Chronicle, Happening, Owner
from .pending import PendingReply

CANCELLED = "It was cancelled before it had begun"


class Waits:
    """The waits of one client.

    Args:
        chronicle: what has happened.
        owner: whose happenings the client's own are.
        errors: whose happenings the server's errors are.
        has_tool: whether a function of this name is run by us, so that a reply which calls it is not the last.
        is_follow_up: whether we asked, with this event, for what comes after the outputs of functions.
        follow_up: our request for what comes after those that a reply calls; None while they are not all answered.
    """

    def __init__(
        self,
        chronicle: Chronicle,
        owner: Owner,
        errors: Owner,
        *,
        has_tool: Callable[[str], bool],
        is_follow_up: Callable[[str | None], bool],
        follow_up: Callable[[Reply], Request | None],
    ) -> None:
        self._chronicle = chronicle
        self._owner = owner
        self._errors = errors
        self._has_tool = has_tool
        self._is_follow_up = is_follow_up
        self._follow_up = follow_up

    def for_next(self, name: str, timeout: float | None) -> Any:
        """The next of the client's own, since what this thread did last; see ``RealtimeClient``."""
        ids = self._chronicle.event_ids
        return self._chronicle.wait(self._owner, name, timeout, refused=lambda since: self._refusal(since, ids)).payload

    def for_final_reply(self, timeout: float | None) -> Reply:
        """The next reply in the conversation that calls no function of ours, since what this thread did last."""
        ids = self._chronicle.event_ids
        found = self._chronicle.wait(
            self._owner,
            "reply",
            timeout,
            matches=self._is_final,
            refused=lambda since: self._refusal(since, ids, follow_ups=True),
        )
        return _reply(found)

    def for_reply(self, pending: PendingReply, timeout: float | None) -> Reply:
        """The reply that is pending; in the conversation, the one after the functions that it calls."""
        deadline = None if timeout is None else monotonic() + timeout
        found = self._answer_to(lambda: pending.request, pending.event_ids, pending.position, deadline)
        while not (pending.alone or self._is_final(_reply(found))):
            request = partial(self._follow_up, _reply(found))
            found = self._answer_to(request, frozenset(), found.position, deadline)
        self._chronicle.found(found.position)
        return _reply(found)

    def _answer_to(
        self, request: Callable[[], Request | None], ids: frozenset[str], after: int, deadline: float | None
    ) -> Happening:
        """The reply to a request, which may be still to be made."""

        def matches(reply: Reply) -> bool:
            asked = request()
            return asked is not None and asked.done and reply.response_id == asked.response_id

        def refused(since: int) -> Exception | None:
            asked = request()
            if asked is not None and asked.done and asked.response_id is None:
                return _refused(asked.error) if asked.error else RequestRefused(CANCELLED, None)
            return self._refusal(since, ids)

        left = None if deadline is None else max(0.0, deadline - monotonic())
        return self._chronicle.wait(self._owner, "reply", left, matches=matches, refused=refused, after=after)

    def _is_final(self, reply: Reply) -> bool:
        """Whether nothing follows by itself: a call that we run is answered, and the answer asks for another reply."""
        if not reply.in_conversation:
            return False
        runs = [self._has_tool(call.name) for call in reply.calls]
        return reply.status != "completed" or not runs or not all(runs)

    def _refusal(self, since: int, ids: frozenset[str], *, follow_ups: bool = False) -> Exception | None:
        for error in self._chronicle.since(self._errors, "server.error", since):
            wanted = error.error.event_id
            if wanted in ids or (follow_ups and self._is_follow_up(wanted)):
                return _refused(error)
        return None


def _reply(happening: Happening) -> Reply:
    assert isinstance(happening.payload, Reply)
    return happening.payload


def _refused(error: Error) -> RequestRefused:
    return RequestRefused(f"The server refused: {error.error.message}", error.error)
