"""Ends without a click: sound that is cut, or runs dry, dies away in milliseconds. Pure; its owner guards it.

A jump from the middle of a wave to zero is heard as a click. What dies away is laid over whatever follows, so it delays
nothing and is counted by nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..pcm import BYTES_PER_SAMPLE, ms_to_samples, to_pcm16

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FADE: Final = ms_to_samples(8)
"""Samples: long enough that no click is left, short enough to be silent 30 ms after a cut."""


class FadeOut:
    """The end of whatever sounds.

    Args:
        samples: how long it takes to die away; 0 for ends that are as sharp as the sound.
    """

    def __init__(self, samples: int = FADE) -> None:
        import numpy as np  # here, and not in a callback of the device, which must not wait for it

        steps = np.arange(1, samples + 1) / (samples + 1)
        self._window = (1 + np.cos(np.pi * steps)) / 2
        self._dying: NDArray[np.int32] = np.zeros(0, np.int32)
        self._last: int | None = None  # the last sample, while sound is under way

    @property
    def left(self) -> int:
        """Samples until what dies away is silent."""
        return int(self._dying.size)

    def fill(self, sound: bytes, samples: int) -> bytes:
        """``sound``, filled up with silence to that many samples. If it is too short, its end dies away."""
        if len(sound) >= BYTES_PER_SAMPLE:
            self._last = int.from_bytes(sound[-BYTES_PER_SAMPLE:], "little", signed=True)
        if len(sound) < samples * BYTES_PER_SAMPLE:
            self._die(b"", delay=len(sound) // BYTES_PER_SAMPLE)
        return self._mix(sound.ljust(samples * BYTES_PER_SAMPLE, b"\0"))

    def cut(self, rest: bytes | bytearray) -> None:
        """Let what sounds die away, as it would have gone on with ``rest``. What has not begun to sound never does."""
        self._die(rest, delay=0)

    def _die(self, rest: bytes | bytearray, *, delay: int) -> None:
        import numpy as np

        last, self._last = self._last, None
        size = len(self._window)
        if last is None or not size:
            return
        ahead = np.frombuffer(rest[: size * BYTES_PER_SAMPLE], "<i2")
        sound = np.full(size, ahead[-1] if ahead.size else last, np.float64)  # held, where nothing is known of it
        sound[: ahead.size] = ahead
        dying = np.zeros(max(delay + size, self._dying.size), np.int32)
        dying[: self._dying.size] = self._dying
        dying[delay : delay + size] += (sound * self._window).astype(np.int32)
        self._dying = dying

    def _mix(self, block: bytes) -> bytes:
        if not self._dying.size:
            return block
        import numpy as np

        mixed = np.frombuffer(block, "<i2").astype(np.int32)
        now, self._dying = self._dying[: mixed.size], self._dying[mixed.size :]
        mixed[: now.size] += now
        return to_pcm16(mixed)
