"""The ids of one connection: deterministic, so that two runs of a test see the same wire. Pure.

No two connections of a server give the same ids, as on the service: a client that comes back brings its items along.
"""

from __future__ import annotations

from collections import Counter


class Numbering:
    """Gives ``item_0001``, ``item_0002``, ...: a count for every prefix.

    Args:
        connection: the how-manieth of its server; from the second on the ids say so: ``item_2_0001``.
    """

    def __init__(self, connection: int = 1) -> None:
        self._mark = "" if connection == 1 else f"{connection}_"
        self._given: Counter[str] = Counter()

    def next(self, prefix: str) -> str:
        """The next id with this prefix."""
        self._given[prefix] += 1
        return f"{prefix}_{self._mark}{self._given[prefix]:04d}"
