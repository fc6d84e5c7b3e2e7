"""The user's turns whose words nobody has written down yet: their sound, so that they can be said again. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from .sound import KEPT_MS, Piece


class Unwritten:
    """The sound of turns, by item. The oldest go when it is more than ``KEPT_MS``."""

    def __init__(self) -> None:
        self._turns: dict[str, Sequence[Piece]] = {}
        self._awaited: set[str] = set()

    @property
    def awaits(self) -> bool:
        """Whether a transcript is still to come."""
        return bool(self._awaited)

    def keep(self, item_id: str, pieces: Sequence[Piece], *, awaited: bool) -> None:
        """A turn has been made of this sound. Where there is none, there is nothing to be kept."""
        if not pieces:
            return
        self._turns[item_id] = pieces
        if awaited:
            self._awaited.add(item_id)
        while len(self._turns) > 1 and sum(map(_length, self._turns.values())) > KEPT_MS:
            self.forget(next(iter(self._turns)))

    def forget(self, item_id: str) -> None:
        """It has been written down, or deleted."""
        self._turns.pop(item_id, None)
        self._awaited.discard(item_id)

    def give_up(self, item_id: str) -> None:
        """It could not be written down: the sound is all there is."""
        self._awaited.discard(item_id)

    def cut(self) -> None:
        """The server is gone, and with it every transcript that was to come."""
        self._awaited.clear()

    def sound(self, item_id: str) -> list[str]:
        """The base64 pieces of the turn; empty when they are gone."""
        return [piece.audio for piece in self._turns.get(item_id, ())]


def _length(pieces: Sequence[Piece]) -> float:
    return sum(piece.ends - piece.begins for piece in pieces)
