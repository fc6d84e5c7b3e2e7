"""The ids of one connection: deterministic, so that two runs of a test see the same wire. Pure."""

from __future__ import annotations

from collections import Counter


class Numbering:
    """Gives ``item_0001``, ``item_0002``, ...: a count for every prefix."""

    def __init__(self) -> None:
        self._given: Counter[str] = Counter()

    def next(self, prefix: str) -> str:
        """The next id with this prefix."""
        self._given[prefix] += 1
        return f"{prefix}_{self._given[prefix]:04d}"
