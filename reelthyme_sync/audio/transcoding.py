"""Between the library's PCM16 and the format that a session has on the wire: bytes in, bytes out. Pure.

A session speaks 24 kHz PCM unless its configuration says otherwise; telephones speak G.711 at 8 kHz. One decoder or
encoder for each sound: it remembers what a piece ended with. Knows no event and no base64.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from .. import g711
from ..events import AudioPcma, AudioPcmu
from ..formats import Format, bytes_per_sample, sample_rate
from ..pcm import BYTES_PER_SAMPLE, SAMPLE_RATE
from .resampling import Resampler

_Law: TypeAlias = Callable[[bytes], bytes]

_MULAW: Final = (g711.encode_mulaw, g711.decode_mulaw)
_ALAW: Final = (g711.encode_alaw, g711.decode_alaw)


class Decoder:
    """From the wire to PCM16.

    The service's own PCM passes as it is, but for a sample that is cut in two, and needs no soxr. All else is
    resampled, which withholds up to 73 ms until ``rest()``.

    Args:
        audio_format: as in a session's configuration. What is absent, null or unknown counts as the service's own PCM.
        rate: samples per second of what comes out.

    Raises:
        AudioUnavailable: the rates differ, and soxr is not installed.
    """

    def __init__(self, audio_format: Format = None, rate: int = SAMPLE_RATE) -> None:
        _, self._decode = _law(audio_format)
        self._whole = _WholeSamples(bytes_per_sample(audio_format))
        self._resampler = Resampler(sample_rate(audio_format), rate)

    def push(self, data: bytes) -> bytes:
        """Add what came, cut anywhere; gives the whole samples that are ready."""
        return self._resampler.push(self._decode(self._whole.push(data)))

    def rest(self) -> bytes:
        """The end of this sound; the next may begin. Half a sample is dropped."""
        self._whole.clear()
        return self._resampler.rest()


class Encoder:
    """From PCM16 to the wire.

    Args:
        audio_format: as in a session's configuration. What is absent, null or unknown counts as the service's own PCM.
        rate: samples per second of what goes in.

    Raises:
        AudioUnavailable: the rates differ, and soxr is not installed.
    """

    def __init__(self, audio_format: Format = None, rate: int = SAMPLE_RATE) -> None:
        self._encode, _ = _law(audio_format)
        self._whole = _WholeSamples(BYTES_PER_SAMPLE)
        self._resampler = Resampler(rate, sample_rate(audio_format))

    def push(self, pcm: bytes) -> bytes:
        """Add sound, cut anywhere; gives what is ready for the wire."""
        return self._encode(self._resampler.push(self._whole.push(pcm)))

    def rest(self) -> bytes:
        """The end of this sound; the next may begin. Half a sample is dropped."""
        self._whole.clear()
        return self._encode(self._resampler.rest())


class _WholeSamples:
    """Keeps back the half of a sample."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._half = b""

    def push(self, data: bytes) -> bytes:
        data = self._half + data if self._half else data
        whole = len(data) - len(data) % self._size
        self._half = data[whole:]
        return data[:whole]

    def clear(self) -> None:
        self._half = b""


def _law(audio_format: Format) -> tuple[_Law, _Law]:
    """How to encode, and how to decode."""
    match audio_format:
        case AudioPcmu():
            return _MULAW
        case AudioPcma():
            return _ALAW
    return bytes, bytes
