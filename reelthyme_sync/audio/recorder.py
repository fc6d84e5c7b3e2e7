"""The recorder: one thread that owns a microphone and hands on what it hears, in chunks of one length.

The interval is a number of samples, so it needs no clock and never drifts. Knows no session.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from .._exit import Resident
from .._worker import Worker
from ..pcm import Chunker, ms_to_samples
from .devices import Microphone

log = logging.getLogger("reelthyme_sync")


class Recorder:
    """Records from ``microphone`` on a thread of its own, ``reelthyme-capture-N``, until it is stopped.

    Args:
        microphone: open; belongs to the recorder from now on, which also closes it.
        interval_ms: the length of every chunk but the last.
        emit: gets each chunk, on the capture thread. An exception of it ends the recording.
        ordinal: the N.
        failed: told, on the capture thread, what ended the recording before its time.
    """

    def __init__(
        self,
        microphone: Microphone,
        *,
        interval_ms: float,
        emit: Callable[[bytes], None],
        ordinal: int,
        failed: Callable[[Exception], None],
    ) -> None:
        self._microphone = microphone
        self._chunker = Chunker(ms_to_samples(interval_ms, microphone.sample_rate))
        self._emit = emit
        self._failed = failed
        self._worker = Worker(f"reelthyme-capture-{ordinal}", self._run, self._ended)
        resident = Resident(hang_up=self.finish, abort=self.finish, join=self._worker.join)
        self._forget_exit = resident.end_with_process()
        self._worker.start()

    def finish(self) -> None:
        """Record no more; what was recorded is still handed on. Does not wait."""
        self._microphone.stop()

    def join(self) -> None:
        """Wait until the microphone has been released, after ``finish``."""
        self._worker.join()

    def _run(self) -> None:
        try:
            while block := self._microphone.read():
                for chunk in self._chunker.push(block):
                    self._emit(chunk)
            if rest := self._chunker.rest():
                self._emit(rest)
        finally:
            self._microphone.close()

    def _ended(self, failure: BaseException | None) -> None:
        self._forget_exit()
        if isinstance(failure, Exception):
            log.info("recording ended: %s", failure)
            self._failed(failure)
