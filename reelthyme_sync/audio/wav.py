"""WAV files: read whole into the library's PCM16, or written as they grow.

Any PCM file is converted: 8, 16, 24 or 32 bit, any rate and number of channels. What cannot be is refused with words
that say what to do.
"""

from __future__ import annotations

import io
import os
import struct
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeAlias

from ..errors import AudioUnavailable
from ..pcm import BYTES_PER_SAMPLE, SAMPLE_RATE, ms_to_samples, to_pcm16
from .resampling import resample

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Path: TypeAlias = "str | os.PathLike[str]"

_LOUD: Final = 500
"""Of 32,768: below it is the noise of a quiet room."""

_AFTERMATH_MS: Final = 200

_RATES: Final = range(1_000, 1_000_000)
_WIDEST: Final = 4  # bytes

_HEAD: Final = 44
"""Bytes before the sound in a file of ours."""

_PCM_TAG: Final = b"\x01\x00"
_EXTENSIBLE: Final = b"\xfe\xff"
_PCM_GUID: Final = bytes.fromhex("0100000000001000800000aa00389b71")


def read_wav(path: Path, rate: int = SAMPLE_RATE) -> bytes:
    """The sound of a WAV file as mono PCM16 at ``rate``.

    Raises:
        AudioUnavailable: no such file, no WAV file, or one in an encoding that is not PCM.
    """
    try:
        with open(path, "rb") as disk, wave.open(io.BytesIO(_plain(disk.read())), "rb") as file:
            channels, width, file_rate, frames, *_ = file.getparams()
            data = file.readframes(frames)
    except FileNotFoundError:
        raise AudioUnavailable(f"There is no file {path}") from None
    except OSError as error:
        raise AudioUnavailable(f"{path} cannot be read: {error.strerror}") from error
    except (wave.Error, EOFError, RuntimeError) as error:
        raise AudioUnavailable(
            f"{path} is no WAV file with PCM samples ({error}); convert it: "
            f"ffmpeg -i INPUT -ac 1 -ar {rate} -c:a pcm_s16le OUTPUT.wav"
        ) from error
    if file_rate not in _RATES or width > _WIDEST:
        raise AudioUnavailable(f"{path} says that it has {file_rate} samples per second, of {8 * width} bits each")
    data = data[: len(data) - len(data) % (channels * width)]  # a file that was cut off
    if (channels, width) != (1, BYTES_PER_SAMPLE):
        data = to_pcm16(_samples(data, width).reshape(-1, channels).mean(axis=1) * 32_768)
    return resample(data, file_rate, rate)


def _plain(data: bytes) -> bytes:
    """The same file, in plain words that it is PCM.

    ``wave`` knows no extensible format before Python 3.12, and that is what ffmpeg and sox make of 24 bits.
    """
    at = data.find(b"fmt ", 12, 4096) + 8
    extensible = data[at : at + 2] == _EXTENSIBLE and data[at + 24 : at + 40] == _PCM_GUID
    return data[:at] + _PCM_TAG + data[at + 2 :] if extensible else data


class GrowingWav:
    """A PCM16 file that is valid after every write. One thread at a time.

    Args:
        path: the WAV file, overwritten.
        channels: samples of them are interleaved.
        rate: samples per second of each.

    Raises:
        AudioUnavailable: it cannot be written there.
    """

    def __init__(self, path: Path, *, channels: int, rate: int) -> None:
        self._path = path
        self._channels = channels
        self._rate = rate
        self._size = 0
        with self._explaining():
            self._disk = open(path, "wb")  # noqa: SIM115 (close() closes it)
        try:
            self.write(b"")
        except AudioUnavailable:
            self._disk.raw.close()
            raise

    def write(self, pcm: bytes) -> None:
        """Append; also puts the new length into the file's head.

        Raises:
            AudioUnavailable: it cannot be written any more: the disk is full, say, or it is closed.
        """
        if self._disk.closed:
            raise AudioUnavailable(f"Cannot write {self._path}: it is closed")
        with self._explaining():
            if pcm:
                self._disk.seek(_HEAD + self._size)
                self._disk.write(pcm)
                self._disk.flush()  # before the head, which must not claim what a full disk has refused
            self._size += len(pcm)
            self._disk.seek(0)
            self._disk.write(_head(self._size, self._channels, self._rate))
            self._disk.flush()

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        with self._explaining():
            self._disk.close()

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise AudioUnavailable(f"Cannot write {self._path}: {error.strerror}") from error


def _head(size: int, channels: int, rate: int) -> bytes:
    """What stands before ``size`` bytes of PCM16. Above 4 GiB the length no longer fits; players read on to the end."""
    frame = channels * BYTES_PER_SAMPLE
    told = min(size, 0xFFFFFFFF - 36)
    description = struct.pack("<IHHIIHH", 16, 1, channels, rate, rate * frame, frame, 8 * BYTES_PER_SAMPLE)
    return struct.pack("<4sI8s20s4sI", b"RIFF", told + 36, b"WAVEfmt ", description, b"data", told)


def _samples(data: bytes, width: int) -> NDArray[np.float64]:
    """Samples between -1 and 1 from little-endian PCM of any width. Eight bits are unsigned, wider ones signed."""
    import numpy as np

    if width == 1:
        return (np.frombuffer(data, np.uint8).astype(np.float64) - 128) / 128
    padded = np.zeros((len(data) // width, 4), np.uint8)
    padded[:, 4 - width :] = np.frombuffer(data, np.uint8).reshape(-1, width)
    return padded.view("<i4")[:, 0] / 2.0**31


def without_silent_end(pcm: bytes, rate: int = SAMPLE_RATE) -> bytes:
    """The sound up to a moment after its last loud sample; nothing if it has none."""
    import numpy as np

    (loud,) = np.nonzero(np.abs(np.frombuffer(pcm, "<i2").astype(np.int32)) > _LOUD)
    end = loud[-1] + ms_to_samples(_AFTERMATH_MS, rate) if loud.size else 0
    return pcm[: int(end) * BYTES_PER_SAMPLE]
