"""A device's way to PortAudio: a stream of its own, or one that it shares with the device of the other direction.

A canceller needs the block that was played together with the block that was recorded, and only one stream for both
gives them in one call. So a line may change its stream while it is open; the buffer at its end notices nothing but a
gap of 27 to 53 ms (measured). Knows streams and buffers; neither a speaker nor a microphone.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from .._exit import Resident
from .._home import Home
from ..errors import AudioUnavailable
from .device_list import Direction
from .ends import Ends
from .portaudio import GONE, Stream, kept_in_use

log = logging.getLogger("reelthyme_sync")

_changing = threading.Lock()
"""Guards which line is on which stream. Taken before PortAudio's own lock, and never by a callback."""

_STAY_TWO: Final = "speaker and microphone stay two streams: %s"


class Line:
    """A stream for one direction, opened and not yet started.

    Args:
        direction: the one.
        wanted: the index of a device, or a part of its name; the default otherwise.
        rate: samples per second.

    Attributes:
        rate: samples per second: as wanted, or else the device's own. The same on every stream.

    Raises:
        AudioUnavailable: no PyAudio, no such device, or it refuses.
    """

    def __init__(self, direction: Direction, wanted: int | str | None, rate: int) -> None:
        self._home = Home()
        self._direction = direction
        self._ends = Ends()
        self._partner: Line | None = None
        self._exiting = self._closed = False
        self._stream = Stream({direction: wanted}, rate)
        # A device that nobody has closed must not call into a Python that is being taken down. Told of the end first,
        # since a partner that is closed then must not have a new stream opened for this one.
        resident = Resident(hang_up=self._tell_of_exit, abort=self.close, join=lambda _: self._closed)
        self._forget_exit = resident.end_with_process()
        with self.released_on_error():
            self._stream.open()
            self.rate = self._stream.rate
            self._device = self._stream.devices[direction].index

    @contextmanager
    def released_on_error(self) -> Iterator[None]:
        """Close the line if what it is opened for fails."""
        try:
            yield
        except BaseException:
            self.close()
            raise

    def start(self, ends: Ends) -> None:
        """Let the device call the buffer, until it fails or the line is closed."""
        self._ends = ends
        self._stream.start(ends)

    def join(self, microphone: Line) -> bool:
        """Be one stream with another line, this one the speaker's. Any thread.

        Returns:
            Whether they are. If not, and after any error, each goes on with a stream of its own, or its buffer is told
            that the device is gone.
        """
        if not (self._home.here and microphone._home.here):
            return False
        with _changing:
            if self._partner is microphone:
                return self._stream.alive
            if not (self._may_join and microphone._may_join):
                return False
            if self.rate != microphone.rate:
                log.info(_STAY_TWO, f"their devices run at {self.rate} and {microphone.rate} samples a second")
                return False
            with kept_in_use(), ExitStack() as otherwise:  # which Ctrl-C, or want of a thread, must not prevent
                for line in (microphone, self):
                    otherwise.callback(line._run_alone)
                if self._run_with(microphone):
                    otherwise.pop_all()
                    return True
            return False

    def close(self) -> None:
        """Cut the sound and release the device. Any thread, idempotent; not in a fork.

        A partner goes on, on a stream of its own; while the process exits, on the one that they shared.
        """
        if not self._home.here:
            return
        with _changing:
            try:
                self._leave_stream()
            except BaseException:
                self._leave_stream()  # the rest of it: Ctrl-C must not leave a device open
                raise
            finally:
                self._closed = True  # only now: the exit of the process waits for it
                self._forget_exit()

    @property
    def _may_join(self) -> bool:
        return self._partner is None and self._stream.alive and not (self._closed or self._at_exit)

    @property
    def _at_exit(self) -> bool:
        """Whether no stream may be opened any more: once the main thread has ended, Python 3.12 starts no thread."""
        return self._exiting or not threading.main_thread().is_alive()

    def _leave_stream(self) -> None:
        """Any number of times: one that was interrupted is taken up where it was."""
        if self._closed:
            return
        partner = self._partner
        if partner is None or not self._stream.alive:  # the partner has been told
            self._stream.close()
        elif self._at_exit:
            self._stream.go_on_with(partner._ends)
        else:
            with kept_in_use():
                partner._run_alone()
        if partner is not None:
            partner._partner = None
        self._partner = None

    def _run_with(self, microphone: Line) -> bool:
        devices = {line._direction: line._device for line in (self, microphone)}
        released = [line._stream.close() for line in (self, microphone)]
        if not all(released):
            return False
        try:
            self._stream = microphone._stream = Stream(devices, self.rate, again=True)
            self._stream.open()
            self._stream.start(Ends(speaker=self._ends.speaker, microphone=microphone._ends.microphone))
        except AudioUnavailable as refusal:
            log.info(_STAY_TWO, refusal)
            return False
        self._partner, microphone._partner = microphone, self
        return True

    def _run_alone(self) -> None:
        """Go on with a stream of its own, if PortAudio lets go of the one before."""
        self._partner = None
        try:
            if not self._stream.close():
                self._ends.fail(GONE)
                return
            self._stream = Stream({self._direction: self._device}, self.rate, again=True)
            self._stream.open()
            self._stream.start(self._ends)
        except BaseException as error:
            self._stream.close()
            self._ends.fail(f"is lost after a change of streams: {str(error) or repr(error)}", error)
            if not isinstance(error, Exception):
                raise

    def _tell_of_exit(self) -> None:
        self._exiting = True


def _reset_in_child() -> None:
    """A forked child has lines of its own only, and the thread that was changing one is not there to let go."""
    global _changing
    _changing = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_in_child)
