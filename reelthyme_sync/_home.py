"""The process in which something with threads and sockets was made: it works in no other.

A fork copies the memory and the descriptors, but only the thread that forks. In the child nobody reads or writes any
more, and a lock that another thread held at that moment stays locked for ever. So whoever has a home asks for it
before it takes any lock. Any thread, either process.
"""

from __future__ import annotations

import os
from typing import Final

from .errors import ForkedSession

_ADVICE: Final = (
    "This session was made before fork() and belongs to process {home}; this is process {here}. "
    "Connect in the worker: in gunicorn's post_fork hook, at the start of a multiprocessing target, "
    "or when the session is first needed"
)


class Home:
    """The process that makes this object."""

    def __init__(self) -> None:
        # Asked of the system every time (0.1 us): servers that fork in C, such as uWSGI, run no hooks of Python's.
        self._pid = os.getpid()

    @property
    def here(self) -> bool:
        """Whether this is still that process, and not one that was forked from it."""
        return os.getpid() == self._pid

    def check(self) -> None:
        """Do nothing at home.

        Raises:
            ForkedSession: this is a process that was forked from it.
        """
        if not self.here:
            raise ForkedSession(_ADVICE.format(home=self._pid, here=os.getpid()))
