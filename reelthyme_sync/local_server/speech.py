"""Hearing and speaking off the event loop: a worker thread for each, so that a long sentence heard delays no answer."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from .ears import Ears
from .jobs import Hear, Perform
from .known_sounds import KnownSounds
from .voice import Voice, sentences


class Speech:
    """Does the jobs of all connections of a server. The loop's thread calls it; ``close`` waits for the threads."""

    def __init__(self) -> None:
        self._ears = Ears()
        self._voice = Voice()
        self._known = KnownSounds()
        self._hearing = ThreadPoolExecutor(1, thread_name_prefix="reelthyme-ears")
        self._speaking = ThreadPoolExecutor(1, thread_name_prefix="reelthyme-voice")

    def prepare(self) -> None:
        """Load the model of the ears while nobody waits for it."""
        self._hearing.submit(self._ears.prepare)

    async def recognise(self, job: Hear) -> str:
        """The words of what was said."""
        return await asyncio.get_running_loop().run_in_executor(self._hearing, self._recognise, job.sound)

    async def speak(self, job: Perform) -> bytes:
        """The sound of a whole text: a minute of it takes some 50 ms."""
        return await asyncio.get_running_loop().run_in_executor(self._speaking, self._say, job)

    async def dictate(self, text: str, voice: str) -> bytes:
        """The sound of what somebody says to the server: ``recognise`` then knows its sentences again."""
        return await asyncio.get_running_loop().run_in_executor(self._speaking, self._dictate, text, voice)

    def close(self) -> None:
        """End both threads; a recognition that is under way is cut short."""
        self._ears.close()
        for executor in (self._hearing, self._speaking):
            executor.shutdown(cancel_futures=True)

    def _say(self, job: Perform) -> bytes:
        return b"".join(self._voice.speak(job.text, job.voice, job.speed)) if job.text else b""

    def _recognise(self, sound: bytes) -> str:
        return self._known.words(sound) or self._ears.recognise(sound)

    def _dictate(self, text: str, voice: str) -> bytes:
        said = b""
        for sentence in sentences(text):
            sound = b"".join(self._voice.speak(sentence, voice))
            self._known.remember(sentence, sound)
            said += sound
        return said
