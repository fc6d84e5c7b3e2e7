"""A conversation as a stereo WAV file, written as it goes: the user on the left, the assistant on the right."""

from __future__ import annotations

import logging
import threading
from time import monotonic
from types import TracebackType
from typing import Final

from ..errors import AudioUnavailable
from ..pcm import BYTES_PER_SAMPLE, SAMPLE_RATE, ms_to_bytes
from .buffers import Tap
from .wav import GrowingWav, Path

LEFT: Final = 0
RIGHT: Final = 1

TOLERANCE_MS: Final = 100
"""What a device may be late without having lost anything."""

_WINDOW: Final = 100
"""Blocks. One may be late for many reasons; a side that was late with every one of these has lost that much."""

_STEP_MS: Final = 5
"""Less than that is not filled up."""

log = logging.getLogger("reelthyme_sync")


class StereoRecording:
    """Give its ``tap(LEFT)`` and ``tap(RIGHT)`` to a microphone and a speaker.

    Devices tap every block, silence included, so both sides run by their sample clocks and stay in step. A side that
    begins later, or stops, is filled up with silence. The file is valid after every write. One that can no longer be
    written, because the disk is full, ends the recording and not the conversation: it is logged, and ``close`` raises.

    Args:
        path: the WAV file, overwritten.
        sample_rate: samples per second of both sides.

    Raises:
        AudioUnavailable: it cannot be written there.
    """

    def __init__(self, path: Path, *, sample_rate: int = SAMPLE_RATE) -> None:
        import numpy  # noqa: F401  # here, since `_write` runs in the callback of a device, which must not wait for it

        self._file: GrowingWav | None = GrowingWav(path, channels=2, rate=sample_rate)
        self._rate = sample_rate
        self._tolerance = ms_to_bytes(TOLERANCE_MS, sample_rate)
        self._step = ms_to_bytes(_STEP_MS, sample_rate)
        self._writing = threading.Lock()  # the two devices call on threads of their own
        self._pending = (bytearray(), bytearray())
        self._begun = [False, False]
        self._given = [0, 0]  # bytes of each side so far, with what was filled up
        self._began: float | None = None
        self._late: tuple[list[int], list[int]] = ([], [])  # bytes, of the last blocks of each side
        self._failure: AudioUnavailable | None = None

    def __enter__(self) -> StereoRecording:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def tap(self, side: int, *, live: bool = False) -> Tap:
        """What a device is to call with every block of that side, on any thread.

        Args:
            side: ``LEFT`` or ``RIGHT``.
            live: the device runs by a clock of its own and loses blocks when this process is late, as a sound card
                does. What is lost is filled up, so that the sides stay in step: 10 % of a speaker's blocks were lost
                while a recogniser worked in the same process.
        """
        return lambda block: self._add(side, block, live)

    def close(self) -> None:
        """Write what is left. Idempotent; what comes after is ignored.

        Raises:
            AudioUnavailable: not all of it could be written.
        """
        with self._writing:
            if self._file is not None:
                self._level(0)
                self._end(self._file)
            failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _add(self, side: int, block: bytes, live: bool) -> None:
        with self._writing:
            if self._file is None:
                return
            if live or not self._begun[side]:
                self._append(side, bytes(self._lost(side, len(block))))
            self._begun[side] = True
            self._append(side, block)
            self._level(allowed=ms_to_bytes(1000, self._rate))
            try:
                self._write(self._file)
            except AudioUnavailable as error:
                log.error("the recording ends: %s", error)  # noqa: TRY400 (it says all there is to say)
                self._failure = error
                self._end(self._file)

    def _end(self, file: GrowingWav) -> None:
        self._file = None
        try:
            if self._failure is None:
                self._write(file)
            file.close()
        except AudioUnavailable as error:
            self._failure = self._failure or error

    def _lost(self, side: int, size: int) -> int:
        """Bytes that the device has not given, before a block of ``size``."""
        missing, late = self._missing(side, size), self._late[side]
        if missing > (self._tolerance if self._begun[side] else self._step):
            late.clear()
            return missing
        late.append(missing)
        if len(late) < _WINDOW:
            return 0
        least = min(late)
        late.clear()
        return least if least > self._step else 0

    def _append(self, side: int, block: bytes) -> None:
        self._given[side] += len(block)
        self._pending[side].extend(block)

    def _missing(self, side: int, size: int) -> int:
        """Bytes by which a side would, with ``size`` more, be behind the time since the first block of any began."""
        now = monotonic()
        if self._began is None:
            self._began = now - size / BYTES_PER_SAMPLE / self._rate
        return ms_to_bytes((now - self._began) * 1000, self._rate) - self._given[side] - size

    def _level(self, allowed: int) -> None:
        """Fill up the side that lags by more than ``allowed`` bytes."""
        lead = len(self._pending[LEFT]) - len(self._pending[RIGHT])
        if abs(lead) > allowed:
            self._append(RIGHT if lead > 0 else LEFT, bytes(abs(lead) - allowed))

    def _write(self, file: GrowingWav) -> None:
        import numpy as np

        left, right = self._pending
        size = min(len(left), len(right))
        if size:
            sides = [np.frombuffer(bytes(side[:size]), np.int16) for side in (left, right)]
            file.write(np.column_stack(sides).tobytes())
            del left[:size], right[:size]
