"""The player: one thread that owns a speaker and plays what it is fed, in order.

Fed by the session's reader, flushed by anybody. A chunk carries the era in which it was fed; ``flush`` begins a new
era, so that whatever the thread still holds of the old one is dropped. Knows parts and samples, no events.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import Final

import attrs

from .._exit import Resident
from .._worker import Worker
from ..pcm import BYTES_PER_SAMPLE, ms_to_bytes
from ..playback import AudioPart, Heard, PlaybackLedger
from .devices import Speaker

log = logging.getLogger("reelthyme_sync")

SLICE_MS: Final = 10
"""What is written at once: the most that can still sound after a flush, besides what the device holds."""


@attrs.frozen(kw_only=True)
class PlaybackStats:
    """How playback stands.

    Attributes:
        heard_ms: sounded so far.
        queued_ms: received, and still to be heard.
    """

    heard_ms: int
    queued_ms: int


class Player:
    """Plays on ``speaker`` from a thread of its own, ``reelthyme-audio-N``, until it is stopped.

    Args:
        speaker: open; belongs to the player from now on, which also closes it.
        ordinal: the N.
        failed: told, on the audio thread, what ended the playing before its time.
    """

    def __init__(self, speaker: Speaker, *, ordinal: int, failed: Callable[[Exception], None]) -> None:
        self._speaker = speaker
        self._ledger = PlaybackLedger(speaker.sample_rate)
        self._chunks: queue.Queue[tuple[int, bytes] | None] = queue.Queue()
        self._era = 0
        self._deciding = threading.Lock()  # era and ledger change together; never held while waiting for the device
        self._slice = ms_to_bytes(SLICE_MS, speaker.sample_rate)
        self._failed = failed
        self._finished = False
        self._worker = Worker(f"reelthyme-audio-{ordinal}", self._run, self._ended)
        resident = Resident(hang_up=self._silence, abort=self._silence, join=self._worker.join)
        self._forget_exit = resident.end_with_process()
        self._worker.start()

    @property
    def stats(self) -> PlaybackStats:
        """How playback stands now."""
        with self._deciding:
            self._ledger.hear(self._speaker.heard)
            return PlaybackStats(heard_ms=self._ledger.heard_ms(), queued_ms=self._ledger.unheard_ms())

    def feed(self, part: AudioPart, pcm: bytes) -> None:
        """Play ``pcm`` (whole samples) after all that was fed before. Does not block.

        Dropped if its item was cut, and after ``finish``.
        """
        with self._deciding:
            if pcm and not self._finished and self._ledger.receive(part, len(pcm) // BYTES_PER_SAMPLE):
                self._chunks.put((self._era, pcm))

    def complete(self, part: AudioPart | None = None) -> None:
        """No more of the part will be fed; without one, of none. A part that is not complete can always be cut."""
        with self._deciding:
            self._ledger.complete(part)

    def flush(self) -> list[Heard]:
        """Be silent now, and tell what was cut short; the part that was sounding first. Later items play normally."""
        with self._deciding:
            self._era += 1
            self._speaker.clear()
            self._ledger.hear(self._speaker.heard)
            return self._ledger.cut()

    def received_ms(self, item_id: str, content_index: int = 0) -> int:
        """Milliseconds received of a part, heard or not."""
        with self._deciding:
            return self._ledger.received_ms(item_id, content_index)

    def finish(self) -> None:
        """Play what was fed, and no more; then release the speaker. Does not wait. Idempotent."""
        with self._deciding:
            self._finished = True
            self._chunks.put(None)

    def join(self) -> None:
        """Wait until the speaker has been released, after ``finish``. Bounded: a device that stalls counts as gone."""
        self._worker.join()

    def _silence(self) -> None:
        self.finish()
        self.flush()

    def _run(self) -> None:
        try:
            while (chunk := self._chunks.get()) is not None:
                self._play(*chunk)
            self._speaker.drain()
        finally:
            self._speaker.close()

    def _play(self, era: int, pcm: bytes) -> None:
        for start in range(0, len(pcm), self._slice):
            self._speaker.wait_writable()
            with self._deciding:  # a flush comes before this slice, or after it: never in between
                if era != self._era:
                    return
                self._speaker.write(pcm[start : start + self._slice])

    def _ended(self, failure: BaseException | None) -> None:
        self._forget_exit()
        if isinstance(failure, Exception):
            log.error("playback ended: %s", failure)
            self.finish()
            self._failed(failure)
