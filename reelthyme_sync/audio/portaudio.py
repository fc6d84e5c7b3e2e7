"""PortAudio: its list of devices, and a stream in mono to or from one of them. The only place that imports PyAudio.

Streams run in callback mode: PortAudio's thread passes blocks on, and no thread of ours ever blocks inside PortAudio.
(A blocking ``write()`` never returns once another thread has stopped its stream.)
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from .._exit import Resident
from .._home import Home
from .._worker import Worker, log_failure
from ..errors import AudioUnavailable
from ..pcm import ms_to_samples
from . import quiet
from .device_list import NOUN, Device, Direction, choose, read_devices
from .mono import mixed, spread

BLOCK_MS: Final = 10
"""For each call of the device. With 20, silence comes 8 ms later (measured)."""

CLOSE_WITHIN: Final = 0.9
"""Seconds. Closing takes 2 ms; but when the sound server has died, PortAudio 19.6 spins in it for ever (measured)."""

WATCH_EVERY: Final = 1.0
"""Seconds. Real devices call every 10 to 100 ms; one that is gone tells nobody."""

GONE_AFTER: Final = 3
"""Looks in a row at a device that has not called. Counted in looks and not in time, because a process that was stopped
for a while (Ctrl-Z, a debugger) finds only the one look it was stopped in overdue."""

_INT16: Final = 8
_CONTINUE: Final = 0
_ABORT: Final = 2
_LOST: Final[dict[Direction, int]] = {"input": 2, "output": 4}
"""PortAudio's flags for sound that was lost because this process was late: input overflow, output underflow."""

log = logging.getLogger("reelthyme_sync")

_portaudio: Final = threading.Lock()
"""PortAudio counts its users and links its streams without a lock of its own."""


def list_devices() -> list[Device]:
    """Every sound device of this machine; empty when it has none.

    Raises:
        AudioUnavailable: PyAudio is not installed, or does not work.
    """
    with _portaudio, quiet.muted():
        library = _initialize()
        try:
            return read_devices(library)
        finally:
            library.terminate()


_Carry = Callable[[bytes, int, bool], bytes | None]
"""From the block that was recorded, the number of samples to play, and whether some were lost, to the block to play.
All of it is mono."""

_ordinals: Final = itertools.count(1)


class Stream:
    """One stream, and its use of the library.

    Attributes:
        rate: samples per second: as wanted, or else the device's own.
    """

    def __init__(self, direction: Direction, wanted: int | str | None, rate: int) -> None:
        self._noun = NOUN[direction]
        self._lost = _LOST[direction]
        self._home = Home()
        with _portaudio, ExitStack() as undo:
            undo.enter_context(quiet.muted())  # as long as it is open: with its server gone it writes 300 MB a second
            self._library = _initialize()
            undo.callback(self._library.terminate)
            device = choose(read_devices(self._library), wanted, direction)
            self._stream = self._open(device, direction, rate)
            self._terminate = undo.pop_all().close
        self._calls = 0
        self._failed: Callable[[AudioUnavailable], object] = lambda error: None
        # A thread of its own, since closing may never end; a waiting one, since Python 3.12 starts none while it exits.
        self._told_to_close = threading.Event()
        self._watch = Worker(f"reelthyme-device-{next(_ordinals)}", self._watch_until_told_to_close, log_failure)
        self._watch.start()
        # A device that nobody has closed must not call into a Python that is being taken down.
        resident = Resident(hang_up=lambda: None, abort=self.close, join=lambda _: self._told_to_close.is_set())
        self._forget_exit = resident.end_with_process()

    @property
    def latency(self) -> float:
        """Seconds between the device taking a sample and the listener hearing it."""
        return float(self._stream.get_output_latency())

    @contextmanager
    def released_on_error(self) -> Iterator[None]:
        """Close the stream if what it is opened for fails."""
        try:
            yield
        except BaseException:
            self.close()
            raise

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
        """Cut the sound and release the device, within ``CLOSE_WITHIN``. Any thread, idempotent; not in a fork."""
        if not self._home.here:
            return
        with _portaudio:
            if self._told_to_close.is_set():
                return
            self._told_to_close.set()
            if not self._watch.join(CLOSE_WITHIN):
                log.warning("PortAudio does not let go of the %s: has the sound server ended?", self._noun)
        self._forget_exit()

    def _watch_until_told_to_close(self) -> None:
        seen, overdue = 0, 0
        while not self._told_to_close.wait(WATCH_EVERY):
            overdue = overdue + 1 if self._calls == seen else 0
            seen = self._calls
            if overdue == GONE_AFTER:
                gone = f"The {self._noun} has stopped: was it unplugged? Open it, or another one, again."
                self._failed(AudioUnavailable(gone))
        self._terminate()  # closes the stream, too

    def _open(self, device: Device, direction: Direction, wanted: int) -> Any:
        refusals: list[OSError] = []
        for rate, channels in _ways_to_open(device, direction, wanted):
            self.rate, self._channels = rate, channels
            try:
                return self._library.open(
                    rate,
                    channels,
                    _INT16,
                    frames_per_buffer=ms_to_samples(BLOCK_MS, rate),
                    start=False,
                    stream_callback=self._called,
                    **{direction: True, f"{direction}_device_index": device.index},
                )
            except OSError as error:
                refusals.append(error)
                if error.errno not in _REFUSALS:
                    break
        raise _not_opened(self._noun, device, wanted, refusals)

    def _called(self, block: bytes | None, samples: int, times: object, flags: int) -> tuple[bytes | None, int]:
        self._calls += 1
        try:
            played = self._carry(mixed(block or b"", self._channels), samples, bool(flags & self._lost))
            return None if played is None else spread(played, self._channels), _CONTINUE
        except Exception as error:  # PyAudio would raise it again in the main thread, wherever that is
            failure = AudioUnavailable(f"The {self._noun} was stopped by an error in its tap: {error!r}")
            failure.__cause__ = error
            self._failed(failure)
            return None, _ABORT


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

_REFUSALS: Final = {-9993, -9994, -9997, -9998, -9999}
"""What may mean that only this rate, or number of channels, is refused: bad combination of devices, sample format,
sample rate, channel count, error of the host."""

_CURES: Final = {
    -9985: "it is in use. Close the program that uses it, or name another one.",
    -9993: 'it does not let this user in (on Linux those in the group "audio" may), or it has gone.',
    -9996: "it has gone. Plug it in, or name another one.",
    -9997: "it refuses {rate} samples a second, and its own {own} as well. Name another one.",
    -9998: "it refuses mono, and its own number of channels as well. Name another one.",
}
"""By PortAudio's numbers: device unavailable, bad combination of devices (what becomes of ALSA's refused permission),
invalid device, sample rate, channel count."""


def _ways_to_open(device: Device, direction: Direction, wanted: int) -> Iterator[tuple[int, int]]:
    """Rates and channels to try: other channels first, since they cost no time and no quality."""
    own = device.channels(direction)
    for rate in dict.fromkeys((wanted, device.rate)):
        for channels in dict.fromkeys((1, min(2, own), own)):
            yield rate, channels


def _not_opened(noun: str, device: Device, wanted: int, refusals: list[OSError]) -> AudioUnavailable:
    reason = refusals[0] if refusals[-1].errno in _REFUSALS else refusals[-1]
    cure = _CURES.get(reason.errno or 0, f"PortAudio says {reason.strerror!r}. Try another one.")
    error = AudioUnavailable(
        f"The {noun} {device.name!r} cannot be opened: {cure.format(rate=wanted, own=device.rate)}"
    )
    error.__cause__ = reason
    return error
