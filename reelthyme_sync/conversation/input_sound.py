"""What the user's turns sound like: of the sound that was sent, the piece that each item was made of. Pure.

The server counts milliseconds from the first sound that it ever got, and neither a commit nor a clear begins anew. The
last five minutes are kept, and what a turn was cut from before.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from typing import Any, Final, TypeAlias

from ..events import InputAudio, UserMessage
from ..formats import Format, sample_rate
from ..pcm import BYTES_PER_SAMPLE, SAMPLE_RATE, ms_to_samples
from .wire_sound import read_samples

KEPT_MS: Final = 300_000
"""The most of what was sent that is kept: 14.4 MB."""

KEPT_TURNS: Final = 16
"""The most turns that wait for their items; of those that never come, the oldest go."""

_Sound: TypeAlias = tuple[bytes, int]
"""PCM16, and its samples per second."""

_NONE: Final = (b"", SAMPLE_RATE)


class InputSound:
    """The sound that was sent in one session, and the turns in it. Positions are samples.

    Attributes:
        format: in which the session hears.
        rate: samples per second.
    """

    def __init__(self) -> None:
        self.format: Format = None
        self.rate = SAMPLE_RATE
        self._half = b""
        self._chunks: list[bytes] = []
        self._ends: list[int] = []  # where each chunk ends
        self._sent = 0
        self._turn_began = 0  # where the next commit of ours begins: after the last commit, or clear
        self._commits: deque[tuple[int, int]] = deque()  # of ours, not answered yet
        self._began: dict[str, int] = {}  # where the server heard somebody begin to speak, by item
        self._ended: dict[str, None] = {}  # turns that the server heard the end of, and that are not committed yet
        self._turns: dict[str, _Sound] = {}  # that wait for their items
        self._queued: deque[_Sound] = deque(maxlen=KEPT_TURNS)  # for items whose ids nobody knows yet
        self._counts_as_we = True

    def settle(self, audio_format: Format) -> None:
        """The session hears in this format. What was sent at another rate is forgotten, but counts."""
        self.format = audio_format
        if (rate := sample_rate(audio_format)) == self.rate:
            return
        self._sent = self._turn_began = self._sent * rate // self.rate
        self.rate, self._half = rate, b""
        for known in (self._chunks, self._ends, self._commits, self._began):
            known.clear()

    def send(self, audio: str) -> None:
        """An ``input_audio_buffer.append`` goes out."""
        pcm, self._half = read_samples(audio, self.format, self._half)
        if not pcm:
            return
        self._sent += len(pcm) // BYTES_PER_SAMPLE
        self._chunks.append(pcm)
        self._ends.append(self._sent)
        dropped = bisect_right(self._ends, self._sent - ms_to_samples(KEPT_MS, self.rate))
        if dropped:
            del self._chunks[:dropped]
            del self._ends[:dropped]

    def commit(self) -> None:
        """An ``input_audio_buffer.commit`` goes out: what is sent from now on belongs to another turn."""
        self._commits.append((self._turn_began, self._sent))
        self._turn_began = self._sent

    def clear(self) -> None:
        """An ``input_audio_buffer.clear`` goes out: no turn will be made of what was sent."""
        self._turn_began = self._sent

    def refuse_commit(self) -> None:
        """The server has refused a commit, which was too short: the sound stays where it is, for the next."""
        if not self._commits:
            return
        began, ended = self._commits.popleft()
        if self._commits:
            self._commits[0] = (began, self._commits[0][1])
        elif self._turn_began == ended:
            self._turn_began = began

    def reconnect(self) -> None:
        """A new server counts from its own zero, and nobody says which of our samples that is."""
        self._counts_as_we = False
        self._began.clear()

    def begin(self, item_id: str, start_ms: int) -> None:
        """The server heard somebody begin to speak."""
        if self._counts_as_we:
            _make_room(self._began)
            self._began[item_id] = ms_to_samples(max(0, start_ms), self.rate)

    def end(self, item_id: str, end_ms: int) -> None:
        """The server heard the end of what it heard begin."""
        _make_room(self._ended)
        self._ended[item_id] = None
        if (began := self._began.pop(item_id, None)) is not None:
            self._cut(item_id, began, ms_to_samples(max(0, end_ms), self.rate))

    def committed(self, item_id: str) -> None:
        """An item is being made of a turn: one that the server heard the end of, or one that we committed."""
        if item_id in self._ended:
            del self._ended[item_id]
            return
        if self._commits:
            began, ended = self._commits.popleft()
        elif self._counts_as_we:
            began, ended = self._turn_began, self._sent
        else:
            return
        self._cut(item_id, self._began.pop(item_id, began), ended)

    def bring(self, message: UserMessage) -> None:
        """An item goes out with its sound, which the server does not tell; it gives it an id, if we gave none."""
        sounds = [part.audio or "" for part in message.content if isinstance(part, InputAudio)]
        pcm = b"".join(read_samples(audio, self.format)[0] for audio in sounds)
        if pcm and message.id:
            self._keep(message.id, pcm)
        elif pcm:
            self._queued.append((pcm, self.rate))

    def told_in(self, message: UserMessage, index: int) -> _Sound:
        """The sound that the server tells with a content part: the service does not, others do."""
        part = message.content[index] if 0 <= index < len(message.content) else None
        if not isinstance(part, InputAudio) or not part.audio:
            return _NONE
        return read_samples(part.audio, self.format)[0], self.rate

    def queue(self, pcm: bytes) -> None:
        """The sound of the next item that has none: PCM16, 24 kHz."""
        self._queued.append((pcm, SAMPLE_RATE))

    def take(self, item_id: str) -> _Sound:
        """The sound of an item, once, and its samples per second; empty if it is not known."""
        sound = self._turns.pop(item_id, _NONE)
        if not sound[0] and self._queued:
            return self._queued.popleft()
        return sound

    def _keep(self, item_id: str, pcm: bytes) -> None:
        _make_room(self._turns)
        self._turns[item_id] = pcm, self.rate

    def _cut(self, item_id: str, began: int, ended: int) -> None:
        self._turn_began = max(self._turn_began, min(ended, self._sent))
        self._keep(item_id, self._between(began, ended))

    def _between(self, began: int, ended: int) -> bytes:
        first = bisect_right(self._ends, began)
        last = bisect_right(self._ends, ended - 1) + 1
        if first >= len(self._chunks) or ended <= began:
            return b""
        sound = b"".join(self._chunks[first:last])
        offset = self._ends[first] - len(self._chunks[first]) // BYTES_PER_SAMPLE
        return sound[max(0, began - offset) * BYTES_PER_SAMPLE : max(0, ended - offset) * BYTES_PER_SAMPLE]


def _make_room(waiting: dict[str, Any]) -> None:
    while len(waiting) >= KEPT_TURNS:
        del waiting[next(iter(waiting))]
