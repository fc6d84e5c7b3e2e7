"""A speaker and a microphone made of software, paced by a clock: what is spoken comes from memory or WAV files.

They behave as devices do, one block every 10 ms, so everything above them works as with a sound card. For machines
without one, for tests, and for conversations that are to be repeated exactly.
"""

from __future__ import annotations

import threading
from typing import Final

from ..errors import AudioUnavailable
from ..pcm import BYTES_PER_SAMPLE, SAMPLE_RATE
from .buffers import InputBuffer, OutputBuffer, Tap
from .clock import BLOCK, SoftwareClock

_CAPACITY: Final = 4 * BLOCK

_UNBOUNDED: Final = 1 << 62
"""The sound is in memory anyway, and the clock makes up for the time in which a process was stopped."""


class SoftwareSpeaker:
    """Plays into nothing; give it a ``tap`` to see what a listener would hear.

    Args:
        clock: shared with a microphone, to keep both in step; by default one of its own.
        tap: gets every block, silence included.
    """

    sample_rate = SAMPLE_RATE

    def __init__(self, *, clock: SoftwareClock | None = None, tap: Tap | None = None) -> None:
        self._buffer = OutputBuffer(_CAPACITY, tap=tap)
        self._clock = clock or SoftwareClock()
        self.wait_writable = self._buffer.wait_writable
        self.write = self._buffer.write
        self.clear = self._buffer.clear
        self.drain = self._buffer.drain
        self._clock.attach(self._tick)

    @property
    def heard(self) -> int:
        """Samples played."""
        return self._buffer.heard

    @property
    def starved(self) -> int:
        """Samples of silence played because nothing waited."""
        return self._buffer.starved

    def close(self) -> None:
        """Stop pulling."""
        self._clock.detach(self._tick)

    def _tick(self, samples: int) -> None:
        try:
            self._buffer.pull(samples)
        except Exception as error:  # of a tap; the clock, which others share, goes on
            self._buffer.fail(AudioUnavailable(f"The speaker's tap failed: {error!r}"))


class SoftwareMicrophone:
    """Hears what it is told to, and silence in between, in real time.

    Args:
        sound: what to hear first, PCM16.
        clock: shared with a speaker, to keep both in step; by default one of its own.
        tap: gets every block, silence included.
    """

    sample_rate = SAMPLE_RATE

    def __init__(self, sound: bytes = b"", *, clock: SoftwareClock | None = None, tap: Tap | None = None) -> None:
        self._buffer = InputBuffer(capacity=_UNBOUNDED, tap=tap)
        self._sound = bytearray(sound)
        self._changed = threading.Condition()
        self._clock = clock or SoftwareClock()
        self.read = self._buffer.read
        self.stop = self._buffer.stop
        self._clock.attach(self._tick)

    @property
    def overflows(self) -> int:
        """Blocks that were lost because their reader was stuck."""
        return self._buffer.overflows

    def say(self, pcm: bytes) -> None:
        """Hear ``pcm`` after all that was said before. Any thread, does not block."""
        with self._changed:
            self._sound += pcm

    def said_all(self) -> bool:
        """Whether only silence is left to hear."""
        with self._changed:
            return not self._sound

    def wait_said(self) -> None:
        """Block until only silence is left to hear."""
        with self._changed:
            self._changed.wait_for(lambda: not self._sound)

    def close(self) -> None:
        """Hear no more."""
        self._clock.detach(self._tick)

    def _tick(self, samples: int) -> None:
        size = samples * BYTES_PER_SAMPLE
        with self._changed:
            block = bytes(self._sound[:size])
            del self._sound[:size]
            self._changed.notify_all()
        try:
            self._buffer.push(block.ljust(size, b"\0"))
        except Exception as error:  # of a tap; the clock, which others share, goes on
            self._buffer.fail(AudioUnavailable(f"The microphone's tap failed: {error!r}"))
