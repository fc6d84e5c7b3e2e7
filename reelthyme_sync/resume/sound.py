"""The user's sound that a new server would have to hear again: what no turn has been made of yet. Pure.

Sound is counted in milliseconds from the first that the present server got, as that server counts it. What is kept is
bounded, and what is dropped is counted.
"""

from __future__ import annotations

from base64 import b64decode
from collections import deque
from collections.abc import Iterable
from math import inf
from typing import Final

import attrs

from ..pcm import encode_base64
from .outbound import Outbound

KEPT_MS: Final = 60_000
"""The most that is kept: 2.9 MB."""

KEPT_WHILE_SILENT_MS: Final = 5_000
"""The most that is kept while a server that detects turns hears nobody speak: what it may not have judged yet."""


@attrs.define
class Piece:
    """The sound of one append event.

    Attributes:
        number: that of the message that carried it.
        audio: base64.
        begins, ends: ms, as the present server counts.
    """

    number: int
    audio: str = attrs.field(repr=False)
    begins: float
    ends: float


class Sound:
    """The pieces that are kept, in order.

    Args:
        outbound: where the messages wait that carried them; those that need not be sent again are dropped there.
    """

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound
        self._pieces: deque[Piece] = deque()
        self._sent_ms = 0.0
        self._resent_ms = -inf
        self._dropped_ms = -inf
        self.lost_ms = 0.0
        """Milliseconds that were dropped although a turn may have been made of them."""

    def __len__(self) -> int:
        return len(self._pieces)

    def append(self, number: int, audio: str, ms: float, *, silence: bool) -> None:
        """Keep one more piece; of ``silence``, which a server has judged to be that, only the last."""
        self._pieces.append(Piece(number, audio, self._sent_ms, self._sent_ms + ms))
        self._sent_ms += ms
        judged = silence and self._sent_ms - self._resent_ms > KEPT_WHILE_SILENT_MS
        most_ms = KEPT_WHILE_SILENT_MS if judged else KEPT_MS
        while self._pieces[0].ends <= self._sent_ms - most_ms:
            oldest = self._take()
            if judged:
                self._dropped_ms = oldest.ends
            else:
                self.lost_ms += oldest.ends - oldest.begins

    def withdraw(self, number: int) -> None:
        """Take back a piece that was not sent, unless a turn has been made of it meanwhile."""
        if self._pieces and self._pieces[-1].number == number:
            self._sent_ms = self._pieces.pop().begins

    def speech_began(self, at_ms: float) -> None:
        """What was dropped as silence, but sent faster than the server could judge it, was none."""
        self.lost_ms += max(0.0, self._dropped_ms - at_ms)

    def take_until(self, end_ms: float) -> list[Piece]:
        """What lies before a moment. A piece that it cuts is cut in two, so that nothing is heard twice."""
        self.lost_ms = 0.0
        taken = []
        while self._pieces and self._pieces[0].ends <= end_ms:
            taken.append(self._take())
        if self._pieces and self._pieces[0].begins < end_ms:
            taken.append(self._take_part(end_ms))
        return taken

    def take_before(self, number: int) -> list[Piece]:
        """What was sent before a message."""
        self.lost_ms = 0.0
        taken = []
        while self._pieces and self._pieces[0].number < number:
            taken.append(self._take())
        return taken

    def restart(self) -> None:
        """A new server will hear all that is kept, from its own zero on."""
        begun = self._pieces[0].begins if self._pieces else self._sent_ms
        for piece in self._pieces:
            piece.begins -= begun
            piece.ends -= begun
        self._sent_ms -= begun
        self._dropped_ms -= begun
        self._resent_ms = self._sent_ms  # all at once: it takes a while until the server has judged that

    def _take(self) -> Piece:
        piece = self._pieces.popleft()
        self._outbound.drop(piece.number)
        return piece

    def _take_part(self, end_ms: float) -> Piece:
        piece = self._pieces[0]
        sound = _decoded(piece.audio)
        samples = len(sound) // 2
        at = 2 * round(samples * (end_ms - piece.begins) / (piece.ends - piece.begins))
        if at == len(sound):
            return self._take()  # less than a sample would be left
        taken = Piece(piece.number, encode_base64(sound[:at]), piece.begins, end_ms)
        piece.audio, piece.begins = encode_base64(sound[at:]), end_ms
        self._outbound.amend(piece.number, audio=piece.audio)
        return taken


def joined(pieces: Iterable[str]) -> str:
    """Base64 pieces, each padded by itself, as one."""
    return encode_base64(b"".join(map(_decoded, pieces)))


def _decoded(audio: str) -> bytes:
    """What is no base64 is no sound: the server has refused it."""
    try:
        return b64decode(audio)
    except ValueError:
        return b""
