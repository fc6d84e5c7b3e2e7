"""Does what a brain wants done: hears, speaks, and makes its responses at their pace. Runs on the server's loop.

Knows no client: what comes of the work goes to whoever owns the session.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from functools import partial
from typing import Protocol

from ..events import ServerEvent
from .jobs import Hear, Job, Perform
from .outputs import Slice
from .speech import Speech

logger = logging.getLogger(__name__)


class Thinking(Protocol):
    """The part of a brain that gives work."""

    def jobs(self) -> list[Job]:
        """What is to be done now, each job once."""

    def heard(self, item_id: str, text: str) -> list[ServerEvent]:
        """The ears have done their job."""

    def perform(self, response_id: str, sound: bytes) -> Iterator[Slice]:
        """A response step by step."""


class Labour:
    """The work for one session, until ``cancel``.

    Args:
        brain: what wants it done.
        speech: the server's.
        tell: takes what a job has come to; the work goes on when it has returned.
        failed: called once when a job fails: a client must not wait for ever for what will not come.
        speed: how many times faster than real time responses are made.
    """

    def __init__(
        self,
        brain: Thinking,
        speech: Speech,
        *,
        tell: Callable[[list[ServerEvent]], Awaitable[None]],
        failed: Callable[[], Awaitable[None]],
        speed: float,
    ) -> None:
        self._brain = brain
        self._speech = speech
        self._tell = tell
        self._failed = failed
        self._speed = speed
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self) -> None:
        """Start what the brain wants done now: to be called after each of its answers."""
        for job in self._brain.jobs():
            self.start(partial(self._hear, job) if isinstance(job, Hear) else partial(self._perform, job))

    def start(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        """Do something else of the session beside; it ends with the rest."""
        task = asyncio.create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def cancel(self) -> list[asyncio.Task[None]]:
        """End all that is under way; gives what to wait for."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        return tasks

    async def _hear(self, job: Hear) -> None:
        text = await self._speech.recognise(job)
        await self._tell(self._brain.heard(job.item_id, text))

    async def _perform(self, job: Perform) -> None:
        sound = await self._speech.speak(job)
        clock = asyncio.get_running_loop().time
        due = clock()
        for piece in self._brain.perform(job.response_id, sound):
            await self._tell(piece.events)
            due += piece.ms / 1000 / self._speed
            await asyncio.sleep(max(0.0, due - clock()))

    async def _guarded(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        try:
            await work()  # made here: one made before would be missed by a task that is cancelled before it begins
        except ConnectionError:
            logger.debug("a client vanished in the middle of an answer")
        except Exception:
            logger.exception("the local server failed")
            await self._failed()
