"""A WAV file as a microphone, and one as a speaker: for machines without sound, batch jobs and tests.

Paced, they are devices like any other: one block every 10 ms, and silence where there is no sound. Otherwise they are
as fast as the thread that owns them.
"""

from __future__ import annotations

import threading
from typing import Final

from ..pcm import BYTES_PER_SAMPLE, SAMPLE_RATE
from .clock import BLOCK
from .devices import Microphone, Speaker
from .software import SoftwareMicrophone, SoftwareSpeaker
from .wav import GrowingWav, Path, read_wav

_BYTES_PER_BLOCK: Final = BLOCK * BYTES_PER_SAMPLE


class WavMicrophone:
    """Hears a WAV file: any PCM one, converted when it is opened.

    Args:
        path: the file.
        paced: in real time, and after the file silence until ``stop()``, as a room would be. Otherwise as fast as it is
            read, and after the file comes the end: that is for a session without turn detection, since the service
            takes sound of any speed, but notices the end of a turn by the silence after it.

    Raises:
        AudioUnavailable: no such file, or no PCM in it.
    """

    sample_rate: int = SAMPLE_RATE

    def __init__(self, path: Path, *, paced: bool = True) -> None:
        sound = read_wav(path)
        self._inner: Microphone = SoftwareMicrophone(sound) if paced else _HastyMicrophone(sound)

    @property
    def overflows(self) -> int:
        """How often sound was lost because its reader was stuck. Any thread."""
        return self._inner.overflows

    def read(self) -> bytes:
        """The next 10 ms. ``b""`` means the end."""
        return self._inner.read()

    def stop(self) -> None:
        """Hear no more. Any thread, idempotent."""
        self._inner.stop()

    def close(self) -> None:
        """Let go of the sound. Idempotent."""
        self._inner.close()


class WavSpeaker:
    """Writes what it plays into a mono WAV file, which is valid at any time.

    Args:
        path: the file, overwritten.
        paced: in real time, with the silences, as a listener would have it; ``clear()`` cuts what has not been played.
            Otherwise as fast as it is written, and all of that counts as heard at once.

    Raises:
        AudioUnavailable: it cannot be written there.
    """

    sample_rate: int = SAMPLE_RATE

    def __init__(self, path: Path, *, paced: bool = True) -> None:
        self._file = GrowingWav(path, channels=1, rate=SAMPLE_RATE)
        self._inner: Speaker = SoftwareSpeaker(tap=self._file.write) if paced else _HastySpeaker(self._file)

    @property
    def heard(self) -> int:
        """Samples played. Any thread."""
        return self._inner.heard

    @property
    def starved(self) -> int:
        """Samples of silence played because nothing waited. Any thread."""
        return self._inner.starved

    def wait_writable(self) -> None:
        """Block until there is room for another block, or ``clear()`` is called."""
        self._inner.wait_writable()

    def write(self, pcm: bytes) -> None:
        """Queue a block behind what waits already."""
        self._inner.write(pcm)

    def clear(self) -> None:
        """Drop what waits and fall silent. Any thread."""
        self._inner.clear()

    def drain(self) -> None:
        """Block until all that was written has been played, or ``clear()`` is called."""
        self._inner.drain()

    def close(self) -> None:
        """Play no more; the file is whole. Idempotent."""
        self._inner.close()
        self._file.close()


class _HastyMicrophone:
    sample_rate = SAMPLE_RATE
    overflows = 0

    def __init__(self, sound: bytes) -> None:
        self._blocks = (sound[start : start + _BYTES_PER_BLOCK] for start in range(0, len(sound), _BYTES_PER_BLOCK))
        self._stopped = threading.Event()

    def read(self) -> bytes:
        return b"" if self._stopped.is_set() else next(self._blocks, b"")

    def stop(self) -> None:
        self._stopped.set()

    def close(self) -> None:
        self._stopped.set()


class _HastySpeaker:
    sample_rate = SAMPLE_RATE
    starved = 0

    def __init__(self, file: GrowingWav) -> None:
        self._file = file
        self.heard = 0

    def wait_writable(self) -> None:
        pass

    def write(self, pcm: bytes) -> None:
        self._file.write(pcm)
        self.heard += len(pcm) // BYTES_PER_SAMPLE

    def clear(self) -> None:
        pass

    def drain(self) -> None:
        pass

    def close(self) -> None:
        pass
