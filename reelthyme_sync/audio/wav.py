"""WAV files, read whole into the library's PCM16.

Any PCM file is converted: 8, 16, 24 or 32 bit, any rate and number of channels. What cannot be is refused with words
that say what to do.
"""

from __future__ import annotations

import os
import wave
from typing import TYPE_CHECKING, Final, TypeAlias

from ..errors import AudioUnavailable
from ..pcm import BYTES_PER_SAMPLE, SAMPLE_RATE, ms_to_samples

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Path: TypeAlias = "str | os.PathLike[str]"

_LOUD: Final = 500
"""Of 32,768: below it is the noise of a quiet room."""

_AFTERMATH_MS: Final = 200


def read_wav(path: Path, rate: int = SAMPLE_RATE) -> bytes:
    """The sound of a WAV file as mono PCM16 at ``rate``.

    Raises:
        AudioUnavailable: no such file, no WAV file, or one in an encoding that is not PCM.
    """
    try:
        with wave.open(os.fspath(path), "rb") as file:
            channels, width, file_rate, frames, *_ = file.getparams()
            data = file.readframes(frames)
    except FileNotFoundError:
        raise AudioUnavailable(f"There is no file {path}") from None
    except OSError as error:
        raise AudioUnavailable(f"{path} cannot be read: {error.strerror}") from error
    except (wave.Error, EOFError) as error:
        raise AudioUnavailable(
            f"{path} is no WAV file with PCM samples ({error}); convert it: "
            f"ffmpeg -i INPUT -ac 1 -ar {rate} -c:a pcm_s16le OUTPUT.wav"
        ) from error
    if file_rate < 1:
        raise AudioUnavailable(f"{path} says that it has {file_rate} samples per second")
    data = data[: len(data) - len(data) % (channels * width)]  # a file that was cut off
    if (channels, width, file_rate) == (1, BYTES_PER_SAMPLE, rate):
        return data
    return _to_pcm16(_resample(_samples(data, width).reshape(-1, channels).mean(axis=1), file_rate, rate))


def _samples(data: bytes, width: int) -> NDArray[np.float64]:
    """Samples between -1 and 1 from little-endian PCM of any width. Eight bits are unsigned, wider ones signed."""
    import numpy as np

    if width == 1:
        return (np.frombuffer(data, np.uint8).astype(np.float64) - 128) / 128
    padded = np.zeros((len(data) // width, 4), np.uint8)
    padded[:, 4 - width :] = np.frombuffer(data, np.uint8).reshape(-1, width)
    return padded.view("<i4")[:, 0] / 2.0**31


def _resample(samples: NDArray[np.float64], source: int, target: int) -> NDArray[np.float64]:
    if source == target:
        return samples
    try:
        import soxr
    except ImportError:
        raise AudioUnavailable(
            f"A sound of {source} Hz has to be converted to {target} Hz, which needs soxr: "
            'pip install "reelthyme_sync[audio]"'
        ) from None
    resampled: NDArray[np.float64] = soxr.resample(samples, source, target)
    return resampled


def _to_pcm16(samples: NDArray[np.float64]) -> bytes:

    return (samples * 32768).round().clip(-32768, 32767).astype("<i2").tobytes()


def without_silent_end(pcm: bytes, rate: int = SAMPLE_RATE) -> bytes:
    """The sound up to a moment after its last loud sample; nothing if it has none."""
    import numpy as np

    (loud,) = np.nonzero(np.abs(np.frombuffer(pcm, "<i2").astype(np.int32)) > _LOUD)
    end = loud[-1] + ms_to_samples(_AFTERMATH_MS, rate) if loud.size else 0
    return pcm[: int(end) * BYTES_PER_SAMPLE]
