"""What handlers are told of: the values that they get, beside the protocol's own events."""

from __future__ import annotations

import datetime
from typing import Final, Literal

import attrs

from ..errors import ConnectionClosed
from ..events import CLIENT_EVENTS, SERVER_EVENTS, Event
from ..schema.problems import alike

NAMES: Final = (
    "conversation.updated",
    "conversation.item.appended",
    "conversation.item.completed",
    "conversation.interrupted",
    "reply",
    "realtime.event",
    "error",
    "close",
)
"""What a client tells of, beside ``server.NAME``, ``server.*``, ``client.NAME`` and ``client.*``."""


def doubt(name: str) -> str | None:
    """What speaks against a name that somebody wants to hear of; None if it may happen."""
    if name in NAMES or name.startswith(("server.", "client.")):
        return None
    of_the_server = name in SERVER_EVENTS or name.startswith("reelthyme.")
    side = "server" if of_the_server else "client" if name in CLIENT_EVENTS else None
    meant = {} if side is None else {name: f"{side}.{name}"}
    return f"nothing of the name {name} happens by itself{alike(name, NAMES, old=meant)}"


def time_now() -> str:
    """UTC, as ISO 8601 with milliseconds."""
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


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
        return cls(time_now(), source, event)


@attrs.frozen
class Closed:
    """The connection has ended: what ``close`` tells.

    Attributes:
        error: whether nobody had asked for it.
        cause: how it ended, with the close code.
    """

    error: bool
    cause: ConnectionClosed
