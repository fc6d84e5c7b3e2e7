"""An answer that was asked for and is still to come."""

from __future__ import annotations

from typing import Protocol

import attrs

from ..reply import Reply
from ..sequencer import Request
from .chronicle import Mark


class Waiting(Protocol):
    """Waits for the reply to a request; see ``RealtimeClient``."""

    def __call__(self, pending: PendingReply, timeout: float | None) -> Reply:
        """The reply."""


class Asked(Protocol):
    """Whoever asked for it, on its connection."""

    def goes_on(self, reply: Reply) -> bool:
        """Whether another reply follows by itself."""

    def drop(self, pending: PendingReply) -> None:
        """It is not wanted any more."""


@attrs.frozen(eq=False)
class PendingReply:
    """What ``say`` and ``ask`` give. Any thread may wait for it, or nobody.

    Attributes:
        request: the response that was asked for.
        event_ids: of all that was sent for it: an error about one of them ends the wait.
        mark: where its wait begins to look, and in which connection.
        alone: whether it is beside the conversation, and so ends with its own response, whatever that calls.
    """

    request: Request
    event_ids: frozenset[str] = attrs.field(repr=False)
    mark: Mark = attrs.field(repr=False)
    alone: bool
    _wait: Waiting = attrs.field(repr=False)
    _asked: Asked = attrs.field(repr=False)

    @property
    def last_request(self) -> Request:
        """That whose reply is, or will be, the one that is waited for: goes on from what the others have called."""
        request = self.request
        while (follow_up := request.follow_up) is not None and not self._ends_with(request.reply):
            request = follow_up
        return request

    @property
    def reply(self) -> Reply | None:
        """As ``wait``, if it has come."""
        reply = self.last_request.reply
        return reply if self._ends_with(reply) else None

    def wait(self, timeout: float | None = None) -> Reply:
        """The whole reply. If functions are called for it, that which follows their outputs.

        Args:
            timeout: seconds; None waits for ever.

        Raises:
            TimeoutError: it did not come in time.
            RequestRefused: the server refused it, or something that was sent for it.
            RequestCancelled: it was cancelled before it had begun, or could not be sent.
            ConnectionClosed: the session has ended, and it will not come.
        """
        return self._wait(self, timeout)

    def text(self, timeout: float | None = None) -> str:
        """Its words alone, spoken or written; as ``wait``."""
        return self.wait(timeout).words

    def cancel(self) -> None:
        """It is not wanted any more.

        A reply that has begun ends where it is, and who waits gets that, with the status ``cancelled``. If it has not
        begun, also while functions run that are called for it, nothing more comes, and waits raise
        ``RequestCancelled``. Its message is not sent either, if that still waits its turn.
        """
        self._asked.drop(self)

    def _ends_with(self, reply: Reply | None) -> bool:
        return reply is not None and (self.alone or not self._asked.goes_on(reply))
