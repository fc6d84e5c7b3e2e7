"""One part after another, although they may come at the same time: two responses are not to be heard at once. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from ..playback import AudioPart

Step: TypeAlias = tuple[AudioPart, bytes | None]
"""Some sound of a part; or None: no more of it will come."""


class InOrder:
    """Lets one part through, and keeps what comes of others until it is complete. Its owner guards it."""

    def __init__(self) -> None:
        self._current: AudioPart | None = None
        self._waiting: dict[AudioPart, list[bytes | None]] = {}

    def push(self, part: AudioPart, pcm: bytes | None) -> Iterator[Step]:
        """Add a step; gives every step whose turn it now is."""
        if self._current is None:
            self._current = part
        if part != self._current:
            self._waiting.setdefault(part, []).append(pcm)
            return
        yield part, pcm
        if pcm is None:
            self._current = None
            yield from self._next()

    def rest(self) -> Iterator[Step]:
        """Everything that waits, although its turn has not come: no more will."""
        self._current = None
        while self._waiting:
            yield from self._next()
            self._current = None

    def drop(self) -> list[AudioPart]:
        """Forget everything. Gives the parts of which nothing was let through."""
        unheard = list(self._waiting)
        self._current = None
        self._waiting.clear()
        return unheard

    def _next(self) -> Iterator[Step]:
        """What waits of the parts that come next, up to one that is not complete."""
        while self._waiting and self._current is None:
            part = next(iter(self._waiting))
            steps = self._waiting.pop(part)
            self._current = None if None in steps else part
            for pcm in steps:
                yield part, pcm
