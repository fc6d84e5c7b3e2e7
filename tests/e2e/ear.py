"""An ear at the microphone: what comes, to the sample, and when each sample was recorded."""

from __future__ import annotations

import bisect
import queue
import time
from typing import Any

import numpy as np
from measuring import Samples

from reelthyme_sync.pcm import SAMPLE_RATE, ms_to_samples

LOUD = 300
"""A fade from 20,000 is above this for all but its last 2 %; what a resampler rings after it is below."""

DEAF_AFTER = 5.0
"""Seconds without a block, or without what is waited for. Only a test that fails waits that long."""

NEARBY = 100
"""Blocks before and after a moment by which it is told: a second each."""


Places = np.ndarray[Any, np.dtype[np.intp]]


class Ear:
    """The tap of one microphone: ``PyAudioMicrophone(tap=ear)``. One thread listens.

    The device's own clock is the straight line through the earliest of the blocks' arrivals: a block may come late,
    but never before its last sample was recorded. What the way from there takes at least counts as sound's delay.
    """

    def __init__(self) -> None:
        self._arriving: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
        self._blocks: list[Samples] = []
        self._ends: list[int] = []
        self._starts: list[float] = []  # what each block says about when sample 0 was recorded
        self.size = 0
        self._loud_until = 0

    def __call__(self, block: bytes) -> None:
        """Take a block. On the device's thread."""
        self._arriving.put((time.monotonic(), block))

    def await_sound(self) -> int:
        """The place of the next loud sample."""
        deadline = time.monotonic() + DEAF_AFTER
        while True:
            loud = self._listen()
            if loud.size:
                return int(loud[0])
            assert time.monotonic() < deadline, "nothing was heard"

    def await_silence(self, ms: float) -> int:
        """The place after the last loud sample, once it has been quiet for so long."""
        deadline = time.monotonic() + DEAF_AFTER
        while self.size - self._loud_until < ms_to_samples(ms):
            self._listen()
            assert time.monotonic() < deadline, "it did not become silent"
        return self._loud_until

    def between(self, first: int, end: int) -> Samples:
        """What was heard from one place to another."""
        return np.concatenate(self._blocks)[max(0, first) : end]

    def recorded_at(self, place: int) -> float:
        """When, by ``time.monotonic()``, what comes before that place had been recorded."""
        block = bisect.bisect(self._ends, place)
        return min(self._starts[max(0, block - NEARBY) : block + NEARBY]) + place / SAMPLE_RATE

    def catch_up(self) -> None:
        """Hear all that has come, without waiting."""
        while not self._arriving.empty():
            self._listen()

    def _listen(self) -> Places:
        """Take the next block; gives the places of its loud samples."""
        came, pcm = self._arriving.get(timeout=DEAF_AFTER)
        block: Samples = np.frombuffer(pcm, "<i2")
        loud: Places = self.size + np.nonzero(np.abs(block.astype(int)) > LOUD)[0]
        if loud.size:
            self._loud_until = int(loud[-1]) + 1
        self._blocks.append(block)
        self.size += block.size
        self._ends.append(self.size)
        self._starts.append(came - self.size / SAMPLE_RATE)
        return loud
