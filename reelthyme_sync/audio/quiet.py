"""Keeps the C libraries under PyAudio from writing to stderr: 50 lines where there is no sound card (measured).

What they have to say comes as an exception, too. Knows their handlers, and neither PyAudio nor any device.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Final

_HANDLERS: Final = (
    ("libasound.so.2", "snd_lib_error_set_handler"),
    ("libjack.so.0", "jack_set_error_function"),
    ("libjack.so.0", "jack_set_info_function"),
)


def silence() -> None:
    """Let ALSA and JACK keep their complaints to themselves, for good.

    Call after PyAudio was imported, and before it is used. Any number of times.
    """
    if sys.platform != "linux":
        return
    # A function of C that does nothing with its arguments. One of Python's would want the GIL, on any thread at any
    # time, even while the interpreter is taken down.
    ignore = ctypes.cast(ctypes.CDLL(None).abs, ctypes.c_void_p)
    for name, setter in _HANDLERS:
        try:
            library = ctypes.CDLL(name, mode=os.RTLD_NOLOAD)  # what is not loaded already says nothing
            getattr(library, setter)(ignore)
        except (OSError, AttributeError):
            continue


@contextmanager
def muted() -> Iterator[None]:
    """Let C write to stderr in vain, until the last who wanted it so has left. For what no handler gets.

    Python's ``sys.stderr`` is not touched, nor is file descriptor 2: Python and new processes keep theirs.
    """
    _mute.enter()
    try:
        yield
    finally:
        _mute.leave()


class _Mute:
    def __init__(self) -> None:
        self._changing = threading.Lock()
        self._wanted = 0
        self._before: int | None = None

    def enter(self) -> None:
        with self._changing:
            self._wanted += 1
            stderr = _c_stderr()
            if self._wanted == 1 and stderr is not None and (nowhere := _null_file()) is not None:
                self._before, stderr.value = stderr.value, nowhere

    def leave(self) -> None:
        with self._changing:
            self._wanted -= 1
            stderr = _c_stderr()
            if self._wanted == 0 and stderr is not None and self._before is not None:
                self._before, stderr.value = None, self._before


_mute: Final = _Mute()


@cache
def _c_stderr() -> ctypes.c_void_p | None:
    """C's variable ``stderr``. Only glibc's can be assigned to: musl keeps it in memory that is read-only."""
    if sys.platform != "linux" or platform.libc_ver()[0] != "glibc":
        return None
    return ctypes.c_void_p.in_dll(ctypes.CDLL(None), "stderr")


@cache
def _null_file() -> int | None:
    opened = ctypes.CDLL(None).fopen
    opened.restype = ctypes.c_void_p
    file: int | None = opened(os.devnull.encode(), b"w")
    return file
