"""A thread of the library: named, daemon, and its end is told to its owner.

Daemon, because a program that forgets to close a session must still be able to exit.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from ._bell import Bell

log = logging.getLogger("reelthyme_sync")


class Worker:
    """Runs ``target`` on a thread of its own, then tells ``ended`` how that went, on the same thread.

    Args:
        name: ``reelthyme-ROLE-N``, so that it can be found in a stack dump.
        target: runs once.
        ended: gets the exception that ended ``target``, or None. Must not raise.
    """

    def __init__(self, name: str, target: Callable[[], None], ended: Callable[[BaseException | None], None]) -> None:
        self.name = name
        self._target = target
        self._ended = ended
        self._over = False
        self._end = Bell()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread; the owner does this last in its constructor."""
        self._thread.start()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the end. True if it has come."""
        # Not Thread.join() alone: up to Python 3.12 one that Ctrl-C interrupts takes a running thread for ended.
        if not self._end.wait_for(lambda: self._over, timeout):
            return False
        self._thread.join()
        return True

    def _run(self) -> None:
        failure: BaseException | None = None
        try:
            self._target()
        except BaseException as error:  # whatever it was, the owner has to know
            failure = error
        try:
            self._ended(failure)
        finally:
            self._over = True
            self._end.ring()


def log_failure(failure: BaseException | None) -> None:
    """The ``ended`` of a worker that nobody waits for."""
    if failure is not None:
        log.error("%s failed", threading.current_thread().name, exc_info=failure)
