"""What can happen to the bytes of one direction. Each fault treats one unit after another; none knows a socket.

A fault is handed to ``FaultProxy.set``. It gives the pieces that pass instead of the unit, and may wait between them,
or sever the whole passage.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from .frames import HEAD, Unit

CLOSE = 8
TEXT, BINARY = 1, 2


class Passage(Protocol):
    """What a fault may do to the connection that it treats."""

    def wait(self, fault: Fault, seconds: float | None) -> None:
        """Wait; until the fault is lifted, at most. Ends with an exception when the passage does."""

    def sever(self, *, reset: bool) -> None:
        """Cut both directions: with RST or with FIN. Raises."""


class Fault:
    """None: everything passes as it is.

    Attributes:
        holds: whether nothing passes at all before the fault is lifted.
        holds_end: whether at least the end does not.
    """

    holds = False
    holds_end = False

    def treat(self, unit: Unit, passage: Passage) -> Iterator[bytes]:
        """What passes instead of ``unit``."""
        yield unit.data


class Delay(Fault):
    """Every unit comes later."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def treat(self, unit: Unit, passage: Passage) -> Iterator[bytes]:
        passage.wait(self, self._seconds)
        yield unit.data


class Drop(Fault):
    """Everything vanishes but the end."""

    def treat(self, unit: Unit, passage: Passage) -> Iterator[bytes]:
        yield from ()


class Hold(Fault):
    """Nothing is read, nothing passes, not even the end; until the fault is lifted. What waits passes then."""

    holds = holds_end = True


class Cut(Fault):
    """The passage is severed after so many more bytes of this direction; by default in the middle of the next unit."""

    def __init__(self, after: int | None = None, *, reset: bool = False) -> None:
        self._left = after
        self._reset = reset

    def treat(self, unit: Unit, passage: Passage) -> Iterator[bytes]:
        left = len(unit.data) // 2 if self._left is None else self._left
        self._left = left - len(unit.data)
        yield unit.data[:left]
        if self._left <= 0:
            self._left = 0
            passage.sever(reset=self._reset)


class Throttle(Fault):
    """No more than so many bytes in a second."""

    STEPS = 20
    """Pieces per second."""

    def __init__(self, bytes_per_second: int) -> None:
        self._step = max(1, bytes_per_second // self.STEPS)

    def treat(self, unit: Unit, passage: Passage) -> Iterator[bytes]:
        for start in range(0, len(unit.data), self._step):
            piece = unit.data[start : start + self._step]
            yield piece
            passage.wait(self, len(piece) / self._step / self.STEPS)


class Garbage(Fault):
    """As many bytes, but random ones."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)

    def treat(self, unit: Unit, passage: Passage) -> Iterator[bytes]:
        yield self._random.randbytes(len(unit.data))


class MuteClose(Fault):
    """The close frame never comes, and the end neither."""

    holds_end = True

    def treat(self, unit: Unit, passage: Passage) -> Iterator[bytes]:
        if unit.opcode != CLOSE:
            yield unit.data


class Dribble(Fault):
    """Every byte comes by itself."""

    def treat(self, unit: Unit, passage: Passage) -> Iterator[bytes]:
        for start in range(len(unit.data)):
            yield unit.data[start : start + 1]


class Insert(Fault):
    """Something comes at the border before the next frame, or after the HTTP head.

    Args:
        pieces: makes what comes; it may be endless.
        always: before every frame, not only before the first.
    """

    def __init__(self, pieces: Callable[[], Iterable[bytes]], *, always: bool = False) -> None:
        self._pieces = pieces
        self._always = always
        self._done = False

    def treat(self, unit: Unit, passage: Passage) -> Iterator[bytes]:
        due, self._done = self._always or not self._done, True
        if unit.opcode == HEAD:
            yield unit.data
        if due:
            yield from self._pieces()
        if unit.opcode != HEAD:
            yield unit.data


class AsBinary(Fault):
    """Text frames come as binary ones."""

    def treat(self, unit: Unit, passage: Passage) -> Iterator[bytes]:
        if unit.opcode == TEXT:
            yield bytes([unit.data[0] & 0xF0 | BINARY])
            yield unit.data[1:]
        else:
            yield unit.data
