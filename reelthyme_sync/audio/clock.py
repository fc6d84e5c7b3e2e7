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
        self._stop = threading.Event()
        self._worker: Worker | None = None

    def attach(self, tick: Tick) -> None:
        """Call ``tick`` from now on."""
        with self._changing:
            self._ticks = (*self._ticks, tick)
            if self._worker is None:
                self._stop.clear()
                self._worker = Worker(f"reelthyme-clock-{next(_ordinals)}", self._run, _ended)
                self._worker.start()

    def detach(self, tick: Tick) -> None:
        """Call it no more. The last one out stops the clock. Idempotent."""
        with self._changing:
            self._ticks = tuple(other for other in self._ticks if other != tick)
            worker = self._worker
            if self._ticks or worker is None:
                return
            self._worker = None
            self._stop.set()
        worker.join()

    def _run(self) -> None:
        started = monotonic()
        for count in itertools.count(1):
            due = started + count * BLOCK / SAMPLE_RATE
            if self._stop.wait(max(0.0, due - monotonic())):
                return
            for tick in self._ticks:
                tick(BLOCK)


def _ended(failure: BaseException | None) -> None:
    if failure is not None:
        raise failure
