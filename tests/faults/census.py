"""What a process holds: threads and file descriptors. To be counted before and after."""

from __future__ import annotations

import os
import threading
from collections import Counter

from .patience import wait_until


class Census:
    """What was held when this was made."""

    def __init__(self) -> None:
        self._threads = set(threading.enumerate())
        self._descriptors = _descriptors()

    def newcomers(self) -> list[str]:
        """The threads and descriptors that have come since then, and are still there."""
        threads = [f"thread {thread.name}" for thread in set(threading.enumerate()) - self._threads]
        return threads + [f"descriptor {name}" for name in _descriptors() - self._descriptors]

    def check(self) -> None:
        """Wait until all that came since has gone.

        Raises:
            AssertionError: something stayed.
        """
        gone = wait_until(lambda: not self.newcomers())
        assert gone, f"left behind: {self.newcomers()}"


def _descriptors() -> Counter[str]:
    """What the open descriptors of this process are."""
    found: Counter[str] = Counter()
    for number in os.listdir("/proc/self/fd"):
        try:
            found[os.readlink(f"/proc/self/fd/{number}")] += 1
        except FileNotFoundError:  # the one with which the folder was read
            continue
    return found
