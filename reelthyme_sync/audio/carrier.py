"""A thread for calls that may never return. Whoever waits for one waits so long and no longer, and leaves it behind.

Ctrl-C interrupts the waiting alone: a call that was begun is finished, and what was ordered after it is done. Knows
nothing of sound.
"""

from __future__ import annotations

import queue
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from .._bell import Bell
from .._worker import Worker, log_failure

Result = TypeVar("Result")


class Carrier:
    """Makes calls one after another, on a thread of its own.

    Args:
        name: of the thread.
        idle: called on it whenever nothing was ordered for a while.
        every: seconds; how long a while is.
    """

    def __init__(self, name: str, *, idle: Callable[[], None], every: float) -> None:
        self._idle = idle
        self._every = every
        # In C, so that Ctrl-C cannot leave it locked, as it can a `threading.Event` that is being waited for.
        self._orders: queue.SimpleQueue[_Call[Any]] = queue.SimpleQueue()
        self._worker = Worker(name, self._run, log_failure)
        self._begun = False

    def call(self, order: Callable[[], Result], within: float) -> Result:
        """Have something done. Gives what it gives, and raises what it raises. The first call starts the thread.

        Raises:
            TimeoutError: it was not done ``within`` these seconds. It may be done yet.
            RuntimeError: no thread can be started, as while Python 3.12 exits.
        """
        self._begin()
        call = _Call(order)
        self._orders.put(call)
        if not call.wait(within):
            raise TimeoutError
        return call.result()

    def end(self, order: Callable[[], object], within: float) -> bool:
        """Have a last thing done, unless nothing was called. Again, for one that Ctrl-C has interrupted, it only waits.

        Returns:
            Whether it was done, and the thread has ended, ``within`` these seconds.
        """
        if not self._begun:
            return True
        self._orders.put(_Call(order, last=True))
        return self._worker.join(within)

    def _begin(self) -> None:
        if self._begun:
            return
        self._begun = True  # first: Ctrl-C may come in the middle of the start
        try:
            self._worker.start()
        except RuntimeError:
            self._begun = False
            raise

    def _run(self) -> None:
        while True:
            try:
                call = self._orders.get(timeout=self._every)
            except queue.Empty:
                self._idle()
                continue
            call.run()
            if call.last:
                return


class _Call(Generic[Result]):
    """One call, and what came of it."""

    def __init__(self, order: Callable[[], Result], *, last: bool = False) -> None:
        self.last = last
        self._order = order
        self._results: list[Result] = []
        self._failure: BaseException | None = None
        self._over = False
        self._end = Bell()

    def run(self) -> None:
        try:
            self._results.append(self._order())
        except BaseException as error:  # whatever it was, who waits has to know
            self._failure = error
        self._over = True
        self._end.ring()

    def wait(self, seconds: float) -> bool:
        return self._end.wait_for(lambda: self._over, seconds)

    def result(self) -> Result:
        if self._failure is not None:
            raise self._failure
        return self._results[0]
