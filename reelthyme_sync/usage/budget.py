"""A limit to what a session may cost, or how long it may last: when it is nearly reached, and when it is. Pure.

Decides and tells; ends nothing, and knows no clock.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal

from ..events import BudgetSpent, BudgetWarning
from .prices import PriceTable, Usd, exact
from .published import PUBLISHED

WARN_AT: Final = Decimal("0.8")
"""The share of a limit at which it is warned of."""


class Budget:
    """A limit in dollars, in seconds, or both: whichever is reached first.

    Args:
        usd: US dollars.
        seconds: how long the session may last.

    Raises:
        ValueError: a limit that is not above zero, or none at all.
    """

    def __init__(self, usd: Usd | None = None, seconds: float | None = None) -> None:
        self._limits: dict[Literal["usd", "seconds"], Decimal] = {}
        for kind, given in (("usd", usd), ("seconds", seconds)):
            if (limit := exact(given)) is None:
                continue
            if not limit:
                raise ValueError(f"A budget needs {kind} above zero, not {given}")
            self._limits["usd" if kind == "usd" else "seconds"] = limit
        if not self._limits:
            raise ValueError("A budget needs a limit: usd, seconds, or both")
        self._told: dict[str, type[BudgetWarning | BudgetSpent]] = {}

    def __repr__(self) -> str:
        return f"Budget({', '.join(f'{kind}={limit}' for kind, limit in self._limits.items())})"

    def check(self, model: str | None, prices: PriceTable = PUBLISHED) -> None:
        """Nothing, if a session with this model can be kept within the limit.

        Raises:
            ValueError: the limit is in dollars, and the model has no known price: such a limit would never be reached.
        """
        if "usd" in self._limits and prices.find(model) is None:
            raise ValueError(
                f"A budget in usd needs the price of {model!r}, which is not known: "
                f"give it with PUBLISHED.with_prices({{{model!r}: {{...}}}}), or limit the seconds"
            )

    def spend(self, usd_total: Usd | None, elapsed_s: float) -> list[BudgetWarning | BudgetSpent]:
        """What has to be told, now that the session has cost that much and lasted that long.

        A warning at 80 % of a limit, and its end; each once, and no warning with or after the end.

        Args:
            usd_total: US dollars so far; None if that is not known, and then nothing is told of it.
            elapsed_s: seconds so far.
        """
        told: list[BudgetWarning | BudgetSpent] = []
        for kind, limit in self._limits.items():
            used = exact(usd_total if kind == "usd" else elapsed_s)
            if used is None or (found := _standing(used, limit)) is None:
                continue
            if self._told.get(kind) in (found, BudgetSpent):
                continue
            self._told[kind] = found
            told.append(found(kind=kind, used=float(used), limit=float(limit)))
        return told


def _standing(used: Decimal, limit: Decimal) -> type[BudgetWarning | BudgetSpent] | None:
    if used >= limit:
        return BudgetSpent
    return BudgetWarning if used >= limit * WARN_AT else None
