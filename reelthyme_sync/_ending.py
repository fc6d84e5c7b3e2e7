"""The end of a session: a value, set once, that stays."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from .errors import ConnectionClosed

log = logging.getLogger("reelthyme_sync")


class Ending:
    """How a session ended, once it has, and who wants to be told."""

    def __init__(self) -> None:
        self._deciding = threading.Lock()
        self._callbacks: list[Callable[[], None]] = []
        self._error: ConnectionClosed | None = None
        self._told = False

    @property
    def reached(self) -> bool:
        """Whether the session has ended, or is ending."""
        return self._error is not None

    def error(self) -> ConnectionClosed:
        """What to raise for it: an exception of its own for every caller, with the one cause."""
        if self._error is None:  # close() was called, and the peer has not answered yet
            return ConnectionClosed("The session is closed")
        known = self._error
        fresh = type(known)(str(known), code=known.code, reason=known.reason, unsent=known.unsent)
        fresh.__cause__ = known.__cause__
        return fresh

    def decide(self, error: ConnectionClosed) -> None:
        """The session is ending, in this way: whoever is refused from now on must be told so."""
        self._error = error

    def set(self, error: ConnectionClosed) -> None:
        """The session has ended. Called once; runs the callbacks."""
        with self._deciding:
            self._error = error
            self._told = True
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            _call(callback)

    def then(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback`` at the end, or now if that has been. Gives a function that calls that off."""
        with self._deciding:
            if not (told := self._told):
                self._callbacks.append(callback)
        if told:
            _call(callback)
        return lambda: self._forget(callback)

    def _forget(self, callback: Callable[[], None]) -> None:
        with self._deciding:
            self._callbacks = [other for other in self._callbacks if other is not callback]


def _call(callback: Callable[[], None]) -> None:
    try:
        callback()
    except Exception:  # the other callbacks, and the receiver, are still to be told
        log.exception("a callback for the session's end failed")
