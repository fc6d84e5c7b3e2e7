"""What is said on one call, for many readers who come and go. Knows no session and no browser."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator

import attrs

from .._bell import Bell
from .line import Line


@attrs.frozen
class News:
    """What has changed since a reader last looked.

    Attributes:
        lines: those that are new or have grown, as they are now, in the order of the conversation.
        number: to go on reading after.
        ended: why there will be no more; None while there may be.
    """

    lines: tuple[Line, ...]
    number: int
    ended: str | None


@attrs.frozen
class _Kept:
    line: Line
    number: int
    place: int


class Feed:
    """The lines of a call. Any thread puts, any number of threads read, each at its own pace.

    A reader is woken by what is new, and finds each line as it is by then: a slow one misses words in the making and
    nothing else. It takes no room here, so that one that leaves has nothing to give back.
    """

    def __init__(self) -> None:
        self._changing = threading.Lock()
        self._news = Bell()
        self._kept: dict[str, _Kept] = {}  # the latest change last
        self._places = itertools.count()
        self._number = 0
        self._ended: str | None = None

    def put(self, line: Line) -> None:
        """Tell readers of a line, or that it has grown. After the end it does nothing."""
        with self._changing:
            if self._ended is not None:
                return
            before = self._kept.pop(line.item_id, None)
            self._number += 1
            place = next(self._places) if before is None else before.place
            self._kept[line.item_id] = _Kept(line, self._number, place)
        self._news.ring()

    def end(self, why: str) -> None:
        """There is no more: every reader is told, when it has all lines. The first reason stays."""
        with self._changing:
            if self._ended is None:
                self._number += 1
                self._ended = why
        self._news.ring()

    def read(self, after: int = 0, *, keepalive: float = 15.0, stays: bool = True) -> Iterator[News]:
        """What there is, at once; then, until the end, what comes.

        Args:
            after: the ``number`` that an earlier reading came to; 0 for all from the beginning.
            keepalive: seconds of silence after which news without lines are given, so that a reader whose own peer
                has left can find out.
            stays: whether to wait for more; otherwise the first news are the last.
        """
        news = self._since(after)
        yield news
        while stays and news.ended is None:
            news = self._await(news.number, keepalive)
            yield news

    def _await(self, number: int, timeout: float) -> News:
        self._news.wait_for(lambda: self._number > number, timeout)
        return self._since(number)

    def _since(self, after: int) -> News:
        with self._changing:
            if after > self._number:  # it counted in another feed
                after = 0
            fresh = itertools.takewhile(lambda kept: kept.number > after, reversed(self._kept.values()))
            lines = tuple(kept.line for kept in sorted(fresh, key=lambda kept: kept.place))
            return News(lines, self._number, self._ended)
