"""Text to speech without a network: espeak-ng, which comes inside ``espeakng-loader``, imported late.

Owns the espeak library, which is global state of the process and not thread-safe: one lock guards it. Eight seconds of
speech take 6 ms to make, so a sentence is made in one call. Belongs on a worker thread all the same.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import logging
import re
import threading
from collections.abc import Iterator
from typing import Any, Final

from .. import pcm
from ..audio.resampling import resample
from .tone import tone

logger = logging.getLogger(__name__)

_VARIANTS: Final = {
    "alloy": "en-us+f2",
    "ash": "en-us+m3",
    "ballad": "en-gb+m7",
    "cedar": "en-us+m1",
    "coral": "en-us+f4",
    "echo": "en-us+m2",
    "marin": "en-us+f3",
    "sage": "en-gb+f2",
    "shimmer": "en-us+f5",
    "verse": "en-us+m4",
}
_DEFAULT_VARIANT: Final = "en-us"
_WORDS_PER_MINUTE: Final = 165

_SYNCHRONOUS: Final = 2
_DONT_EXIT: Final = 0x8000
_CHARS_UTF8: Final = 1
_RATE_PARAMETER: Final = 1
_POSITION_CHARACTER: Final = 1
_CALLBACK: Final = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


def sentences(text: str) -> list[str]:
    """What is said in one breath each, with the space behind it."""
    return re.findall(r"[^.!?]+[.!?]*\s*", text)


class Voice:
    """Says a text. Without espeak-ng it hums, and says once on the log what to install."""

    def speak(self, text: str, voice: str = "marin", speed: float = 1.0) -> Iterator[bytes]:
        """The sound of ``text``, sentence by sentence, as 24 kHz PCM16.

        Args:
            text: English.
            voice: a voice of the service; every one sounds different here, an unknown one like a default.
            speed: 1.0 is an ordinary pace, 1.5 half as fast again.
        """
        say = _espeak().say if _installed() else tone
        for sentence in sentences(text):
            yield say(sentence, _VARIANTS.get(voice, _DEFAULT_VARIANT), speed)


class _Espeak:
    """The library, by ctypes. Made once, and never unloaded: its callback must live as long as the process."""

    def __init__(self) -> None:
        import espeakng_loader

        self._library: Any = ctypes.CDLL(espeakng_loader.get_library_path())
        data = str(espeakng_loader.get_data_path()).encode()
        self._rate: int = self._library.espeak_Initialize(_SYNCHRONOUS, 0, data, _DONT_EXIT)
        if self._rate <= 0:
            raise OSError(f"espeak-ng does not start with the data in {data.decode()}")
        self._made: list[bytes] = []
        self._callback = _CALLBACK(self._collect)
        self._library.espeak_SetSynthCallback(self._callback)

    def say(self, text: str, variant: str, speed: float) -> bytes:
        encoded = text.encode() + b"\0"
        with _lock:
            self._made.clear()
            self._library.espeak_SetVoiceByName(variant.encode())
            self._library.espeak_SetParameter(_RATE_PARAMETER, round(_WORDS_PER_MINUTE * speed), 0)
            self._library.espeak_Synth(
                encoded, ctypes.c_size_t(len(encoded)), 0, _POSITION_CHARACTER, 0, _CHARS_UTF8, None, None
            )
            sound = b"".join(self._made)
        return resample(sound, self._rate, pcm.SAMPLE_RATE)

    def _collect(self, samples: Any, count: int, _events: Any) -> int:
        if samples and count > 0:
            self._made.append(ctypes.string_at(samples, count * pcm.BYTES_PER_SAMPLE))
        return 0


_lock = threading.Lock()


@functools.lru_cache(maxsize=1)
def _espeak() -> _Espeak:
    return _Espeak()


@functools.lru_cache(maxsize=1)
def _installed() -> bool:
    if all(importlib.util.find_spec(name) for name in ("espeakng_loader", "soxr")):
        return True
    logger.warning('the local server can only hum: pip install "reelthyme_sync[local]"')
    return False
