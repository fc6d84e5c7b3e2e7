"""The same two buffers for a device that insists on a rate of its own: everybody else sees the rate that was asked for.

Sound is resampled on the threads that write and read, and in the device's callback only where nobody else is left: for
its tap, and for the end of a sound. Knows no device.
"""

from __future__ import annotations

import threading
from collections import deque

from ..pcm import BYTES_PER_SAMPLE, SAMPLE_RATE
from .buffers import LATE_READER_S, InputBuffer, OutputBuffer, Tap
from .fading import FADE
from .resampling import Resampler


class ResampledOutput:
    """An ``OutputBuffer`` that is written at one rate and pulled at another. All counts are of the first.

    Args:
        rate: samples per second of what is written, and of what the tap sees.
        device_rate: samples per second of what is pulled.
        capacity: as of ``OutputBuffer``, in samples of the device.
        tap: sees every block that the device takes, up to 39 ms after it was taken.

    Raises:
        AudioUnavailable: soxr is not installed.
    """

    def __init__(self, *, rate: int, device_rate: int, capacity: int, tap: Tap | None = None) -> None:
        self._resampler = Resampler(rate, device_rate)
        self._buffer = OutputBuffer(
            capacity, tap=_resampled(tap, device_rate, rate), fade=FADE * device_rate // SAMPLE_RATE
        )
        self._positions = Positions(rate, device_rate)
        # Keeps what was resampled in order. The callback waits for it, but no longer than one block takes: 30 us.
        self._ordering = threading.Lock()
        self._withholds = False
        self._fresh = False  # written to since the last pull
        self.wait_writable = self._buffer.wait_writable
        self.resume = self._buffer.resume
        self.fail = self._buffer.fail

    @property
    def heard(self) -> int:
        """Samples, of those written, that have sounded: floored, and exact at the end of a sound. Any thread."""
        with self._ordering:
            return self._positions.written_at(self._buffer.heard)

    @property
    def starved(self) -> int:
        """Samples of silence that the device took because nothing waited. Any thread."""
        return self._positions.at_our_rate(self._buffer.starved)

    def write(self, pcm: bytes) -> None:
        """Append; never blocks.

        Raises:
            ValueError: half a sample.
        """
        with self._ordering:
            self._queue(self._resampler.push(pcm), len(pcm) // BYTES_PER_SAMPLE)
            self._withholds = self._fresh = True

    def clear(self) -> None:
        """Drop what waits, and what the resampler withholds; what sounds dies away. Any thread."""
        with self._ordering:
            self._resampler.clear()
            self._withholds = False
            self._buffer.clear()
            self._positions.cut(self._buffer.heard)

    def drain(self) -> None:
        """Block until everything written has been heard, or ``clear()`` is called."""
        with self._ordering:
            self._end_sound()
        self._buffer.drain()

    def pull(self, samples: int, *, lost: bool = False) -> bytes:
        """Take exactly ``samples`` of the device's for it. Called by the device."""
        with self._ordering:
            fresh, self._fresh = self._fresh, False
            if not fresh and self._buffer.waiting < samples:
                self._end_sound()  # or the last 39 ms of a reply would come with the next one
        return self._buffer.pull(samples, lost=lost)

    def _end_sound(self) -> None:
        if self._withholds:
            self._queue(self._resampler.rest(), 0)
            self._positions.end()
            self._withholds = False

    def _queue(self, pcm: bytes, written: int) -> None:
        self._positions.advance(written, len(pcm) // BYTES_PER_SAMPLE)
        self._buffer.write(pcm)


class Positions:
    """Which sample of ours a sample of the device is.

    In the middle of a sound the rates decide, rounded down. At its end both are counted: rounding would add up.
    """

    def __init__(self, rate: int, device_rate: int) -> None:
        self._rate = rate
        self._device_rate = device_rate
        self._written = self._queued = 0  # samples of ours, and of the device, that may sound
        self._began = (0, 0)  # where the sound that is being heard began, in samples of the device and of ours
        self._ends: deque[tuple[int, int]] = deque()

    def advance(self, written: int, queued: int) -> None:
        """So much more of ours has been written, and so much more of the device's has come of it so far."""
        self._written += written
        self._queued += queued

    def end(self) -> None:
        """All that comes of what was written has been queued."""
        self._ends.append((self._queued, self._written))

    def cut(self, heard: int) -> None:
        """Nothing more sounds of what was queued: the device stands for good at ``heard`` of it."""
        self._written = self.written_at(heard)
        self._queued = heard
        self._began = (self._queued, self._written)
        self._ends.clear()

    def written_at(self, heard: int) -> int:
        """How many samples of ours have sounded when the device has sounded ``heard``."""
        while self._ends and self._ends[0][0] <= heard:
            self._began = self._ends.popleft()
        queued, written = self._began
        limit = self._ends[0][1] if self._ends else self._written
        return min(written + self.at_our_rate(heard - queued), limit)

    def at_our_rate(self, samples: int) -> int:
        """That many samples of the device, in ours, rounded down."""
        return samples * self._rate // self._device_rate


class ResampledInput:
    """An ``InputBuffer`` that is pushed at one rate and read at another.

    Args:
        rate: samples per second of what is read, and of what the tap sees.
        device_rate: samples per second of what is pushed.
        tap: sees every block that the device gives, up to 39 ms after it came.

    Attributes:
        played: what the device played while it recorded what was read last, resampled alike; None if it only records.

    Raises:
        AudioUnavailable: soxr is not installed.
    """

    def __init__(self, *, rate: int, device_rate: int, tap: Tap | None = None) -> None:
        self.played: bytes | None = None
        self._near = Resampler(device_rate, rate)
        self._far = Resampler(device_rate, rate)
        self._paired = False  # what was read last, with what was played
        self._buffer = InputBuffer(capacity=LATE_READER_S * device_rate, tap=_resampled(tap, device_rate, rate))
        self.push = self._buffer.push
        self.stop = self._buffer.stop
        self.fail = self._buffer.fail

    @property
    def overflows(self) -> int:
        """Blocks that were lost because this process was late. Any thread."""
        return self._buffer.overflows

    def read(self) -> bytes:
        """The next sound that is ready, some 35 ms at a time, or ``b""`` at the end."""
        while block := self._buffer.read():
            if sound := self._resample(block, self._buffer.played):
                return sound
        self.played = self._far.rest() if self._paired else None
        return self._near.rest()

    def _resample(self, near: bytes, far: bytes | None) -> bytes:
        ended = played = b""
        if self._paired is not (far is not None):  # on another stream: another sound, which both begin in step
            ended, played = self._near.rest(), self._far.rest()
            self._paired = not self._paired
        recorded = ended + self._near.push(near)
        if far is not None:
            self.played = played.ljust(len(ended), b"\0") + self._far.push(far)
        else:
            self.played = played.ljust(len(recorded), b"\0") if ended else None
        return recorded


def _resampled(tap: Tap | None, source: int, target: int) -> Tap | None:
    """A tap that sees ``source`` for one that wants ``target``."""
    if tap is None:
        return None
    resampler = Resampler(source, target)

    def pass_on(block: bytes) -> None:
        if sound := resampler.push(block):
            tap(sound)

    return pass_on
