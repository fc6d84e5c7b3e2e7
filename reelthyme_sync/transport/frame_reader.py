"""Frames on their way in: cut out of the bytes that the socket gives, and judged by websocket-client. On the reader.

websocket-client itself asks for every frame in three pieces, which costs 10 us for each frame; here it is 4, and the
rules of RFC 6455 that it lets a server break are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from websocket import (
    ABNF,
    WebSocketConnectionClosedException,
    WebSocketPayloadException,
    WebSocketProtocolException,
    continuous_frame,
)

LONGEST: Final = 1 << 26
"""Bytes of a frame, or of a message in several: 64 MiB. The service is known to take 15 MiB; more is no message."""

_WHOLE_TEXT: Final = 0x81
"""How nearly every frame begins: judging it anew each time would cost as much as cutting it out."""

_LONGEST_SHORT: Final = 125
_SIZE_IN_2_BYTES: Final = 126
_SIZE_IN_8_BYTES: Final = 127


class FrameReader:
    """Cuts frames out of the bytes that a socket gives, and joins the pieces of a message.

    Args:
        receive: gives the next bytes, however many there are; ``b""`` at the end. Many at once are best.
    """

    def __init__(self, receive: Callable[[], bytes]) -> None:
        self._receive = receive
        self._ahead = b""
        self._at = 0
        self._whole_text = ABNF(fin=1, opcode=ABNF.OPCODE_TEXT, mask_value=0)
        self._pieces = continuous_frame(fire_cont_frame=False, skip_utf8_validation=True)

    def read(self) -> tuple[ABNF, bytes]:
        """The next frame, and its data. Blocks as ``receive`` does.

        Raises:
            WebSocketException: the bytes are no frame that a server may send, or they have ended.
        """
        first, second = self._take(2)
        opcode, size = first & 0x0F, second & 0x7F
        if size == _SIZE_IN_2_BYTES:
            size = int.from_bytes(self._take(2), "big")
        elif size == _SIZE_IN_8_BYTES:
            size = int.from_bytes(self._take(8), "big")
        if second & 0x80:
            raise WebSocketProtocolException("a server must not mask its frames")
        if opcode >= ABNF.OPCODE_CLOSE and (size > _LONGEST_SHORT or first < 0x80):
            raise WebSocketProtocolException("a control frame is whole, and has 125 bytes at most")
        _check_length(size)
        data = self._take(size)
        if first == _WHOLE_TEXT:
            return self._whole_text, data
        frame = ABNF(first >> 7, first >> 6 & 1, first >> 5 & 1, first >> 4 & 1, opcode, 0, data)
        frame.validate(skip_utf8_validation=True)  # which costs 6 ms for 16 KB; decoding the JSON checks it anyway
        return frame, data

    def join(self, frame: ABNF, data: bytes) -> bytes | None:
        """A message, once its last frame has come."""
        pieces = self._pieces
        pieces.validate(frame)
        if frame.fin and not pieces.recving_frames:
            return data
        pieces.add(frame)
        assert pieces.cont_data is not None
        _check_length(len(pieces.cont_data[1]))
        whole: bytes | None = pieces.extract(frame)[1].data if frame.fin else None
        return whole

    def _take(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._ahead):
            self._fill(size)
            end = size
        taken = self._ahead[self._at : end]
        self._at = end
        if end == len(self._ahead):
            self._ahead, self._at = b"", 0  # a session that falls silent must not keep its last message
        return taken

    def _fill(self, size: int) -> None:
        """Have at least ``size`` bytes, from the start of ``_ahead``."""
        pieces = [self._ahead[self._at :]]
        missing = size - len(pieces[0])
        while missing > 0:
            piece = self._receive()
            if not piece:
                raise WebSocketConnectionClosedException("the server cut it without a close frame")
            pieces.append(piece)
            missing -= len(piece)
        self._ahead = b"".join(pieces)
        self._at = 0


def _check_length(size: int) -> None:
    if size > LONGEST:
        raise WebSocketPayloadException(f"a message has more than {LONGEST} bytes")
