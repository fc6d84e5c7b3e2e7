"""Where the units of a WebSocket connection begin and end: the HTTP head, then frames. Pure.

It checks nothing: what is no frame is cut by the length it claims, as a careless reader would.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

HEAD = -1
"""The opcode of what precedes the frames: the HTTP request, or its answer."""
OPAQUE = -2
"""The opcode of bytes that nobody looks into, such as TLS records."""

_HEAD_ENDS = b"\r\n\r\n"


@attrs.frozen
class Unit:
    """What passes at once: the HTTP head, one whole frame with its header, or a block of opaque bytes."""

    opcode: int
    data: bytes = attrs.field(repr=False)


class Opaque:
    """The splitter for bytes without borders that we could see."""

    def feed(self, data: bytes) -> Iterator[Unit]:
        """Every block is a unit."""
        yield Unit(OPAQUE, data)

    def rest(self) -> Iterator[Unit]:
        """Nothing was kept."""
        yield from ()


class Splitter:
    """Cuts one direction of a connection into its units, however the bytes arrive."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._in_head = True

    def feed(self, data: bytes) -> Iterator[Unit]:
        """Every unit that is complete with ``data``."""
        self._waiting += data
        while size := self._head_size() if self._in_head else _frame_size(self._waiting):
            if len(self._waiting) < size:
                return
            opcode = HEAD if self._in_head else self._waiting[0] & 15
            unit = Unit(opcode, bytes(self._waiting[:size]))
            del self._waiting[:size]
            self._in_head = False
            yield unit

    def rest(self) -> Iterator[Unit]:
        """What has come of a unit that will never be whole."""
        if self._waiting:
            yield Unit(OPAQUE, bytes(self._waiting))

    def _head_size(self) -> int:
        found = self._waiting.find(_HEAD_ENDS)
        return 0 if found < 0 else found + len(_HEAD_ENDS)


def _frame_size(data: bytearray) -> int:
    """Bytes of the frame that ``data`` begins with; 0 as long as its header is not whole."""
    if len(data) < 2:
        return 0
    mask, short = 4 * (data[1] >> 7), data[1] & 0x7F
    if short < 126:
        return 2 + mask + short
    wide = 2 if short == 126 else 8
    return 2 + wide + mask + int.from_bytes(data[2 : 2 + wide], "big") if len(data) >= 2 + wide else 0
