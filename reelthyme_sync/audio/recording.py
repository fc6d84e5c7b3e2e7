"""A conversation as a stereo WAV file, written as it goes: the user on the left, the assistant on the right."""

from __future__ import annotations

import threading
from time import monotonic
from types import TracebackType
from typing import Final

from ..pcm import BYTES_PER_SAMPLE, SAMPLE_RATE, ms_to_bytes
from .buffers import Tap
from .wav import GrowingWav, Path

LEFT: Final = 0
RIGHT: Final = 1

TOLERANCE_MS: Final = 100
"""What a device may be late without having lost anything."""


class StereoRecording:
    """Give its ``tap(LEFT)`` and ``tap(RIGHT)`` to a microphone and a speaker.

    Devices tap every block, silence included, so both sides run by their sample clocks and stay in step. A side that
    begins later, or stops, is filled up with silence. The file is valid after every write.

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
        self._writing = threading.Lock()  # the two devices call on threads of their own
        self._pending = (bytearray(), bytearray())
        self._given = [0, 0]  # bytes of each side so far
        self._began: float | None = None

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
        """Write what is left. Idempotent; what comes after is ignored."""
        with self._writing:
            file, self._file = self._file, None
            if file is None:
                return
            self._level(0)
            self._write(file)
            file.close()

    def _add(self, side: int, block: bytes, live: bool) -> None:
        with self._writing:
            if self._file is None:
                return
            tolerance = self._tolerance if self._given[side] else 0
            if (live or not self._given[side]) and (lost := self._missing(side, len(block))) > tolerance:
                self._append(side, bytes(lost))
            self._append(side, block)
            self._level(allowed=ms_to_bytes(1000, self._rate))
            self._write(self._file)

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
        left, right = self._pending
        for behind, ahead in ((left, right), (right, left)):
            if len(ahead) - len(behind) > allowed:
                behind.extend(bytes(len(ahead) - len(behind) - allowed))

    def _write(self, file: GrowingWav) -> None:
        import numpy as np

        left, right = self._pending
        size = min(len(left), len(right))
        if size:
            sides = [np.frombuffer(bytes(side[:size]), np.int16) for side in (left, right)]
            file.write(np.column_stack(sides).tobytes())
            del left[:size], right[:size]
