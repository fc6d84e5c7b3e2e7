"""A microphone that does not hear the speaker: what any microphone gives, with the echo taken out."""

from __future__ import annotations

from ..echo import EchoControl
from .devices import Microphone
from .far_end import FarEnd


class EchoFree:
    """A ``Microphone`` round another one; its reader takes the echo out, on the thread on which it reads.

    Args:
        microphone: open; closed with this. One that is a stream with the speaker tells what that ``played``; for any
            other the far end is asked.
        echo: what takes the echo out.
        far_end: what the speaker has been given.
    """

    def __init__(self, microphone: Microphone, echo: EchoControl, far_end: FarEnd) -> None:
        self._microphone = microphone
        self._echo = echo
        self._far_end = far_end
        self.sample_rate = microphone.sample_rate
        self.stop = microphone.stop
        self.close = microphone.close

    @property
    def overflows(self) -> int:
        """How often the microphone has lost sound."""
        return self._microphone.overflows

    def read(self) -> bytes:
        """The next sound without its echo; ``b""`` means the end."""
        while near := self._microphone.read():
            if sound := self._echo.process(near, self._far(len(near))):
                return sound
        return self._echo.rest()

    def _far(self, size: int) -> bytes:
        written = self._far_end.take(size)  # also when it is not needed: it must not pile up
        played: bytes | None = getattr(self._microphone, "played", None)
        return written if played is None else played
