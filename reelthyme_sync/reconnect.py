"""The policy for a session that outlives its sockets: when to try again, how often, how long to wait. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from random import random
from typing import Any, Final

import attrs

LEAD: Final = 120.0
"""Seconds before a socket's end of life from which on a moment between turns is looked for."""

_BELIEVED: Final = 60.0
"""Seconds: a new socket whose end is announced sooner is more likely a clock that goes wrong, theirs or ours, and would
have us move for ever."""


def _above_zero(_: object, field: attrs.Attribute[Any], value: float) -> None:
    if value <= 0:
        raise ValueError(f"{field.name} must be above zero, not {value}")


@attrs.frozen(kw_only=True)
class Reconnect:
    """Keep one session alive over many sockets: ``connect(reconnect=Reconnect())``.

    A socket that breaks is replaced, and the new server is told all that the old one knew. A socket that grows old is
    replaced between two turns, before the service ends it. What cannot get better by itself, such as a key that is
    refused, ends the session at once.

    Attributes:
        max_attempts: how often in a row a new socket is tried before the session counts as lost.
        initial_delay: seconds before the first attempt; every further one waits twice as long, and all of them up to
            half of that less, by chance, so that not all clients of a server come back at once.
        max_delay: the longest of these waits, whatever the server asks for.
        max_age: seconds after which a socket is replaced; the end that the server itself announces counts if it is
            sooner, and not within a minute. The service's own limit is an hour.
    """

    max_attempts: int = attrs.field(default=10, validator=_above_zero)
    initial_delay: float = attrs.field(default=0.5, validator=_above_zero)
    max_delay: float = attrs.field(default=20.0, validator=_above_zero)
    max_age: float = attrs.field(default=3600.0, validator=_above_zero)

    def delays(self) -> Iterator[float]:
        """The wait before each attempt, in seconds."""
        for attempt in range(self.max_attempts):
            yield min(self.initial_delay * 2.0**attempt, self.max_delay) * (1 - random() / 2)

    def age(self, expires_in: float | None) -> float:
        """Seconds that a socket lives.

        Args:
            expires_in: seconds from its begin until the end that the server announced; None when it did not.
        """
        if expires_in is None or expires_in < _BELIEVED:
            return self.max_age
        return min(self.max_age, expires_in)

    def time_to_move(self, expires_in: float | None) -> float:
        """Seconds from a socket's begin after which the next quiet moment is for replacing it."""
        age = self.age(expires_in)
        return max(age - LEAD, age / 2)  # of a short life, half
