"""What handlers are told of: the values that they get, beside the protocol's own events."""

from __future__ import annotations

import datetime
from typing import Literal

import attrs

from ..errors import ConnectionClosed
from ..events import Event


@attrs.frozen
class RealtimeEvent:
    """One event on the wire, for a log: what ``realtime.event`` tells.

    Attributes:
        time: when it was seen, UTC, as ISO 8601 with milliseconds.
        source: who sent it.
        event: as it is.
    """

    time: str
    source: Literal["client", "server"]
    event: Event

    @classmethod
    def now(cls, source: Literal["client", "server"], event: Event) -> RealtimeEvent:
        """One that is seen just now."""
        time = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")
        return cls(time.replace("+00:00", "Z"), source, event)


@attrs.frozen
class Closed:
    """The connection has ended: what ``close`` tells.

    Attributes:
        error: whether nobody had asked for it.
        cause: how it ended, with the close code.
    """

    error: bool
    cause: ConnectionClosed
