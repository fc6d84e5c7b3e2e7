"""Half duplex: the microphone is shut while the assistant is heard. Pure; needs nothing but numpy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from .control import EchoStats
from .fader import Fader
from .frames import FRAME_MS, Frames, power
from .residual import AUDIBLE
from .tail import TailMeter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SHUT: Final = 10 ** (-50 / 20)
"""Not silence: a server should not take it for a broken microphone."""

_UNMEASURED_MS: Final = 300.0


class HalfDuplex:
    """Makes the microphone 50 dB softer while the assistant is audible, and until its echo has died away.

    For ``capture_audio(session, echo="gate")``: open speakers on a machine without ``pywebrtc-audio``. The user can
    speak only when the assistant has finished; whoever should be able to interrupt it needs ``EchoCanceller``. Delays
    the sound by nothing.

    Args:
        tail_ms: how long the echo lasts once the speaker has fallen silent: the latency of the device, and the room.
            None measures it, once, after the assistant's first words; until then it is taken for 300.

    Raises:
        ValueError: a negative tail.
    """

    def __init__(self, *, tail_ms: float | None = None) -> None:
        if tail_ms is not None and tail_ms < 0:
            raise ValueError(f"a tail of {tail_ms} ms would end before it begins")
        self._frames = Frames()
        self._measured = TailMeter()
        self._wanted_ms = tail_ms
        self._begin()

    def _begin(self) -> None:
        self._fader = Fader()
        self._silent_ms = float("inf")

    @property
    def tail_ms(self) -> float:
        """How long the microphone stays shut after the assistant's last audible sound. Any thread."""
        if self._wanted_ms is not None:
            return self._wanted_ms
        return self._measured.ms if self._measured.ms is not None else _UNMEASURED_MS

    @property
    def stats(self) -> EchoStats:
        """Nothing: what is shut out is not measured, nor is the user heard beside it."""
        return EchoStats()

    def process(self, near: bytes, far: bytes) -> bytes:
        """Add some sound; gives the near end, softened where an echo may be, in whole frames of 20 ms.

        Raises:
            ValueError: the two differ in length, or end within a sample.
        """
        return self._soften(self._frames.push(near, far))

    def rest(self) -> bytes:
        """The end of this sound: what did not fill a frame. The tail that was measured holds."""
        frames, size = self._frames.rest()
        rest = self._soften(frames)[:size]
        self._measured.forget()
        self._begin()
        return rest

    def _soften(self, frames: Iterator[tuple[NDArray[np.int16], NDArray[np.int16]]]) -> bytes:
        return b"".join(self._frame(near, far).tobytes() for near, far in frames)

    def _frame(self, near: NDArray[np.int16], far: NDArray[np.int16]) -> NDArray[np.int16]:
        sound = near.astype("f4")
        audible = power(far.astype("f4")) > AUDIBLE
        self._measured.add(power(sound), audible=audible)
        self._silent_ms = 0 if audible else self._silent_ms + FRAME_MS
        return self._fader.fade(sound, _SHUT if self._silent_ms <= self.tail_ms else 1.0)
