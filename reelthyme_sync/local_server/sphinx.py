"""pocketsphinx's decoder without the interpreter lock: its C functions, by ctypes. Imported late.

The package's own binding keeps the lock for a whole call: at the end of an utterance of 2.4 s no other thread ran for
270 ms, and a call's sound stood still. Where the wheel does not export the functions, as for Windows, the package's
binding is what there is.
"""

from __future__ import annotations

import ctypes
from typing import Any, Final

import attrs

from .. import pcm

_FUNCTIONS: Final[dict[str, tuple[Any, list[Any]]]] = {
    "ps_config_init": (ctypes.c_void_p, [ctypes.c_void_p]),
    "ps_config_set_str": (ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p]),
    "ps_config_set_int": (ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_long]),
    "ps_init": (ctypes.c_void_p, [ctypes.c_void_p]),
    "ps_current_search": (ctypes.c_char_p, [ctypes.c_void_p]),
    "ps_add_jsgf_string": (ctypes.c_int, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p]),
    "ps_activate_search": (ctypes.c_int, [ctypes.c_void_p, ctypes.c_char_p]),
    "ps_start_utt": (ctypes.c_int, [ctypes.c_void_p]),
    "ps_process_raw": (
        ctypes.c_int,
        [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int],
    ),
    "ps_end_utt": (ctypes.c_int, [ctypes.c_void_p]),
    "ps_get_hyp": (ctypes.c_char_p, [ctypes.c_void_p, ctypes.c_void_p]),
    "ps_get_n_frames": (ctypes.c_int, [ctypes.c_void_p]),
    "ps_get_cmn": (ctypes.c_char_p, [ctypes.c_void_p, ctypes.c_int]),
    "ps_set_cmn": (ctypes.c_int, [ctypes.c_void_p, ctypes.c_char_p]),
}


@attrs.frozen
class Hypothesis:
    """What was heard; the name is that of the package's binding."""

    hypstr: str


class Sphinx:
    """The part of ``pocketsphinx.Decoder`` that the ears use, with the same names. Never freed: a process has one.

    Raises:
        RuntimeError: the library does not start, or refuses something.
    """

    def __init__(self, library: ctypes.CDLL, rate: int) -> None:
        from pocketsphinx import get_model_path

        self._library = library
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
        settings = library.ps_config_init(None)
        library.ps_config_set_str(settings, b"loglevel", b"FATAL")
        library.ps_config_set_int(settings, b"samprate", rate)
        for name, path in (("hmm", "en-us/en-us"), ("lm", "en-us/en-us.lm.bin"), ("dict", "en-us/cmudict-en-us.dict")):
            library.ps_config_set_str(settings, name.encode(), get_model_path(path).encode())
        self._decoder: int | None = library.ps_init(settings)
        if self._decoder is None:
            raise RuntimeError("pocketsphinx does not start")

    def current_search(self) -> str:
        """What it listens for now."""
        name: bytes = self._library.ps_current_search(self._decoder)
        return name.decode()

    def add_jsgf_string(self, name: str, grammar: str) -> None:
        """Let it listen for this too, when it is activated."""
        _check(self._library.ps_add_jsgf_string(self._decoder, name.encode(), grammar.encode()))

    def activate_search(self, name: str) -> None:
        """Listen for this from now on."""
        _check(self._library.ps_activate_search(self._decoder, name.encode()))

    def start_utt(self) -> None:
        """An utterance begins."""
        _check(self._library.ps_start_utt(self._decoder))

    def process_raw(self, sound: bytes) -> None:
        """Some of it, PCM16."""
        _check(self._library.ps_process_raw(self._decoder, sound, len(sound) // pcm.BYTES_PER_SAMPLE, 0, 0))

    def end_utt(self) -> None:
        """It ends: the words are decided."""
        _check(self._library.ps_end_utt(self._decoder))

    def hyp(self) -> Hypothesis | None:
        """What was heard; None is nothing."""
        words: bytes | None = self._library.ps_get_hyp(self._decoder, None)
        return None if words is None else Hypothesis(words.decode())

    def n_frames(self) -> int:
        """How many frames the utterance had."""
        return int(self._library.ps_get_n_frames(self._decoder))

    def get_cmn(self, update: bool) -> str:
        """The mean of the features."""
        mean: bytes = self._library.ps_get_cmn(self._decoder, int(update))
        return mean.decode()

    def set_cmn(self, mean: str) -> None:
        """Begin with this mean."""
        _check(self._library.ps_set_cmn(self._decoder, mean.encode()))


def decoder(rate: int) -> Any:
    """A decoder of American English for sound of this rate."""
    from pocketsphinx import Decoder, _pocketsphinx

    library = ctypes.CDLL(_pocketsphinx.__file__)
    if not all(hasattr(library, name) for name in _FUNCTIONS):
        return Decoder(samprate=rate, loglevel="FATAL")
    return Sphinx(library, rate)


def _check(result: int) -> None:
    if result < 0:
        raise RuntimeError("pocketsphinx refuses what it is told")
