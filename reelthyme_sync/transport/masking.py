"""Frames on their way out, masked as a client's must be (RFC 6455, section 5). Pure but for the random masks."""

from __future__ import annotations

import os
import struct
import sys
from typing import Final

_LAST_FRAME: Final = 0x80
_MASKED: Final = 0x80

_LARGE: Final = 1024
"""Bytes from which numpy masks faster: 100 ms of sound, 6.5 KB, in 5 us instead of the 27 of Python's integers."""


def masked(data: bytes, opcode: int) -> bytes:
    """A whole message as one frame."""
    size, key = len(data), os.urandom(4)
    if size < 126:
        head = struct.pack("!BB", _LAST_FRAME | opcode, _MASKED | size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", _LAST_FRAME | opcode, _MASKED | 126, size)
    else:
        head = struct.pack("!BBQ", _LAST_FRAME | opcode, _MASKED | 127, size)
    return b"".join((head, key, (_by_integers if size < _LARGE else _by_numpy)(data, key)))


def _by_integers(data: bytes, key: bytes) -> bytes:
    size = len(data)
    mask = (key * (size // 4 + 1))[:size]
    both = int.from_bytes(data, sys.byteorder) ^ int.from_bytes(mask, sys.byteorder)
    return both.to_bytes(size, sys.byteorder)


def _by_numpy(data: bytes, key: bytes) -> memoryview:
    import numpy as np

    words = np.frombuffer(data.ljust(len(data) + -len(data) % 4, b"\0"), np.uint32)
    return (words ^ np.frombuffer(key, np.uint32)).data.cast("B")[: len(data)]
