"""What the library itself tells of the limits that were set to a session, in the stream of events."""

from typing import Literal

from .base import ServerEvent, part


@part("reelthyme.budget_warning")
class BudgetWarning(ServerEvent):
    """Four fifths of a limit are used: time to come to an end. Told once for each limit."""

    kind: Literal["usd", "seconds"] = "usd"
    used: float = 0.0  # US dollars, or seconds
    limit: float = 0.0


@part("reelthyme.budget_spent")
class BudgetSpent(ServerEvent):
    """A limit is reached. Told once for each limit."""

    kind: Literal["usd", "seconds"] = "usd"
    used: float = 0.0  # US dollars, or seconds; may be above the limit, since usage is told when it is over
    limit: float = 0.0
