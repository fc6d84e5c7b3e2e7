"""Moments at which something is due, on a thread that waits for them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from time import monotonic

from .._worker import Worker, log_failure


class Countdown:
    """Calls ``due`` at each of some moments.

    Args:
        ordinal: the session's.
        moments: seconds from the start, in order.
        due: runs on a thread of its own.
    """

    def __init__(self, ordinal: int, moments: Sequence[float], due: Callable[[], None]) -> None:
        self._moments = moments
        self._due = due
        self._began = monotonic()
        self._cancelled = threading.Event()
        self._worker = Worker(f"reelthyme-limit-{ordinal}", self._run, log_failure)
        self._worker.start()

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return monotonic() - self._began

    def cancel(self) -> None:
        """Nothing is due any more. Does not wait for what is being done."""
        self._cancelled.set()

    def _run(self) -> None:
        for moment in self._moments:
            if self._cancelled.wait(max(0.0, moment - self.elapsed)):
                return
            self._due()
