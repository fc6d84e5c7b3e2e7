"""Keeps the C libraries under PyAudio from writing to stderr: 50 lines where there is no sound card (measured).

What they have to say comes as an exception, too. Knows their handlers, and neither PyAudio nor any device.
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any, Final

# These live as long as this module does, as they must: the libraries call them from any thread, at any time.
_ignore: Final = ctypes.CFUNCTYPE(None, ctypes.c_char_p)(lambda message: None)
_ignore_alsa: Final = ctypes.CFUNCTYPE(
    None, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p
)(lambda file, line, function, error, template: None)

_HANDLERS: Final[tuple[tuple[str, str, Any], ...]] = (
    ("libasound.so.2", "snd_lib_error_set_handler", _ignore_alsa),
    ("libjack.so.0", "jack_set_error_function", _ignore),
    ("libjack.so.0", "jack_set_info_function", _ignore),
)


def silence() -> None:
    """Call after PyAudio was imported, and before it is used. Any number of times."""
    if sys.platform != "linux":
        return
    for name, setter, handler in _HANDLERS:
        try:
            library = ctypes.CDLL(name, mode=os.RTLD_NOLOAD)  # what is not loaded already says nothing
            getattr(library, setter)(handler)
        except (OSError, AttributeError):
            continue
