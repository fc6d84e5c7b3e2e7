"""Hearing and speaking off the event loop: a worker thread for each, so that a long sentence heard delays no answer."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from .ears import Ears
from .jobs import Hear, Perform
from .voice import Voice


class Speech:
    """Does the jobs of all connections of a server. The loop's thread calls it; ``close`` waits for the threads."""

    def __init__(self) -> None:
        self._ears = Ears()
        self._voice = Voice()
        self._hearing = ThreadPoolExecutor(1, thread_name_prefix="reelthyme-ears")
        self._speaking = ThreadPoolExecutor(1, thread_name_prefix="reelthyme-voice")

    def prepare(self) -> None:
        """Load the model of the ears while nobody waits for it."""
        self._hearing.submit(self._ears.prepare)

    async def recognise(self, job: Hear) -> str:
        """The words of what was said."""
        return await asyncio.get_running_loop().run_in_executor(self._hearing, self._ears.recognise, job.sound)

    async def speak(self, job: Perform) -> bytes:
        """The sound of a whole text: a minute of it takes some 50 ms."""
        return await asyncio.get_running_loop().run_in_executor(self._speaking, self._say, job)

    def close(self) -> None:
        """End both threads; a recognition that is under way is cut short."""
        self._ears.close()
        for executor in (self._hearing, self._speaking):
            executor.shutdown(cancel_futures=True)

    def _say(self, job: Perform) -> bytes:
        return b"".join(self._voice.speak(job.text, job.voice, job.speed)) if job.text else b""
