"""One who listens to a call: is told its events in their order, and at its own speed. Runs on the server's loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

BACKLOG: Final = 10_000
"""Events that a listener may be behind: more than there are in an hour of talk."""

BACKLOG_LENGTH: Final = 32 * 2**20
"""Characters that a listener may be behind, and one event more: one alone can have millions, with an item's sound."""

_FLUSH_WITHIN: Final = 1.0
"""Seconds that one who does not read can hold up the end."""

logger = logging.getLogger(__name__)


class Listener:
    """Carries events to ``send``. Whoever tells it something never waits for it.

    Args:
        send: takes one event as JSON text. When it fails, the listener has gone.
    """

    def __init__(self, send: Callable[[str], Awaitable[None]]) -> None:
        self._send = send
        self._waiting: asyncio.Queue[str | None] = asyncio.Queue()
        self._length = 0  # of what waits; what is being sent does not
        self._fell_behind = False
        self._carrying = asyncio.create_task(self._carry())

    @property
    def gone(self) -> bool:
        """Whether it is told nothing any more."""
        return self._carrying.done() or self._fell_behind

    def tell(self, text: str) -> None:
        """Queue an event. A listener that is ``BACKLOG`` events, or ``BACKLOG_LENGTH``, behind is given up."""
        if self._waiting.qsize() >= BACKLOG or self._length >= BACKLOG_LENGTH:
            count = self._waiting.qsize()
            logger.warning(
                "a listener of a call was %d events behind, %d MiB, and is let go", count, self._length >> 20
            )
            self._fell_behind = True
            self._carrying.cancel()
        else:
            self._length += len(text)
            self._waiting.put_nowait(text)

    def finish(self) -> None:
        """No more will come: it ends when it has been told what waits, and soon."""
        self._waiting.put_nowait(None)
        asyncio.get_running_loop().call_later(_FLUSH_WITHIN, self._carrying.cancel)

    def stop(self) -> None:
        """End it now, whatever waits."""
        self._carrying.cancel()

    async def ended(self) -> bool:
        """Wait for its end; whether it has been told everything."""
        await asyncio.wait([self._carrying])
        return not self._carrying.cancelled() and self._carrying.result()

    async def _carry(self) -> bool:
        while (text := await self._waiting.get()) is not None:
            self._length -= len(text)
            try:
                await self._send(text)
            except Exception as error:
                logger.debug("a listener of a call has gone: %s", type(error).__name__)
                return False
        return True
