"""The machine's own speaker and microphone.

A line carries 10 ms blocks between the device and a buffer, on the device's own thread; ``clear()`` and ``stop()``
touch the buffer alone. Only the thread that owns a device opens and closes it; ``full_duplex.join`` is for any.
"""

from __future__ import annotations

from typing import Final

from ..errors import AudioUnavailable
from ..pcm import SAMPLE_RATE, ms_to_samples
from .buffers import LATE_READER_S, InputBuffer, OutputBuffer, Tap
from .device_list import Device, choose
from .ends import Ends
from .line import Line
from .portaudio import list_devices
from .resampled_buffers import ResampledInput, ResampledOutput

__all__ = ["Device", "PyAudioMicrophone", "PyAudioSpeaker", "choose", "list_devices"]

CAPACITY_MS: Final = 200
"""What may wait for the speaker: as long as the audio thread may be late without a gap. ``clear()`` drops it all."""


class PyAudioSpeaker:
    """A ``Speaker`` of this machine. Open it, hand it over, and let the audio thread do the rest.

    A device that refuses this rate, or mono, is opened with its own rate and channels: what is written is resampled
    (which needs soxr) and played on all of them. Nobody but the device sees the difference.

    Args:
        device: the index of a device, or a part of its name; the default output otherwise.
        sample_rate: samples per second of what is written, and of every count.
        tap: sees every block on its way to the device, silence included: the far end of an echo canceller. Called on
            the device's thread.

    Attributes:
        line: its way to PortAudio, for ``full_duplex.join``.

    Raises:
        AudioUnavailable: no PyAudio, no such device, or it refuses; the message says what to do.
    """

    def __init__(
        self, device: int | str | None = None, *, sample_rate: int = SAMPLE_RATE, tap: Tap | None = None
    ) -> None:
        self.sample_rate = sample_rate
        self.line = Line("output", device, sample_rate)
        with self.line.released_on_error():
            self._buffer = self._open_buffer(self.line.rate, tap)
            self.line.start(Ends(speaker=self._buffer))

    @property
    def heard(self) -> int:
        """Samples, of those written, that have left the device so far. Any thread."""
        return self._buffer.heard

    @property
    def starved(self) -> int:
        """Samples of silence that the device has played because nothing waited. Any thread."""
        return self._buffer.starved

    def wait_writable(self) -> None:
        """Block until there is room for another block, or ``clear()`` is called."""
        self._buffer.wait_writable()

    def write(self, pcm: bytes) -> None:
        """Queue a block behind what waits already."""
        self._buffer.write(pcm)

    def clear(self) -> None:
        """Drop what waits and fall silent, within what the device holds itself. Any thread."""
        self._buffer.clear()

    def drain(self) -> None:
        """Block until all that was written has been heard, or ``clear()`` is called."""
        self._buffer.drain()

    def close(self) -> None:
        """Release the device, at once. Idempotent."""
        self._buffer.fail(AudioUnavailable("This speaker is closed."))
        self.line.close()

    def _open_buffer(self, device_rate: int, tap: Tap | None) -> OutputBuffer | ResampledOutput:
        capacity = ms_to_samples(CAPACITY_MS, device_rate)
        if device_rate == self.sample_rate:
            return OutputBuffer(capacity, tap=tap)
        return ResampledOutput(rate=self.sample_rate, device_rate=device_rate, capacity=capacity, tap=tap)


class PyAudioMicrophone:
    """A ``Microphone`` of this machine: it records from the moment it is opened.

    A device that refuses this rate, or mono, is opened with its own rate and channels: what it records is averaged over
    these and resampled (which needs soxr). Nobody but the device sees the difference.

    Args:
        device: the index of a device, or a part of its name; the default input otherwise.
        sample_rate: samples per second of what is read.
        tap: sees every block as it comes from the device. Called on the device's thread.

    Attributes:
        line: its way to PortAudio, for ``full_duplex.join``.

    Raises:
        AudioUnavailable: no PyAudio, no such device, or it refuses; the message says what to do.
    """

    def __init__(
        self, device: int | str | None = None, *, sample_rate: int = SAMPLE_RATE, tap: Tap | None = None
    ) -> None:
        self.sample_rate = sample_rate
        self.line = Line("input", device, sample_rate)
        with self.line.released_on_error():
            self._buffer = self._open_buffer(self.line.rate, tap)
            self.line.start(Ends(microphone=self._buffer))

    @property
    def overflows(self) -> int:
        """How often sound was lost because this process was late. Any thread."""
        return self._buffer.overflows

    @property
    def played(self) -> bytes | None:
        """What the speaker was given in the very calls of the device in which the last ``read()`` was recorded.

        As long as that, and at its rate. None when microphone and speaker were not one stream then: see
        ``full_duplex.join``. For the thread that reads.
        """
        return self._buffer.played

    def read(self) -> bytes:
        """The next 10 ms, or 35 if they are resampled; blocks until the device has them. ``b""`` means the end."""
        return self._buffer.read()

    def stop(self) -> None:
        """Record no more: ``read()`` gives what was recorded, then ``b""``. Any thread, idempotent."""
        self._buffer.stop()

    def close(self) -> None:
        """Release the device, at once. Idempotent."""
        self._buffer.stop()
        self.line.close()

    def _open_buffer(self, device_rate: int, tap: Tap | None) -> InputBuffer | ResampledInput:
        if device_rate == self.sample_rate:
            return InputBuffer(capacity=LATE_READER_S * device_rate, tap=tap)
        return ResampledInput(rate=self.sample_rate, device_rate=device_rate, tap=tap)
