"""PortAudio: its list of devices, and a stream in mono to one of them, from one, or both. No other imports PyAudio.

Streams run in callback mode: PortAudio's thread passes blocks on, and no thread of ours ever blocks inside PortAudio.
(A blocking ``write()`` never returns once another thread has stopped its stream.) What has to do with a device may
block for ever when its driver or its sound server is stuck, so each stream has a thread for that, and nobody else waits
longer than the times below.
"""

from __future__ import annotations

import itertools
import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any, Final

from ..errors import AudioUnavailable
from ..pcm import BYTES_PER_SAMPLE, ms_to_samples
from . import quiet
from .carrier import Carrier
from .device_list import NOUN, Device, Direction, choose, read_devices
from .ends import Ends
from .mono import mixed, spread
from .refusals import is_final, not_opened, ways_to_open

BLOCK_MS: Final = 10
"""For each call of the device. With 20, silence comes 8 ms later (measured)."""

OPEN_WITHIN: Final = 5.0
"""Seconds, and as many to start it. It takes 20 ms; half a second for the first on a busy machine."""

CHANGE_WITHIN: Final = 0.9
"""The same for a device that was open just before: somebody may be waiting for the end of it all."""

CLOSE_WITHIN: Final = 0.9
"""Seconds. Closing takes 2 ms; but when the sound server has died, PortAudio 19.6 spins in it for ever (measured)."""

WATCH_EVERY: Final = 1.0
"""Seconds. Real devices call every 10 to 100 ms; one that is gone tells nobody."""

GONE_AFTER: Final = 3
"""Looks in a row at a device that has not called. Counted in looks and not in time, because a process that was stopped
for a while (Ctrl-Z, a debugger) finds only the one look it was stopped in overdue."""

GONE: Final = "has stopped: was it unplugged? Open it, or another one, again."
"""What happened to a device that no longer calls, or is not let go of."""

_INT16: Final = 8
_CONTINUE: Final = 0
_ABORT: Final = 2
_INPUT_OVERFLOW: Final = 2
_OUTPUT_UNDERFLOW: Final = 4
"""PortAudio's flags for sound that was lost because this process was late."""

log = logging.getLogger("reelthyme_sync")

_portaudio = threading.Lock()
"""PortAudio counts its users and links its streams without a lock of its own."""


def list_devices() -> list[Device]:
    """Every sound device of this machine; empty when it has none.

    Raises:
        AudioUnavailable: PyAudio is not installed, or does not work.
    """
    with _in_use() as library:
        return read_devices(library)


@contextmanager
def kept_in_use() -> Iterator[None]:
    """Keep PortAudio's list of devices, and what is connected behind it, while one stream is closed for another.

    It saves 20 ms, too.
    """
    with ExitStack() as undo:
        with suppress(AudioUnavailable):  # opening a stream will say the same
            undo.enter_context(_in_use())
        yield


_ordinals: Final = itertools.count(1)


class Stream:
    """One stream, for one direction or for both, and its use of the library.

    Made first and opened then, so that its owner has it, and can close it, whenever Ctrl-C comes.

    Args:
        wanted: for each direction the index of a device, or a part of its name; the default otherwise.
        rate: samples per second.
        again: whether it was open just before, so that no other rate will do, and it must not take long.

    Attributes:
        rate: samples per second: as wanted, or else the device's own.
        devices: the device for each direction, once it is open.
    """

    def __init__(self, wanted: Mapping[Direction, int | str | None], rate: int, *, again: bool = False) -> None:
        self.rate = rate
        self.devices: dict[Direction, Device] = {}
        self._wanted = wanted
        self._again = again
        self._noun = " and ".join(NOUN[direction] for direction in wanted)
        self._ends = Ends()
        self._failed = self._closed = self._stuck = False
        self._calls = self._calls_seen = self._overdue = 0
        self._within = CHANGE_WITHIN if again else OPEN_WITHIN
        self._undo = ExitStack()
        # A thread that waits, since Python 3.12 starts none while it exits.
        self._carrier = _carrier(self._look)

    @property
    def alive(self) -> bool:
        """Whether it has neither failed nor been closed. Any thread."""
        return not (self._failed or self._closed)

    def open(self) -> None:
        """Have the device, without a sound yet.

        Raises:
            AudioUnavailable: no PyAudio, no such device, it refuses, or it does not answer.
        """
        with self._closed_on_error(), _portaudio:
            self._answer(self._open, "open")

    def start(self, ends: Ends) -> None:
        """Let the device call the buffers for every block, until it fails or the stream is closed.

        Raises:
            AudioUnavailable: it does not start. It is closed then, as after any error.
        """
        self._ends = ends
        with self._closed_on_error():
            until_it_sounds = round(self._stream.get_output_latency() * self.rate)  # that is: until a block begins to
            ends.resume(latency=until_it_sounds + ms_to_samples(BLOCK_MS, self.rate))
            self._answer(self._start, "start")

    def go_on_with(self, ends: Ends) -> None:
        """Call no other buffers than these from now on; what has none plays silence. Any thread."""
        self._ends = ends

    def close(self) -> bool:
        """Cut the sound and release the device, within ``CLOSE_WITHIN``. Any thread, idempotent.

        Returns:
            Whether PortAudio has let go of it.
        """
        with _portaudio:
            self._closed = True
            released = self._carrier.end(self._undo.close, 0.0 if self._stuck else CLOSE_WITHIN)
            if not (released or self._stuck):
                self._stuck = True
                log.warning("PortAudio does not let go of the %s: has the sound server ended?", self._noun)
            return released

    @contextmanager
    def _closed_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.close()
            raise

    def _answer(self, order: Callable[[], object], verb: str) -> None:
        try:
            self._carrier.call(order, self._within)
        except TimeoutError:
            self._stuck = True
            silence = f"The {self._noun} does not {verb}: PortAudio has not answered for {self._within:g} s."
            log.warning("%s", silence)
            raise AudioUnavailable(f"{silence} Is the sound server well? Try again, or another one.") from None

    def _look(self) -> None:
        self._overdue = self._overdue + 1 if self._calls == self._calls_seen else 0
        self._calls_seen = self._calls
        if self._overdue == GONE_AFTER:
            self._fail(GONE)

    def _fail(self, reason: str, cause: BaseException | None = None) -> None:
        self._failed = True
        self._ends.fail(reason, cause)

    def _open(self) -> None:
        # Muted as long as it is open: with its server gone it writes 300 MB a second.
        self._library = _begin_use(self._undo)
        listed = read_devices(self._library)
        self.devices = {direction: choose(listed, name, direction) for direction, name in self._wanted.items()}
        self._stream = self._opened(self.rate)

    def _start(self) -> None:
        try:
            self._stream.start_stream()
        except OSError as error:
            refusal = f"The {self._noun} does not start: PortAudio says {error.strerror!r}."
            raise AudioUnavailable(refusal) from error

    def _opened(self, wanted: int) -> Any:
        refusals: list[OSError] = []
        for rate, channels in ways_to_open(self.devices, wanted, fixed=self._again):
            self.rate, self._channels = rate, channels
            directions = {
                option: value
                for direction, device in self.devices.items()
                for option, value in ((direction, True), (f"{direction}_device_index", device.index))
            }
            try:
                return self._library.open(
                    rate,
                    channels,
                    _INT16,
                    frames_per_buffer=ms_to_samples(BLOCK_MS, rate),
                    start=False,
                    stream_callback=self._called,
                    **directions,
                )
            except OSError as error:
                refusals.append(error)
                if is_final(error):
                    break
        raise not_opened(self._noun, list(self.devices.values()), wanted, refusals)

    def _called(self, block: bytes | None, samples: int, times: object, flags: int) -> tuple[bytes | None, int]:
        self._calls += 1
        try:
            played = self._ends.pass_on(
                mixed(block, self._channels) if block else None,
                samples,
                overflow=bool(flags & _INPUT_OVERFLOW),
                underflow=bool(flags & _OUTPUT_UNDERFLOW),
            )
            if played is None and "output" in self.devices:
                played = bytes(samples * BYTES_PER_SAMPLE)
            return None if played is None else spread(played, self._channels), _CONTINUE
        except Exception as error:  # PyAudio would raise it again in the main thread, wherever that is
            self._fail(f"was stopped by an error in its tap: {error!r}", error)
            return None, _ABORT


@contextmanager
def _in_use() -> Iterator[Any]:
    """The library, while this lasts."""
    use, carrier = ExitStack(), _carrier(lambda: None)
    with ExitStack() as undo:
        undo.callback(_end_use, carrier, use, 0.0)  # Ctrl-C may come in the midst of the one that is first
        undo.callback(_end_use, carrier, use, CLOSE_WITHIN)
        with _portaudio:
            try:
                library = carrier.call(partial(_begin_use, use), OPEN_WITHIN)
            except TimeoutError:
                silence = f"PortAudio does not start: it has not answered for {OPEN_WITHIN:g} s."
                raise AudioUnavailable(silence) from None
        yield library


def _end_use(carrier: Carrier, use: ExitStack, within: float) -> None:
    with _portaudio:
        carrier.end(use.close, within)


def _begin_use(undo: ExitStack) -> Any:
    with ExitStack() as begun:
        begun.enter_context(quiet.muted())
        library = _initialize()
        begun.callback(library.terminate)  # closes its stream, too
        undo.push(begun.pop_all())
    return library


def _carrier(idle: Callable[[], None]) -> Carrier:
    return Carrier(f"reelthyme-device-{next(_ordinals)}", idle=idle, every=WATCH_EVERY)


def _initialize() -> Any:
    try:
        import pyaudio
    except ImportError as error:
        raise AudioUnavailable(f"{error}. {_INSTALL}") from error
    quiet.silence()
    try:
        return pyaudio.PyAudio()
    except OSError as error:
        raise AudioUnavailable(f"PortAudio does not start: {error.strerror!r}.") from error


def _reset_in_child() -> None:
    """A forked child has streams of its own only, and the thread that was opening one is not there to let go."""
    global _portaudio
    _portaudio = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_in_child)


_INSTALL: Final = (
    'Sound needs PyAudio: pip install "reelthyme_sync[audio]" (before that, on Debian and Ubuntu: '
    "sudo apt-get install gcc python3-dev portaudio19-dev; on macOS: brew install portaudio)."
)
