"""What grows piece by piece, text or sound, as values: to add a piece costs the same however much is there. Pure.

A rope is a list that only ever grows, and how much of it counts. The longer ropes made of it share the list, so that
neither adding nor keeping an older one copies anything; the pieces are joined when somebody asks.
"""

from __future__ import annotations

from typing import Generic, TypeVar

S = TypeVar("S", str, bytes)


class Rope(Generic[S]):
    """Text or bytes that never change.

    Any thread may read it, also while another adds to it; one thread at a time adds.

    Args:
        whole: what it says.
    """

    __slots__ = ("_grown",)

    def __init__(self, whole: S) -> None:
        self._grown: tuple[list[S], int] = ([whole], 1)

    def plus(self, piece: S) -> Rope[S]:
        """A longer one; this one stays as it is."""
        pieces, count = self._grown
        if len(pieces) != count:  # another has grown from it
            pieces = pieces[:count]
        pieces.append(piece)
        longer: Rope[S] = object.__new__(Rope)
        longer._grown = (pieces, count + 1)
        return longer

    def joined(self) -> S:
        """All of it. The pieces are let go: what is asked for at every piece is copied, but not walked, again."""
        pieces, count = self._grown
        if count == 1:
            return pieces[0]
        whole = pieces[0][:0].join(pieces[:count])
        self._grown = ([whole], 1)  # in one step, for a thread that reads or adds meanwhile
        return whole

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rope) and (self._grown == other._grown or self.joined() == other.joined())

    __hash__ = None  # type: ignore[assignment]  # it would have to be joined

    def __repr__(self) -> str:
        return f"Rope({self.joined()!r})"
