"""The machine's own speaker and microphone, through PyAudio. The only file that imports it, when a device is opened.

Streams run in callback mode: PortAudio's thread passes 10 ms blocks from and to a buffer, and no thread of ours ever
blocks inside PortAudio. (A blocking ``write()`` never returns once another thread has stopped its stream.) Only the
thread that owns a device opens and closes its stream; ``clear()`` and ``stop()`` touch the buffer alone.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

from attrs import frozen

from ..errors import AudioUnavailable
from ..pcm import SAMPLE_RATE, ms_to_samples
from . import quiet
from .buffers import InputBuffer, OutputBuffer, Tap

BLOCK: Final = 240
"""Samples for each call of the device: 10 ms at 24 kHz. With 480, silence comes 8 ms later (measured)."""

CAPACITY_MS: Final = 200
"""What may wait for the speaker: as long as the audio thread may be late without a gap. ``clear()`` drops it all."""

CLOSE_WITHIN: Final = 2.0
"""Seconds. Closing takes 2 ms; but when the sound server has died, PortAudio 19.6 spins in it for ever (measured)."""

log = logging.getLogger("reelthyme_sync")

_portaudio: Final = threading.Lock()
"""PortAudio counts its users and links its streams without a lock of its own."""


@frozen
class Device:
    """A sound device of this machine.

    Attributes:
        index: what ``PyAudioSpeaker`` and ``PyAudioMicrophone`` take, until devices come or go.
        name: the same, for longer; a part of it is enough.
        inputs: channels it records; 0 for a mere speaker.
        outputs: channels it plays; 0 for a mere microphone.
        default_input: whether it is what records when none is named.
        default_output: whether it is what plays when none is named.
        rate: samples per second that it prefers.
    """

    index: int
    name: str
    inputs: int
    outputs: int
    default_input: bool
    default_output: bool
    rate: int


def list_devices() -> list[Device]:
    """Every sound device of this machine; empty when it has none.

    Raises:
        AudioUnavailable: PyAudio is not installed, or does not work.
    """
    with _portaudio:
        library = _initialize()
        try:
            return _read_devices(library)
        finally:
            library.terminate()


class PyAudioSpeaker:
    """A ``Speaker`` of this machine. Open it, hand it over, and let the audio thread do the rest.

    Args:
        device: the index of a device, or a part of its name; the default output otherwise.
        sample_rate: samples per second.
        tap: sees every block on its way to the device, silence included: the far end of an echo canceller. Called on
            the device's thread.

    Raises:
        AudioUnavailable: no PyAudio, no such device, or it refuses; the message says what to do.
    """

    def __init__(
        self, device: int | str | None = None, *, sample_rate: int = SAMPLE_RATE, tap: Tap | None = None
    ) -> None:
        self.sample_rate = sample_rate
        self._stream = _Stream("output", device, sample_rate)
        latency = round(self._stream.latency * sample_rate) + BLOCK  # until a block begins to sound, and its length
        self._buffer = OutputBuffer(ms_to_samples(CAPACITY_MS, sample_rate), latency=latency, tap=tap)
        self._stream.start(lambda _, samples: self._buffer.pull(samples), self._buffer.fail)

    @property
    def heard(self) -> int:
        """Samples, of those written, that have left the device so far. Any thread."""
        return self._buffer.heard

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


class PyAudioMicrophone:
    """A ``Microphone`` of this machine: 10 ms blocks, recorded from the moment it is opened.

    Args:
        device: the index of a device, or a part of its name; the default input otherwise.
        sample_rate: samples per second.
        tap: sees every block as it comes from the device. Called on the device's thread.

    Raises:
        AudioUnavailable: no PyAudio, no such device, or it refuses; the message says what to do.
    """

    def __init__(
        self, device: int | str | None = None, *, sample_rate: int = SAMPLE_RATE, tap: Tap | None = None
    ) -> None:
        self.sample_rate = sample_rate
        self._stream = _Stream("input", device, sample_rate)
        self._buffer = InputBuffer(tap=tap)
        self._stream.start(lambda block, _: self._buffer.push(block), self._buffer.fail)

    def read(self) -> bytes:
        """The next 10 ms; blocks until the device has them. ``b""`` means the end."""
        return self._buffer.read()

    def stop(self) -> None:
        """Record no more: ``read()`` gives what was recorded, then ``b""``. Any thread, idempotent."""
        self._buffer.stop()

    def close(self) -> None:
        """Release the device, at once. Idempotent."""
        self._buffer.stop()
        self._stream.close()


_Direction = Literal["input", "output"]
_NOUN: Final = {"input": "microphone", "output": "speaker"}

_Carry = Callable[[bytes, int], bytes | None]
"""From the block that was recorded, and the number of samples to play, to the block to play."""


class _Stream:
    """One mono stream, and its use of the library."""

    def __init__(self, direction: _Direction, wanted: int | str | None, rate: int) -> None:
        self._noun = _NOUN[direction]
        with _portaudio:
            self._library = _initialize()
            try:
                device = choose(_read_devices(self._library), wanted, direction)
                self._stream = self._open(device, direction, rate)
            except BaseException:
                self._library.terminate()
                raise

    @property
    def latency(self) -> float:
        """Seconds between the device taking a sample and the listener hearing it."""
        return float(self._stream.get_output_latency())

    def start(self, carry: _Carry, failed: Callable[[AudioUnavailable], None]) -> None:
        """Let the device call ``carry`` for every block, until it fails or the stream is closed."""
        self._carry = carry
        self._failed = failed
        try:
            self._stream.start_stream()
        except OSError as error:
            self.close()
            raise AudioUnavailable(f"The {self._noun} does not start: PortAudio says {error.strerror!r}.") from error

    def close(self) -> None:
        """Cut the sound and release the device, within ``CLOSE_WITHIN``. Any thread, idempotent."""
        with _portaudio:
            library, self._library = self._library, None
            if library is not None and not _ends(library.terminate):  # it closes the stream, too
                log.warning("PortAudio does not let go of the %s: has the sound server ended?", self._noun)

    def _open(self, device: Device, direction: _Direction, rate: int) -> Any:
        side = {direction: True, f"{direction}_device_index": device.index}
        try:
            return self._library.open(
                rate, 1, _INT16, frames_per_buffer=BLOCK, start=False, stream_callback=self._called, **side
            )
        except OSError as error:
            cure = _CURES.get(error.errno or 0, f"PortAudio says {error.strerror!r}. Try another one.")
            raise AudioUnavailable(
                f"The {self._noun} {device.name!r} cannot be opened: " + cure.format(rate=rate, own=device.rate)
            ) from error

    def _called(self, block: bytes | None, samples: int, times: object, flags: int) -> tuple[bytes | None, int]:
        try:
            return self._carry(block or b"", samples), _CONTINUE
        except Exception as error:  # PyAudio would raise it again in the main thread, wherever that is
            failure = AudioUnavailable(f"The {self._noun} was stopped by an error in its tap: {error!r}")
            failure.__cause__ = error
            self._failed(failure)
            return None, _ABORT


def _ends(call: Callable[[], object]) -> bool:
    closing = threading.Thread(target=call, name="reelthyme-closing", daemon=True)
    closing.start()
    closing.join(CLOSE_WITHIN)
    return not closing.is_alive()


def choose(devices: Sequence[Device], wanted: int | str | None, direction: _Direction) -> Device:
    """Find the device for one direction: by index, by name or a part of it, or the default.

    Raises:
        AudioUnavailable: there is no such device.
    """
    usable = [device for device in devices if getattr(device, f"{direction}s")]
    if not usable:
        raise AudioUnavailable(f"This machine has no {_NOUN[direction]}, or none that this user may open.")
    if wanted is None:
        return next((device for device in usable if getattr(device, f"default_{direction}")), usable[0])
    if isinstance(wanted, int):
        matches = [device for device in usable if device.index == wanted]
    else:  # a whole name before a part of one
        matches = [device for device in usable if wanted.lower() in device.name.lower()]
        matches.sort(key=lambda device: device.name != wanted)
    if not matches:
        names = ", ".join(f"{device.index} {device.name!r}" for device in usable)
        raise AudioUnavailable(f"There is no {_NOUN[direction]} {wanted!r}. There is: {names}.")
    return matches[0]


def _read_devices(library: Any) -> list[Device]:
    default_input = _index(library.get_default_input_device_info)
    default_output = _index(library.get_default_output_device_info)
    found = [library.get_device_info_by_index(index) for index in range(library.get_device_count())]
    return [
        Device(
            index=info["index"],
            name=str(info["name"]),
            inputs=info["maxInputChannels"],
            outputs=info["maxOutputChannels"],
            default_input=info["index"] == default_input,
            default_output=info["index"] == default_output,
            rate=int(info["defaultSampleRate"]),
        )
        for info in found
    ]


def _index(default: Callable[[], dict[str, Any]]) -> int | None:
    try:
        return int(default()["index"])
    except OSError:  # there is none
        return None


def _initialize() -> Any:
    """A use of the library. Call with the lock held, and ``terminate()`` it once."""
    try:
        import pyaudio
    except ImportError as error:
        raise AudioUnavailable(f"{error}. {_INSTALL}") from error
    quiet.silence()
    try:
        return pyaudio.PyAudio()
    except OSError as error:
        raise AudioUnavailable(f"PortAudio does not start: {error.strerror!r}.") from error


_INSTALL: Final = (
    'Sound needs PyAudio: pip install "reelthyme_sync[audio]" (before that, on Debian and Ubuntu: '
    "sudo apt-get install gcc python3-dev portaudio19-dev; on macOS: brew install portaudio)."
)

_CURES: Final = {
    -9985: "it is in use. Close the program that uses it, or name another one.",
    -9996: "it has gone. Plug it in, or name another one.",
    -9997: "it refuses {rate} samples a second (the only rate tried; it prefers {own}). Name another one.",
    -9998: "it refuses mono. Name another one.",
}
"""By PortAudio's numbers: device unavailable, invalid device, invalid sample rate, invalid channel count."""

_INT16: Final = 8
_CONTINUE: Final = 0
_ABORT: Final = 2
