"""The end of the process: what is open then ends as it would by hand, all at once, and within two seconds.

Knows no session: whoever has threads that must not simply be dropped says how they are ended. Everything is told first,
and then waited for; no thread is started, since Python 3.12 refuses that while it exits.

``atexit`` and not ``threading._register_atexit``: that one comes before Python waits for the user's own threads, which
may still be talking. Ours comes after them, and while the daemon threads, ours among them, still run.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections.abc import Callable
from time import monotonic
from typing import Final

import attrs

from ._bell import Bell

log = logging.getLogger("reelthyme_sync")

END_WITHIN: Final = 1.9
"""Seconds for all that is open."""

_GOODBYE_WITHIN: Final = 1.5
"""The part of it in which the peers may take what was sent, and answer. Then the connections are cut."""


@attrs.frozen(eq=False, kw_only=True)
class Resident:
    """Something open in this process that has threads of its own.

    Attributes:
        hang_up: begins its end, and returns at once. Any thread.
        abort: makes the end come now.
        join: waits for the end, for so many seconds at most; tells whether it has come.
    """

    hang_up: Callable[[], object]
    abort: Callable[[], object]
    join: Callable[[float], bool]

    def end_with_process(self) -> Callable[[], None]:
        """Have it ended with the process. Gives a function that calls that off, for when it has ended by itself."""
        _residents[self] = os.getpid()

        def forget() -> None:
            _residents.pop(self, None)

        return forget


# Each with its process. Changed and copied in single steps, without a lock that a fork or a signal could find held.
_residents: Final[dict[Resident, int]] = {}

_leaving = threading.Event()
_killed = threading.Event()
_gone: Final = Bell()  # never rung: the process itself ends the wait


def end_all(all_told: Callable[[], object] = lambda: None, *, killed: bool = False) -> None:
    """End everything that is open in this process, within ``END_WITHIN``.

    Args:
        all_told: called when everything has been told to end, before the waiting.
        killed: whether the process will not outlive this, so that the main thread too has nothing more to do.
    """
    if killed:
        _killed.set()
    _leaving.set()
    deadline = monotonic() + END_WITHIN
    here = [resident for resident, process in list(_residents.items()) if process == os.getpid()]
    for resident in here:
        _tell(resident.hang_up)
    all_told()
    for resident in _left(here, deadline - END_WITHIN + _GOODBYE_WITHIN):
        _tell(resident.abort)
    if left := _left(here, deadline):
        log.info("%d connections or devices did not end in %s s", len(left), END_WITHIN)


def hold() -> None:
    """Keep a thread of the user's that meets an end here, when all that ends is the process.

    Otherwise daemon threads, which Python drops in silence, would die of ``ConnectionClosed`` with a traceback, or go
    on printing while the interpreter is taken down, which is fatal for it. The main thread only if the process is
    killed: else it may be running the user's own exit functions. Not the library's, which have devices to release; and
    not for ever, because an exit function may be waiting for a lock of the thread.
    """
    thread = threading.current_thread()
    runs_on = thread is threading.main_thread() and not _killed.is_set()
    if _leaving.is_set() and not runs_on and not thread.name.startswith("reelthyme-"):
        _gone.wait_for(lambda: False, END_WITHIN)


def _left(residents: list[Resident], deadline: float) -> list[Resident]:
    return [resident for resident in residents if not resident.join(max(0.0, deadline - monotonic()))]


def _tell(order: Callable[[], object]) -> None:
    try:
        order()
    except Exception:  # of a user's device, or of a session half made: the others are still to be told
        log.exception("something open cannot be ended")


atexit.register(end_all)
