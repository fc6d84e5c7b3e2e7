import struct
from collections.abc import Iterator

import pytest
from peers import frame
from websocket import ABNF, WebSocketConnectionClosedException, WebSocketException

from reelthyme_sync.transport.frame_reader import LONGEST, FrameReader

BINARY, CLOSE, PING, TEXT = ABNF.OPCODE_BINARY, ABNF.OPCODE_CLOSE, ABNF.OPCODE_PING, ABNF.OPCODE_TEXT

SIZES = (0, 1, 125, 126, 127, 65535, 65536, 300_000)


def reader(data: bytes, at_once: int = 1 << 17) -> FrameReader:
    pieces = iter([data[start : start + at_once] for start in range(0, len(data), at_once)])
    return FrameReader(lambda: next(pieces, b""))


def frames(source: FrameReader) -> Iterator[tuple[int, bytes, int]]:
    while True:
        try:
            arrived, data = source.read()
        except WebSocketConnectionClosedException:
            return
        yield arrived.opcode, data, arrived.fin


@pytest.mark.parametrize("at_once", [1, 2, 3, 7, 1000, 1 << 17])
def test_frames_of_every_size_come_whole_however_the_bytes_arrive(at_once):
    payloads = [bytes([size % 251]) * size for size in SIZES]
    data = b"".join(frame(payload, BINARY) for payload in payloads)
    assert list(frames(reader(data, at_once))) == [(BINARY, payload, 1) for payload in payloads]


def test_the_parts_of_a_message_come_as_they_are():
    data = frame(b"one", TEXT, fin=False) + frame(b"", PING) + frame(b"two", 0)
    assert list(frames(reader(data))) == [(TEXT, b"one", 0), (PING, b"", 1), (0, b"two", 1)]


@pytest.mark.parametrize("kept", [1, 2, 3, 4, 100])
def test_an_end_in_the_middle_of_a_frame_is_told(kept):
    source = reader((frame(b"whole") + frame(b"x" * 200))[: 7 + kept])
    assert source.read()[1] == b"whole"
    with pytest.raises(WebSocketConnectionClosedException):
        source.read()


@pytest.mark.parametrize(
    "bad",
    [
        b"\xc1\x00",  # reserved bits
        b"\x83\x00",  # reserved opcodes
        b"\x8b\x00",
        b"\x81\x80abcd",  # masked, which is a client's
        b"HTTP/1.1",
        frame(b"", PING, fin=False),
        struct.pack("!BBH", 0x80 | CLOSE, 126, 200) + bytes(200),
        struct.pack("!BBQ", 0x80 | BINARY, 127, LONGEST + 1),
    ],
)
def test_what_no_server_may_send_is_refused(bad):
    with pytest.raises(WebSocketException):
        reader(bad).read()


def test_the_last_message_is_not_kept():
    source = reader(frame(b"x" * 100_000))
    assert len(source.read()[1]) == 100_000
    assert not source._ahead
