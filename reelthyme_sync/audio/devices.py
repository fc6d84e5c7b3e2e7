"""The whole device contract: what a speaker and a microphone must do, whatever they are made of.

All sound is PCM16: signed 16-bit little-endian samples, mono, ``sample_rate`` of them a second. A device is opened by
its constructor (which raises ``AudioUnavailable``) and from then on belongs to one thread: the audio thread owns the
speaker, the capture thread the microphone. The methods that other threads may call say so.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

from ..pcm import SAMPLE_RATE


class Speaker(Protocol):
    """Where sound goes. Anybody can write one: five methods, a rate and two counters."""

    @property
    def sample_rate(self) -> int:
        """Samples per second."""

    @property
    def heard(self) -> int:
        """Samples, of those written, that have sounded so far. Never goes back. Any thread.

        A ``clear()`` adds what the device has taken and not sounded yet: it will sound, and nobody can call it back.
        """

    @property
    def starved(self) -> int:
        """Samples of silence that the device has played so far because nothing waited. Never goes back. Any thread."""

    def wait_writable(self) -> None:
        """Block until there is room for another block: the device is the clock. A ``clear()`` ends the wait.

        Raises:
            AudioUnavailable: the device has stopped taking samples.
        """

    def write(self, pcm: bytes) -> None:
        """Queue a block of at most 20 ms behind what waits already. Does not block."""

    def clear(self) -> None:
        """Drop what waits and fall silent: at once, but without a click, so what sounds may die away in 5 to 12 ms.

        What the device holds counts as heard at once, see ``heard``; what dies away never does. Any thread.
        """

    def drain(self) -> None:
        """Block until all that was written has been heard, and what was cleared is silent.

        A ``clear()`` ends the wait.
        """

    def close(self) -> None:
        """Release the device, at once. Idempotent."""


class Microphone(Protocol):
    """Where sound comes from."""

    @property
    def sample_rate(self) -> int:
        """Samples per second."""

    @property
    def overflows(self) -> int:
        """How often sound was lost because this process was late: blocks, or reports of the device. Never goes back.

        Any thread.
        """

    def read(self) -> bytes:
        """The next block, of any length; blocks until the device has it. ``b""`` means the end.

        Raises:
            AudioUnavailable: the device has stopped giving samples.
        """

    def stop(self) -> None:
        """Record no more: ``read()`` gives what was recorded, then ``b""``. Any thread, idempotent."""

    def close(self) -> None:
        """Release the device. Idempotent."""


Device = TypeVar("Device", Speaker, Microphone)


def at_our_rate(device: Device) -> Device:
    """The device, for a session.

    Raises:
        ValueError: it has another rate than the library's; it has been closed.
    """
    if device.sample_rate != SAMPLE_RATE:
        device.close()
        raise ValueError(
            f"The service speaks {SAMPLE_RATE} Hz, and this device takes {device.sample_rate}: open it with that rate, "
            "or resample inside it with audio.resampling.Resampler"
        )
    return device
