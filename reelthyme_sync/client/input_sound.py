"""What the user says, given as an array or as bytes: made ready for the wire."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ..audio.transcoding import Encoder
from ..events import AudioFormat, ClientEvent, InputAudioBufferAppend, SessionInputAudioBufferAppend
from ..pcm import BYTES_PER_SAMPLE, encode_base64, float_to_pcm16

if TYPE_CHECKING:
    from numpy.typing import NDArray

Sound: TypeAlias = "bytes | bytearray | memoryview | NDArray[Any]"
"""PCM16 bytes, or an array of int16 samples or of floating-point ones from -1.0 to 1.0: mono, 24 kHz."""

LARGEST: Final = 48_000
"""Bytes in one event: a second. Masking a megabyte at once would hold everything else up for 18 ms."""


def pcm16(sound: Sound) -> bytes:
    """Sound as PCM16 bytes.

    Raises:
        TypeError: it is neither bytes nor an array of int16 or floating-point numbers.
        ValueError: the bytes end within a sample, or the array has more than one channel.
    """
    if isinstance(sound, bytes | bytearray | memoryview):
        data = bytes(sound)
        if len(data) % BYTES_PER_SAMPLE:
            raise ValueError(f"{len(data)} bytes end within a sample: PCM16 has two bytes for each")
        return data
    kind = getattr(getattr(sound, "dtype", None), "kind", None)
    if kind not in ("i", "f") or (kind == "i" and sound.dtype.itemsize != BYTES_PER_SAMPLE):
        what = getattr(sound, "dtype", type(sound).__name__)
        raise TypeError(f"sound is PCM16 bytes, or an array of int16 or float32, not {what}")
    if sound.ndim > 1 and sound.size != max(sound.shape):
        raise ValueError(f"sound has one channel: an array of shape (n,), not {sound.shape}")
    return float_to_pcm16(sound.ravel()) if kind == "f" else bytes(sound.astype("<i2").tobytes())


class InputSound:
    """Packs what is appended, in the format that the session hears. One thread at a time."""

    def __init__(self) -> None:
        self._format: AudioFormat | None = None
        self._encoder = Encoder()

    def events(
        self, sound: Sound, audio_format: AudioFormat | None, *, translates: bool = False
    ) -> Iterator[ClientEvent]:
        """What to send for it; nothing for no sound.

        Args:
            sound: to be appended.
            audio_format: what the session hears.
            translates: whether it is a translation.

        Raises:
            TypeError, ValueError: as of ``pcm16``.
        """
        if audio_format != self._format:
            self._format, self._encoder = audio_format, Encoder(audio_format)
        data = self._encoder.push(pcm16(sound))
        append = SessionInputAudioBufferAppend if translates else InputAudioBufferAppend
        for start in range(0, len(data), LARGEST):
            yield append(audio=encode_base64(data[start : start + LARGEST]))
