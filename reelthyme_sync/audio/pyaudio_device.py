"""The machine's own speaker and microphone.

A stream carries 10 ms blocks between the device and a buffer, on the device's own thread; ``clear()`` and ``stop()``
touch the buffer alone. Only the thread that owns a device opens and closes it.
"""

from __future__ import annotations

from typing import Final

from ..errors import AudioUnavailable
from ..pcm import SAMPLE_RATE, ms_to_samples
from .buffers import LATE_READER_S, InputBuffer, OutputBuffer, Tap
from .device_list import Device, choose
from .portaudio import BLOCK_MS, Stream, list_devices
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

    Raises:
        AudioUnavailable: no PyAudio, no such device, or it refuses; the message says what to do.
    """

    def __init__(
        self, device: int | str | None = None, *, sample_rate: int = SAMPLE_RATE, tap: Tap | None = None
    ) -> None:
        self.sample_rate = sample_rate
        self._stream = Stream("output", device, sample_rate)
        with self._stream.released_on_error():
            self._buffer = self._open_buffer(self._stream.rate, tap)
        self._stream.start(lambda _, samples, lost: self._buffer.pull(samples, lost=lost), self._buffer.fail)

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
        self._stream.close()

    def _open_buffer(self, device_rate: int, tap: Tap | None) -> OutputBuffer | ResampledOutput:
        capacity = ms_to_samples(CAPACITY_MS, device_rate)
        until_it_sounds = round(self._stream.latency * device_rate)  # that is: until a block begins to
        latency = until_it_sounds + ms_to_samples(BLOCK_MS, device_rate)
        if device_rate == self.sample_rate:
            return OutputBuffer(capacity, latency=latency, tap=tap)
        return ResampledOutput(
            rate=self.sample_rate, device_rate=device_rate, capacity=capacity, latency=latency, tap=tap
        )


class PyAudioMicrophone:
    """A ``Microphone`` of this machine: it records from the moment it is opened.

    A device that refuses this rate, or mono, is opened with its own rate and channels: what it records is averaged over
    these and resampled (which needs soxr). Nobody but the device sees the difference.

    Args:
        device: the index of a device, or a part of its name; the default input otherwise.
        sample_rate: samples per second of what is read.
        tap: sees every block as it comes from the device. Called on the device's thread.

    Raises:
        AudioUnavailable: no PyAudio, no such device, or it refuses; the message says what to do.
    """

    def __init__(
        self, device: int | str | None = None, *, sample_rate: int = SAMPLE_RATE, tap: Tap | None = None
    ) -> None:
        self.sample_rate = sample_rate
        self._stream = Stream("input", device, sample_rate)
        with self._stream.released_on_error():
            self._buffer = self._open_buffer(self._stream.rate, tap)
        self._stream.start(lambda block, _, lost: self._buffer.push(block, lost=lost), self._buffer.fail)

    @property
    def overflows(self) -> int:
        """How often sound was lost because this process was late. Any thread."""
        return self._buffer.overflows

    def read(self) -> bytes:
        """The next 10 ms, or 35 if they are resampled; blocks until the device has them. ``b""`` means the end."""
        return self._buffer.read()

    def stop(self) -> None:
        """Record no more: ``read()`` gives what was recorded, then ``b""``. Any thread, idempotent."""
        self._buffer.stop()

    def close(self) -> None:
        """Release the device, at once. Idempotent."""
        self._buffer.stop()
        self._stream.close()

    def _open_buffer(self, device_rate: int, tap: Tap | None) -> InputBuffer | ResampledInput:
        if device_rate == self.sample_rate:
            return InputBuffer(capacity=LATE_READER_S * device_rate, tap=tap)
        return ResampledInput(rate=self.sample_rate, device_rate=device_rate, tap=tap)
