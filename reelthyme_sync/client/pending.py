"""An answer that was asked for and is still to come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import attrs

from ..reply import Reply
from ..sequencer import Request


class Waiting(Protocol):
    """Waits for the reply to a request; see ``RealtimeClient``."""

    def __call__(self, pending: PendingReply, timeout: float | None) -> Reply:
        """The reply."""


@attrs.frozen(eq=False)
class PendingReply:
    """What ``say`` and ``ask`` give. Any thread may wait for it, or nobody.

    Attributes:
        request: the response that was asked for.
        event_ids: of all that was sent for it: an error about one of them ends the wait.
        position: how much had happened before.
        alone: whether it is beside the conversation, and so ends with its own response, whatever that calls.
    """

    request: Request
    event_ids: frozenset[str] = attrs.field(repr=False)
    position: int = attrs.field(repr=False)
    alone: bool
    _wait: Waiting = attrs.field(repr=False)
    _cancel: Callable[[PendingReply], None] = attrs.field(repr=False)

    def wait(self, timeout: float | None = None) -> Reply:
        """The whole reply. If functions are called for it, that which follows their outputs.

        Args:
            timeout: seconds; None waits for ever.

        Raises:
            TimeoutError: it did not come in time.
            RequestRefused: the server refused it, or something that was sent for it.
            ConnectionClosed: the session has ended, and it will not come.
        """
        return self._wait(self, timeout)

    def text(self, timeout: float | None = None) -> str:
        """Its words alone, spoken or written; as ``wait``."""
        return self.wait(timeout).words

    def cancel(self) -> None:
        """It is not wanted any more. What waits for it gets what has come."""
        self._cancel(self)
