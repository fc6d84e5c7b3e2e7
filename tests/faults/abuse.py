"""What no server should send: frames that break the WebSocket's rules, and frames that are merely hard to bear."""

from __future__ import annotations

import itertools
import json
import struct
from collections.abc import Iterator

from peers import frame

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
CONTINUATION = 0

HUGE = 15 * 2**20
"""The largest frame that the service is known to take."""


def event(**fields: object) -> bytes:
    return json.dumps({"type": "faults.inserted", **fields}).encode()


def huge_frame() -> Iterator[bytes]:
    yield frame(event(filling="x" * HUGE))


def two_pings() -> Iterator[bytes]:
    yield frame(b"still there?", PING) * 2


def continuation_of_nothing() -> Iterator[bytes]:
    yield frame(event(), CONTINUATION)


def text_inside_a_message() -> Iterator[bytes]:
    yield frame(event()[:5], TEXT, fin=False) + frame(event(), TEXT)


def ping_in_fragments() -> Iterator[bytes]:
    yield frame(b"are", PING, fin=False) + frame(b" you there", CONTINUATION)


def close_in_fragments() -> Iterator[bytes]:
    yield frame(struct.pack("!H", 1000), CLOSE, fin=False)


def message_without_end() -> Iterator[bytes]:
    """Fragments of one message, 1 MiB each, for ever."""
    piece = frame(b"x" * 2**20, CONTINUATION, fin=False)
    return itertools.chain([frame(b'"', TEXT, fin=False)], itertools.repeat(piece))


def frame_without_end() -> Iterator[bytes]:
    """One frame that claims 2^62 bytes, and sends on and on."""
    return itertools.chain([bytes([0x81, 127]) + struct.pack("!Q", 2**62)], itertools.repeat(b"x" * 2**20))


def reserved_bit() -> Iterator[bytes]:
    text = frame(event(), TEXT)
    yield bytes([text[0] | 0x40]) + text[1:]


def reserved_opcode() -> Iterator[bytes]:
    yield frame(event(), 3)


def masked_frame() -> Iterator[bytes]:
    """Only clients mask."""
    payload = event()
    yield bytes([0x81, 0x80 | len(payload)]) + b"\0\0\0\0" + payload


def long_ping() -> Iterator[bytes]:
    """A control frame has 125 bytes at most."""
    yield frame(b"x" * 126, PING)


def close_of_one_byte() -> Iterator[bytes]:
    yield frame(b"\x03", CLOSE)


def close_with_nobodys_code() -> Iterator[bytes]:
    yield frame(struct.pack("!H", 1005), CLOSE)
