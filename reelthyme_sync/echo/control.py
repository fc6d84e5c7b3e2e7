"""What every echo control does, and what it tells of itself. Pure."""

from __future__ import annotations

from typing import Protocol

from attrs import frozen


@frozen(kw_only=True)
class EchoStats:
    """What is known of the echo now. What is not known, or has no meaning for this control, is None.

    Attributes:
        erle_db: the echo return loss enhancement: by how many dB the echo came out softer than it went in, over about
            the last 2 s in which only the assistant spoke. 35 and more is inaudible, less than 20 is not. None
            until an echo was found, which takes 1 to 2 s of speech.
        erl_db: the echo return loss: by how many dB the echo reaches the microphone softer than it was played, over the
            same time. Below 0 the speaker is so loud, or the microphone so near, that it comes back louder.
        delay_ms: by how much the echo lags behind what the device was given: its latency and the way through the air.
        double_talk: whether the user speaks while the assistant may be heard.
        double_talk_ms: for how long that was so, in all.
    """

    erle_db: float | None = None
    erl_db: float | None = None
    delay_ms: float | None = None
    double_talk: bool = False
    double_talk_ms: int = 0


class EchoControl(Protocol):
    """Keeps what the speaker plays out of what the microphone gives. Anybody can write one: two methods and a value.

    All sound is 24 kHz PCM16. One thread calls ``process`` and ``rest``.
    """

    def process(self, near: bytes, far: bytes) -> bytes:
        """Add some sound; gives what is ready of the near end without its echo.

        That may be less than was added, even nothing, but never more in all.

        Args:
            near: the near end, what the microphone gave: any number of whole samples.
            far: the far end, what the device was given to play in the same time, as long: zeros when that was nothing.
                It may be ahead of its echo, by up to 500 ms, and must never be behind it.

        Raises:
            ValueError: the two differ in length, or end within a sample.
        """

    def rest(self) -> bytes:
        """The end of this sound: what was withheld of it. The next may begin, from another microphone even."""

    @property
    def stats(self) -> EchoStats:
        """What is known of the echo. Any thread."""
