"""A microphone that does not hear the speaker: what any microphone gives, with the echo taken out."""

from __future__ import annotations

import threading

from ..echo import EchoControl
from .devices import Microphone
from .far_end import FarEnd


class EchoFree:
    """A ``Microphone`` round another one; its reader takes the echo out, on the thread on which it reads.

    Args:
        microphone: open; closed with this. One that is a stream with the speaker tells what that ``played``; for any
            other what the speaker was given must do.
        echo: what takes the echo out.

    Attributes:
        microphone: the other one.
        far_end: to be told what the speaker is given.
        closed: whether it has been.
    """

    def __init__(self, microphone: Microphone, echo: EchoControl) -> None:
        self.microphone = microphone
        self.far_end = FarEnd()
        self.closed = False
        self.sample_rate = microphone.sample_rate
        self.stop = microphone.stop
        self._echo = echo
        self._overflows = microphone.overflows
        self._moved = threading.Event()

    @property
    def overflows(self) -> int:
        """How often the microphone has lost sound."""
        return self.microphone.overflows

    def read(self) -> bytes:
        """The next sound without its echo; ``b""`` means the end."""
        while near := self.microphone.read():
            before = self._echo.rest() if self._has_moved() else b""
            if sound := before + self._echo.process(near, self._far(len(near))):
                return sound
        return self._echo.rest()

    def move_speaker(self) -> None:
        """It is another speaker from now on, whose echo comes another way: what was learnt is forgotten. Any thread."""
        self._moved.set()

    def close(self) -> None:
        """Release the microphone. Idempotent; for the thread that reads."""
        self.closed = True
        self._echo.rest()  # which has not been asked for when the microphone was lost
        self.microphone.close()

    def _has_moved(self) -> bool:
        moved = self._moved.is_set()
        self._moved.clear()
        return moved

    def _far(self, size: int) -> bytes:
        if self._overflows != self.microphone.overflows:  # or the far end would lag by as much as was lost
            self._overflows = self.microphone.overflows
            self.far_end.clear()
        written = self.far_end.take(size)  # also when it is not needed: it must not pile up
        played: bytes | None = getattr(self.microphone, "played", None)
        return written if played is None else played
