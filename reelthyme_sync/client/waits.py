"""Waiting for what the server does because of what we asked, until it refuses, the time is up or the session ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ..errors import ConnectionClosed, RequestCancelled, RequestRefused
from ..events import Error
from ..reply import Reply
from .chronicle import Chronicle, Mark, Owner
from .pending import PendingReply

_NOTHING_COMES: Final = "Nothing comes of it: it was cancelled before it had begun, or could not be sent"


class Waits:
    """The waits of one client.

    Args:
        chronicle: what has happened.
        owner: whose happenings the client's own are.
        errors: whose happenings the server's errors are.
        goes_on: whether another reply follows a reply by itself.
        is_follow_up: whether we asked, with this event, for what comes after the outputs of functions.
    """

    def __init__(
        self,
        chronicle: Chronicle,
        owner: Owner,
        errors: Owner,
        *,
        goes_on: Callable[[Reply], bool],
        is_follow_up: Callable[[str | None], bool],
    ) -> None:
        self._chronicle = chronicle
        self._owner = owner
        self._errors = errors
        self._goes_on = goes_on
        self._is_follow_up = is_follow_up

    def for_next(self, name: str, timeout: float | None) -> Any:
        """The next of the client's own, since what this thread did last; see ``RealtimeClient``."""
        ids = self._chronicle.event_ids
        return self._chronicle.wait(self._owner, name, timeout, refused=lambda since: self._refusal(since, ids)).payload

    def for_final_reply(self, timeout: float | None) -> Reply:
        """The reply that this thread asked for last; if it has got that, or has asked for none, the next one.

        In the conversation, and one that calls nothing which is answered here.
        """
        if (pending := self._chronicle.asked) is not None:
            return self.for_reply(pending, timeout)
        ids = self._chronicle.event_ids
        found = self._chronicle.wait(
            self._owner,
            "reply",
            timeout,
            matches=lambda reply: reply.in_conversation and not self._goes_on(reply),
            refused=lambda since: self._refusal(since, ids, follow_ups=True),
        )
        assert isinstance(found.payload, Reply)
        return found.payload

    def for_reply(self, pending: PendingReply, timeout: float | None) -> Reply:
        """The reply that is pending; in the conversation, the one after the functions that it calls."""

        def refused(since: Mark) -> Exception | None:
            request = pending.last_request
            if request.done and request.response_id is None:
                return RequestCancelled(_NOTHING_COMES) if request.error is None else _refused(request.error)
            return self._refusal(since, pending.event_ids)

        try:
            found = self._chronicle.wait_until_told(
                self._owner, "reply", timeout, payload=lambda: pending.reply, refused=refused, after=pending.mark
            )
        except (RequestRefused, ConnectionClosed):
            self._settle(pending)
            raise
        self._settle(pending)
        self._chronicle.found(found.mark)
        assert isinstance(found.payload, Reply)
        return found.payload

    def _settle(self, pending: PendingReply) -> None:
        if self._chronicle.asked is pending:
            self._chronicle.answered()

    def _refusal(self, since: Mark, ids: frozenset[str], *, follow_ups: bool = False) -> Exception | None:
        """What the server has refused; who is told of it once, is not told again."""
        for happening in self._chronicle.since(self._errors, "server.error", since):
            wanted = happening.payload.error.event_id
            if wanted in ids or (follow_ups and self._is_follow_up(wanted)):
                self._chronicle.found(happening.mark)
                return _refused(happening.payload)
        return None


def _refused(error: Error) -> RequestRefused:
    return RequestRefused(f"The server refused: {error.error.message}", error.error)
