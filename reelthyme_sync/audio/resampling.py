"""Another sample rate for sound that comes in pieces. Pure, and the only place that imports soxr, when it is needed.

Knows PCM16 mono and two rates; no device and no thread: whoever shares a resampler between threads locks it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ..errors import AudioUnavailable
from ..pcm import BYTES_PER_SAMPLE, to_pcm16

if TYPE_CHECKING:
    pass

_QUALITY: Final = "HQ"
"""130 dB and more. A lower one does not answer sooner: MQ, too, works on pieces of some 35 ms."""


class Resampler:
    """Turns PCM16 at one rate into PCM16 at another, as it comes.

    For the end of a sound call ``rest()``: up to 39 ms are withheld until what follows them is known (73 ms from or to
    8 kHz). They come out with what is pushed later, time-aligned: nothing is lost and nothing is delayed. Equal rates
    pass unchanged, and need no soxr.

    Args:
        source: samples per second of what is pushed.
        target: samples per second of what comes out.

    Raises:
        AudioUnavailable: soxr is not installed; the message says how to.
        ValueError: a rate below 1.
    """

    def __init__(self, source: int, target: int) -> None:
        if min(source, target) < 1:
            raise ValueError(f"from {source} to {target} samples per second is no resampling")
        self.source = source
        self.target = target
        self._soxr = _open(source, target) if source != target else None

    def push(self, pcm: bytes) -> bytes:
        """Add sound of any length; gives what is ready, which may be nothing.

        Raises:
            ValueError: half a sample.
        """
        return self._convert(pcm, last=False)

    def rest(self) -> bytes:
        """What was withheld. After it the next sound may begin; the whole is as long in seconds as what was pushed."""
        rest = self._convert(b"", last=True)
        self.clear()
        return rest

    def clear(self) -> None:
        """Drop what was withheld: what is pushed next is the beginning of another sound."""
        if self._soxr is not None:
            self._soxr.clear()

    def _convert(self, pcm: bytes, *, last: bool) -> bytes:
        if len(pcm) % BYTES_PER_SAMPLE:
            raise ValueError(f"{len(pcm)} bytes are no whole number of 16-bit samples")
        if self._soxr is None:
            return pcm
        import numpy as np

        # In floats: among int16 soxr adds noise at random, which costs 44 dB at -20 dB, and makes silence hiss.
        samples = np.frombuffer(pcm, "<i2").astype(np.float32)
        return to_pcm16(self._soxr.resample_chunk(samples, last=last))


def resample(pcm: bytes, source: int, target: int) -> bytes:
    """A whole sound at another rate, as long in seconds as before. Raises as ``Resampler`` does."""
    resampler = Resampler(source, target)
    return resampler.push(pcm) + resampler.rest()


def _open(source: int, target: int) -> Any:
    import numpy  # noqa: F401  # here, since `push` may run in the callback of a device, which must not wait for it

    try:
        import soxr
    except ImportError:
        raise AudioUnavailable(
            f"Sound of {source} Hz has to be converted to {target} Hz, which needs soxr: "
            'pip install "reelthyme_sync[audio]"'
        ) from None
    return soxr.ResampleStream(source, target, 1, dtype="float32", quality=_QUALITY)
