"""The recorder: one thread that owns a microphone and hands on what it hears, block by block.

Knows no session. What a block goes through after that is the business of ``channel``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from .._exit import Resident
from .._worker import Worker
from .devices import Microphone

log = logging.getLogger("reelthyme_sync")


class Recorder:
    """Records from ``microphone`` on a thread of its own, ``reelthyme-capture-N``, until it is stopped.

    Args:
        microphone: open; belongs to the recorder from now on, which also closes it.
        hear: gets each block, on the capture thread. An exception of it ends the recording.
        ended: called once, on the capture thread, when the microphone has been released: with what ended the recording
            before its time, or None. Must not raise.
        ordinal: the N.
    """

    def __init__(
        self,
        microphone: Microphone,
        *,
        hear: Callable[[bytes], object],
        ended: Callable[[Exception | None], None],
        ordinal: int,
    ) -> None:
        self._microphone = microphone
        self._hear = hear
        self._tell_end = ended
        self._late = False
        self._worker = Worker(f"reelthyme-capture-{ordinal}", self._run, self._ended)
        resident = Resident(hang_up=self.finish, abort=self.finish, join=self._worker.join)
        self._forget_exit = resident.end_with_process()
        self._worker.start()

    @property
    def overflows(self) -> int:
        """How often sound was lost because this process was late."""
        return self._microphone.overflows

    def finish(self) -> None:
        """Record no more; what was recorded is still handed on. Does not wait."""
        self._microphone.stop()

    def join(self) -> None:
        """Wait until the microphone has been released, and that was told, after ``finish``."""
        self._worker.join()

    def _run(self) -> None:
        try:
            while block := self._microphone.read():
                self._note_overflow()
                self._hear(block)
        finally:
            self._microphone.close()

    def _note_overflow(self) -> None:
        if not self._late and self._microphone.overflows:
            self._late = True
            log.warning("the microphone has lost sound, because this process was late to take it")

    def _ended(self, failure: BaseException | None) -> None:
        self._forget_exit()
        self._tell_end(failure if isinstance(failure, Exception) else None)
