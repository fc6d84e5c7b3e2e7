"""The player: one thread that owns a speaker and plays what it is fed, in order.

Fed by the session's reader, flushed by anybody. A chunk carries the era in which it was fed; ``flush`` begins a new
era, so that whatever the thread still holds of the old one is dropped. Knows parts and samples, no events.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Final

import attrs

from .._exit import Resident
from .._worker import Worker
from ..pcm import BYTES_PER_SAMPLE, ms_to_bytes
from ..playback import AudioPart, Heard, PlaybackLedger
from .devices import Speaker
from .metering import Level, level_of
from .output import Output, Reference
from .prebuffer import Prebuffer

SLICE_MS: Final = 10
"""What is written at once: the most that can still sound after a flush, besides what the device holds."""

ASK_EVERY: Final = 1.0
"""Seconds between two questions to an idle speaker, whether it is still there."""


@attrs.frozen(kw_only=True)
class PlaybackStats:
    """How playback stands.

    Attributes:
        heard_ms: sounded so far.
        queued_ms: received, and still to be heard.
        underruns: how often the speaker fell silent within an item, because what comes next was late.
        latency_ms: from the writing of a sample until it is heard, now; 0 while nothing sounds.
    """

    heard_ms: int
    queued_ms: int
    underruns: int
    latency_ms: int


@attrs.frozen
class _Chunk:
    """Sound on its way to the audio thread. An empty one only wakes it."""

    era: int
    part: AudioPart | None
    pcm: bytes


class Player:
    """Plays on ``speaker`` from a thread of its own, ``reelthyme-audio-N``, until it is stopped.

    The beginning of a reply is held back until enough of it has come, see ``Prebuffer``.

    Args:
        speaker: open; belongs to the player from now on, which also closes it.
        ordinal: the N.
        failed: told, on the audio thread, what ended the playing before its time.
        reference: told what the speaker is given.
    """

    def __init__(
        self,
        speaker: Speaker,
        *,
        ordinal: int,
        failed: Callable[[Exception], None],
        reference: Reference | None = None,
    ) -> None:
        self._speaker = speaker
        self._output = Output(speaker, reference)
        self._ledger = PlaybackLedger(speaker.sample_rate)
        self._prebuffer = Prebuffer()
        self._chunks: queue.Queue[_Chunk | None] = queue.Queue()
        self._held: deque[_Chunk | None] = deque()  # the audio thread's own
        self._all_heard = 0  # what the speaker will have counted when all that was fed has been heard
        self._era = 0
        self._deciding = threading.Lock()  # all of the above change together; never held while waiting for anything
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
            self._ledger.hear(self._output.hear())
            return PlaybackStats(
                heard_ms=self._ledger.heard_ms(),
                queued_ms=self._ledger.unheard_ms(),
                underruns=self._output.underruns,
                latency_ms=self._output.latency_ms(),
            )

    @property
    def level(self) -> Level:
        """How loud the 20 ms are that sound now; ``metering.SILENCE`` when nothing does."""
        with self._deciding:
            self._output.hear()
            now = self._output.now()
        return level_of(now)

    @property
    def volume(self) -> float:
        """How loud it plays: 0.0 is silent, 1.0 as received, 2.0 twice the amplitude.

        Holds from the next 10 ms that are written, so it is heard as late as ``stats.latency_ms`` says.

        Raises:
            ValueError: set to something outside 0.0 to 2.0.
        """
        return self._output.volume

    @volume.setter
    def volume(self, volume: float) -> None:
        self._output.volume = volume

    def feed(self, part: AudioPart, pcm: bytes) -> None:
        """Play ``pcm`` (whole samples) after all that was fed before. Does not block.

        Dropped if its item was cut, and after ``finish``.
        """
        samples = len(pcm) // BYTES_PER_SAMPLE
        with self._deciding:
            if not samples or self._finished or not self._ledger.receive(part, samples):
                return
            gap = self._output.hear() >= self._all_heard
            self._all_heard += samples
            self._prebuffer.receive(part, samples * 1000 / self._speaker.sample_rate, monotonic(), gap=gap)
            self._chunks.put(_Chunk(self._era, part, pcm))

    def transcribe(self, part: AudioPart, words: str) -> None:
        """Note some more of what is said in the part, for ``Heard``."""
        with self._deciding:
            self._ledger.transcribe(part, words)

    def complete(self, part: AudioPart | None = None) -> None:
        """No more of the part will be fed; without one, of none. A part that is not complete can always be cut."""
        with self._deciding:
            self._ledger.complete(part)
            self._prebuffer.complete(part)
            self._chunks.put(_Chunk(self._era, part, b""))

    def flush(self) -> list[Heard]:
        """Be silent now, and tell what was cut short; the part that was sounding first. Later items play normally."""
        with self._deciding:
            self._era += 1
            self._output.clear()
            self._all_heard = self._output.hear()
            self._ledger.hear(self._all_heard)
            self._prebuffer.complete()
            return self._ledger.cut()

    def received_ms(self, item_id: str, content_index: int = 0) -> int:
        """Milliseconds received of a part, heard or not."""
        with self._deciding:
            return self._ledger.received_ms(item_id, content_index)

    @property
    def finished(self) -> bool:
        """Whether nothing more is taken."""
        return self._finished

    def finish(self) -> None:
        """Play what was fed, and no more; then release the speaker. Does not wait. Idempotent."""
        with self._deciding:
            self._finished = True
            self._prebuffer.complete()
            self._chunks.put(None)

    def join(self) -> None:
        """Wait until the speaker has been released, after ``finish``. Bounded: a device that stalls counts as gone."""
        self._worker.join()

    def _silence(self) -> None:
        self.finish()
        self.flush()

    def _run(self) -> None:
        try:
            while (chunk := self._next()) is not None:
                self._play(chunk)
            self._drain()
        finally:
            self._speaker.close()

    def _drain(self) -> None:
        era = None
        while era != self._era:  # a flush ends the wait, and then what it has cut is still dying away
            era = self._era
            self._speaker.drain()

    def _next(self) -> _Chunk | None:
        """The next chunk, as soon as its part may begin. What comes while one is held, or its end, is looked at."""
        if not self._held:
            self._held.append(self._await_chunk())
        while wait := self._wait():
            with contextlib.suppress(queue.Empty):
                self._held.append(self._chunks.get(timeout=wait))
        return self._held.popleft()

    def _await_chunk(self) -> _Chunk | None:
        while True:
            with contextlib.suppress(queue.Empty):
                return self._chunks.get(timeout=ASK_EVERY)
            self._speaker.wait_writable()  # nobody waits for it now, so nobody would hear that it is gone

    def _wait(self) -> float:
        with self._deciding:
            return self._prebuffer.wait(monotonic())

    def _play(self, chunk: _Chunk) -> None:
        size = ms_to_bytes(SLICE_MS, self._speaker.sample_rate)
        for start in range(0, len(chunk.pcm), size):
            self._speaker.wait_writable()
            with self._deciding:  # a flush comes before this slice, or after it: never in between
                if chunk.era != self._era:
                    return
                self._write(chunk.part, chunk.pcm[start : start + size])

    def _write(self, part: AudioPart | None, pcm: bytes) -> None:
        self._ledger.hear(self._output.hear())  # so that nobody remembers what was heard long ago
        if silent_ms := self._output.write(part, pcm):
            self._prebuffer.starve(silent_ms)

    def _ended(self, failure: BaseException | None) -> None:
        self._forget_exit()
        if isinstance(failure, Exception):
            self.finish()
            self._failed(failure)
