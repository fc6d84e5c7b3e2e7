"""A clock made of software, for devices that have none: it calls, as a sound card does, once per block."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from time import monotonic
from typing import Final

from .._worker import Worker
from ..pcm import SAMPLE_RATE

BLOCK: Final = 240
"""Samples per tick: 10 ms at 24 kHz, what we ask of a sound card too."""

Tick = Callable[[int], None]
"""Gets the number of samples that have become due; must return at once."""

_ordinals = itertools.count(1)


class SoftwareClock:
    """Ticks every 10 ms on a thread of its own, ``reelthyme-clock-N``, while anybody listens.

    Devices that share one are in step to the sample. A late tick is made up for: the clock keeps its rate.
    """

    def __init__(self) -> None:
        self._changing = threading.Lock()
        self._ticks: tuple[Tick, ...] = ()
        self._running: tuple[Worker, threading.Event] | None = None

    def attach(self, tick: Tick) -> None:
        """Call ``tick`` from now on."""
        with self._changing:
            self._ticks = (*self._ticks, tick)
            if self._running is None:
                stop = threading.Event()  # one for each thread: an old one may not have seen its own yet
                worker = Worker(f"reelthyme-clock-{next(_ordinals)}", lambda: self._run(stop), _ended)
                self._running = (worker, stop)
                worker.start()

    def detach(self, tick: Tick) -> None:
        """Call it no more. The last one out stops the clock. Idempotent."""
        with self._changing:
            self._ticks = tuple(other for other in self._ticks if other != tick)
            if self._ticks or self._running is None:
                return
            (worker, stop), self._running = self._running, None
        stop.set()
        worker.join()

    def _run(self, stop: threading.Event) -> None:
        started = monotonic()
        for count in itertools.count(1):
            due = started + count * BLOCK / SAMPLE_RATE
            if stop.wait(max(0.0, due - monotonic())):
                return
            for tick in self._ticks:
                tick(BLOCK)


def _ended(failure: BaseException | None) -> None:
    if failure is not None:
        raise failure
