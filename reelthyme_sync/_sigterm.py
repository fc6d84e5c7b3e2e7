"""SIGTERM: where nobody else listens for it, sessions end before the process does.

The signal's default action kills at once, and the peer learns nothing. The handler is installed once, with the first
session that is opened on the main thread, and only in place of the default action: who has a handler keeps it, and a
later one replaces ours. After the sessions' end the default action is taken after all, so that the exit status stays.

A handler runs on the main thread in the middle of whatever that was doing, which may be holding a lock of ours. So
another thread does the ending. The main thread is held meanwhile, or else it would see its sessions end, and exit in
a way of its own; but only once everything has been told to end, and not for long where it may hold a lock of ours: it
is let go, and fetched again and again, so that those who need the lock come to their end.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
from time import monotonic, sleep
from types import FrameType
from typing import Final

from . import _exit

_LETS_GO_WITHIN: Final = 0.05
"""Seconds. Telling everything to end takes far less, unless it needs a lock that the main thread holds."""

_FETCHED_EVERY: Final = 0.1
"""Seconds. Not once only: a signal that comes just before the main thread sleeps does not wake it."""

_PACKAGE: Final = __name__.partition(".")[0]


def watch() -> None:
    """End sessions before SIGTERM ends the process, if that is for us to do. Any thread, but only the main one can."""
    global _watching
    if sys.platform == "win32" or _watching or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        return
    try:
        signal.signal(signal.SIGTERM, Termination())
    except ValueError:  # not the main thread of the main interpreter
        return
    _watching = True


_watching = False  # stays True when somebody takes our handler away again: then it is not wanted


class Termination:
    """The handler: ends everything, then the process."""

    def __init__(self) -> None:
        self._begun = threading.Lock()
        self._deadline = 0.0
        self._all_told = _Gate()
        self._all_over = _Gate()

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Called by Python on the main thread; and again for our own thread, to fetch the main thread back."""
        if self._begun.acquire(blocking=False):
            self._deadline = monotonic() + _exit.END_WITHIN
            try:  # not Thread.start(), which takes locks that may be held right here
                _thread.start_new_thread(self._end_all, ())
                _thread.start_new_thread(self._fetch_main_thread, ())
            except RuntimeError:  # the interpreter is exiting, or there can be no more threads
                _die()
        if self._all_told.wait(_LETS_GO_WITHIN) or not self._left():
            self._all_over.wait(_LETS_GO_WITHIN if _may_hold_a_lock(frame) else self._left())
        if self._all_over.open_now or not self._left():
            _die()

    def _end_all(self) -> None:
        try:
            _exit.end_all(self._all_told.open, killed=True)
        finally:
            self._all_over.open()

    def _fetch_main_thread(self) -> None:
        self._all_told.wait(self._left())  # in vain when the main thread is stuck with our lock: then it is just ended
        ident = threading.main_thread().ident
        assert ident is not None  # it runs
        while True:  # until the process has ended
            signal.pthread_kill(ident, signal.SIGTERM)
            sleep(_FETCHED_EVERY)

    def _left(self) -> float:
        return max(0.0, self._deadline - monotonic())


class _Gate:
    """Opens once. Made of a bare lock, because a wait for an ``Event`` must not be interrupted by another one."""

    def __init__(self) -> None:
        self.open_now = False
        self._shut = threading.Lock()
        self._shut.acquire()

    def open(self) -> None:
        self.open_now = True
        self._shut.release()

    def wait(self, timeout: float) -> bool:
        """Whether it has opened in that time."""
        if not self.open_now and self._shut.acquire(timeout=timeout):
            self._shut.release()  # for a wait that this one interrupted
        return self.open_now


def _may_hold_a_lock(frame: FrameType | None) -> bool:
    """Whether the main thread was interrupted in the middle of the library, and not where that holds it anyway."""
    ours = False
    while frame is not None:
        if frame.f_code is _exit.hold.__code__:
            return False
        ours = ours or frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE
        frame = frame.f_back
    return ours


def _die() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)
    os._exit(128 + signal.SIGTERM)  # process 1 of a container has no default action


def _reset_in_child() -> None:
    """A forked child has no session yet, and is to die as fast as any other."""
    global _watching
    _watching = False
    if isinstance(signal.getsignal(signal.SIGTERM), Termination):
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_in_child)
