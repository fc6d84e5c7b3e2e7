"""PCM16 arithmetic: signed 16-bit little-endian samples, mono. Plays nothing.

The service speaks 24 kHz; every function that depends on the rate takes it, with that as its default.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import pybase64

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAMPLE_RATE: Final = 24_000
"""Samples per second of the service's ``audio/pcm``."""

BYTES_PER_SAMPLE: Final = 2


def ms_to_samples(ms: float, rate: int = SAMPLE_RATE) -> int:
    """How many whole samples fit into ``ms`` milliseconds."""
    return int(ms * rate // 1000)


def samples_to_ms(samples: int, rate: int = SAMPLE_RATE) -> int:
    """How many whole milliseconds ``samples`` fill: floored, so that it never points past the sound."""
    return samples * 1000 // rate


def ms_to_bytes(ms: float, rate: int = SAMPLE_RATE) -> int:
    """How many bytes ``ms`` milliseconds take, always whole samples."""
    return ms_to_samples(ms, rate) * BYTES_PER_SAMPLE


def bytes_to_ms(size: int, rate: int = SAMPLE_RATE) -> int:
    """How many whole milliseconds ``size`` bytes last."""
    return samples_to_ms(size // BYTES_PER_SAMPLE, rate)


def silence(ms: float, rate: int = SAMPLE_RATE) -> bytes:
    """``ms`` milliseconds of nothing."""
    return bytes(ms_to_bytes(ms, rate))


def encode_base64(pcm: bytes) -> str:
    """Samples as the wire wants them."""
    return pybase64.b64encode_as_string(pcm)  # 0.7 us for 100 ms, where the standard library takes 9


def decode_base64(text: str) -> bytes:
    """Samples from the wire.

    Raises:
        ValueError: the text is no base64.
    """
    try:
        return pybase64.b64decode(text, validate=True)
    except ValueError:
        raise ValueError(f"{len(text)} characters that are no base64") from None


def decode_samples(text: str) -> NDArray[np.int16]:
    """Samples from the wire as an array of shape ``(n,)`` that is yours to change.

    Raises:
        ValueError: the text is no base64, or ends within a sample.
    """
    import numpy as np

    return np.frombuffer(bytearray(decode_base64(text)), dtype="<i2")


def to_pcm16(samples: NDArray[Any]) -> bytes:
    """Numbers in steps of 16 bits as samples: rounded, and clipped where they do not fit."""
    return bytes(samples.round().clip(-32_768, 32_767).astype("<i2").tobytes())


def float_to_pcm16(samples: NDArray[np.floating[Any]]) -> bytes:
    """Floating-point sound, -1.0 to 1.0, as samples: clipped; both ends are reached, and what is in between cut off."""
    import numpy as np

    clipped = np.clip(samples, -1.0, 1.0)
    return bytes(np.where(clipped < 0, clipped * 0x8000, clipped * 0x7FFF).astype("<i2").tobytes())


class Chunker:
    """Turns blocks of any length into chunks of exactly one length: an interval is a number of samples.

    Args:
        samples: the length of every chunk but the last.
    """

    def __init__(self, samples: int) -> None:
        if samples < 1:
            raise ValueError(f"a chunk needs at least one sample, not {samples}")
        self._size = samples * BYTES_PER_SAMPLE
        self._pending = bytearray()

    def push(self, block: bytes) -> Iterator[bytes]:
        """Add a block; gives every chunk that is now complete."""
        self._pending += block
        while len(self._pending) >= self._size:
            chunk = bytes(self._pending[: self._size])
            del self._pending[: self._size]
            yield chunk

    def rest(self) -> bytes:
        """What does not fill a chunk, and nothing from then on."""
        rest = bytes(self._pending)
        self._pending.clear()
        return rest
