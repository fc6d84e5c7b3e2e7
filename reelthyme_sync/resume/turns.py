"""Where the present server stands with what the user says: from the first sound to the item and its answer. Pure."""

from __future__ import annotations


class Turns:
    """The turns that are not over.

    Attributes:
        speaking: whether the server hears somebody speak.
        owed: whether it has a turn that it will answer by itself.
    """

    def __init__(self) -> None:
        self.speaking = False
        self.owed = False
        self._ends_ms: dict[str, float] = {}
        self._unseen: dict[str, None] = {}

    @property
    def in_sound(self) -> bool:
        """Whether a turn is about to be made of sound that the server has."""
        return self.speaking or bool(self._ends_ms)

    @property
    def under_way(self) -> bool:
        """Whether something is still to come of a turn."""
        return self.in_sound or self.owed or bool(self._unseen)

    @property
    def unseen(self) -> list[str]:
        """The turns that were committed, and not announced as items yet; in order."""
        return list(self._unseen)

    def begin(self) -> None:
        """The server hears somebody speak. Of a turn that ended before and was not committed, nothing will come."""
        self.speaking = True
        self._ends_ms.clear()

    def end(self, item_id: str, end_ms: float) -> None:
        """The server has heard the end of a turn."""
        self.speaking = False
        self._ends_ms[item_id] = end_ms

    def heard(self, item_id: str) -> bool:
        """Whether the server itself has heard the end of this turn, so that no commit of ours makes it."""
        return item_id in self._ends_ms

    def commit(self, item_id: str) -> float | None:
        """The turn is on its way to be an item. Gives where it ended, in ms, if the server has said so."""
        self.speaking = False
        self._unseen[item_id] = None
        return self._ends_ms.pop(item_id, None)

    def seen(self, item_id: str) -> None:
        """It is an item."""
        self._unseen.pop(item_id, None)

    def clear(self) -> None:
        """The sound is gone, and every turn that was in it."""
        self.speaking = False
        self._ends_ms.clear()

    def restart(self) -> None:
        """A new server knows of none."""
        self.clear()
        self.owed = False
        self._unseen.clear()
