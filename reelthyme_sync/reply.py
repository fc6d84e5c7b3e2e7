"""What the model answered, whole: the words, the sound, the calls and the usage of each response. Pure.

Collects what a response says bit by bit, and gives it as one value when it is done. Plays nothing, and knows no item
that is not of a response.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, TypeAlias

import attrs

from .audio.transcoding import Decoder
from .conversation import item_id
from .errors import AudioUnavailable
from .events import (
    AssistantMessage,
    Audio,
    AudioFormat,
    ConversationItemAdded,
    ConversationItemCreated,
    FunctionCall,
    Item,
    OutputAudio,
    OutputText,
    Reconnected,
    Response,
    ResponseContentPartDone,
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputAudioTranscriptDone,
    ResponseOutputItemDone,
    ResponseOutputTextDelta,
    ResponseOutputTextDone,
    ResponseStatusDetails,
    ResponseUsage,
    ServerEvent,
    SessionCreated,
    SessionUpdated,
    Text,
)
from .formats import output_format
from .pcm import decode_base64

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger("reelthyme_sync")

KEPT: Final = 64
"""How many finished replies a book remembers."""

KEPT_BYTES: Final = 64 * 2**20
"""Of their sound, 23 minutes: with more than that, it remembers fewer."""

_Words: TypeAlias = ResponseOutputTextDelta | ResponseOutputAudioTranscriptDelta
_AllWords: TypeAlias = ResponseOutputTextDone | ResponseOutputAudioTranscriptDone | ResponseContentPartDone
_OfPart: TypeAlias = _Words | _AllWords | ResponseOutputAudioDelta
_Place: TypeAlias = tuple[int, int]
"""Where in a response a part is: output index, content index."""


@attrs.frozen(kw_only=True)
class Reply:
    """What a response came to. A value: any thread may keep it.

    Attributes:
        response_id: the response.
        status: ``completed``, or why it is not whole: ``cancelled``, ``incomplete``, ``failed``; None if nobody said.
        status_details: the reason, or the error, as the server says it.
        text: what was written, parts of it on lines of their own.
        transcript: what was spoken, in words, likewise.
        pcm: what was spoken, as PCM16, 24 kHz, mono; ``b""`` where none came, or a book without ``keep_audio``.
        usage: the tokens that it took.
        cost_usd: what it cost, if that is known; the exact amount is in the meter's ``ResponseCost``.
        items: the messages and calls that it consists of, as the server last described them.
        calls: those of them that are calls of your functions.
        metadata: what was given to ``response.create`` to know it by.
        in_conversation: whether its items are in the conversation, or it was given beside it.
    """

    response_id: str
    status: str | None = None
    status_details: ResponseStatusDetails | None = None
    text: str = ""
    transcript: str = ""
    pcm: bytes = attrs.field(default=b"", repr=False)
    usage: ResponseUsage | None = None
    cost_usd: float | None = None
    items: tuple[Item, ...] = ()
    calls: tuple[FunctionCall, ...] = ()
    metadata: dict[str, str] | None = None
    in_conversation: bool = True

    @property
    def words(self) -> str:
        """What was said, in whichever way it was: the transcript, or the text."""
        return self.transcript or self.text

    @property
    def audio(self) -> NDArray[np.int16]:
        """The sound as samples: shape ``(n,)``, mono, 24 kHz; an array that is yours to change."""
        import numpy as np

        return np.frombuffer(bytearray(self.pcm), dtype="<i2")


@attrs.define
class _Part:
    """One content part, as far as it has come."""

    spoken: bool
    pieces: list[str] = attrs.field(factory=list)
    whole: str | None = None
    sound: list[bytes] = attrs.field(factory=list)
    decoder: Decoder | None = None

    @property
    def words(self) -> str:
        return self.whole or "".join(self.pieces)


@attrs.define
class _Open:
    """A response under way."""

    audio_format: AudioFormat | None = None
    parts: dict[_Place, _Part] = attrs.field(factory=dict)
    items: dict[int, Item] = attrs.field(factory=dict)
    places: dict[str, int] = attrs.field(factory=dict)  # item id -> output index

    def part_of(self, event: _OfPart, *, spoken: bool) -> _Part:
        self.places[event.item_id] = event.output_index
        return self.part((event.output_index, event.content_index), spoken=spoken)

    def part(self, place: _Place, *, spoken: bool) -> _Part:
        if place not in self.parts:
            self.parts[place] = _Part(spoken)
        return self.parts[place]


class ReplyBook:
    """Makes replies of the events of one session. Give it all of them; it never raises on one.

    Quick enough for the thread that reads: microseconds for each delta.

    Args:
        keep_audio: whether replies have their sound; without it nothing is decoded.
    """

    def __init__(self, *, keep_audio: bool = True) -> None:
        self._keep_audio = keep_audio
        self._open: OrderedDict[str, _Open] = OrderedDict()
        self._placed: set[str] = set()  # items that were put into the conversation while something was open
        self._finished: OrderedDict[str, Reply] = OrderedDict()
        self._bytes = 0
        self._session_format: AudioFormat | None = None
        self._complained = False

    def find(self, response_id: str) -> Reply | None:
        """A finished reply: one of the last 64, or fewer where they hold more than 64 MiB of sound."""
        return self._finished.get(response_id)

    def process_event(self, event: ServerEvent, cost_usd: float | None = None) -> Reply | None:
        """Take what an event says; gives the reply that it finishes, once.

        Args:
            event: any.
            cost_usd: what the response cost that this event ends, for ``Reply.cost_usd``.
        """
        match event:
            case ResponseOutputAudioDelta():
                self._sound(event)
            case ResponseOutputTextDelta() | ResponseOutputAudioTranscriptDelta():
                if opened := self._under_way(event.response_id):
                    spoken = isinstance(event, ResponseOutputAudioTranscriptDelta)
                    opened.part_of(event, spoken=spoken).pieces.append(event.delta)
            case ResponseOutputTextDone() | ResponseOutputAudioTranscriptDone() | ResponseContentPartDone():
                self._complete(event)
            case ResponseOutputItemDone():
                if opened := self._under_way(event.response_id):
                    opened.items[event.output_index] = event.item
                    opened.places[item_id(event.item)] = event.output_index
            case ConversationItemAdded() | ConversationItemCreated():
                if self._open:
                    self._placed.add(item_id(event.item))
            case ResponseCreated():
                if opened := self._under_way(event.response.id):
                    opened.audio_format = output_format(event.response)
            case ResponseDone():
                return self._finish(event.response, cost_usd)
            case SessionCreated() | SessionUpdated() | Reconnected():
                self._session_format = output_format(event.session)
        return None

    def _under_way(self, response_id: str) -> _Open | None:
        """The response, which begins if nobody has said so; None if it is over: what comes now is late."""
        if response_id and response_id in self._finished:
            return None
        if response_id not in self._open:
            self._open[response_id] = _Open()
            if len(self._open) > KEPT:  # that many at once are of a server that never says that one is done
                self._open.popitem(last=False)
        return self._open[response_id]

    def _complete(self, event: _AllWords) -> None:
        match event:
            case ResponseOutputTextDone(text=words) | ResponseContentPartDone(part=Text(text=str(words))):
                spoken = False
            case (
                ResponseOutputAudioTranscriptDone(transcript=words)
                | ResponseContentPartDone(part=Audio(transcript=str(words)))
            ):
                spoken = True
            case _:
                return
        if words and (opened := self._under_way(event.response_id)):
            opened.part_of(event, spoken=spoken).whole = words

    def _sound(self, event: ResponseOutputAudioDelta) -> None:
        if not self._keep_audio or (opened := self._under_way(event.response_id)) is None:
            return
        part = opened.part_of(event, spoken=True)
        try:
            if part.decoder is None:
                part.decoder = Decoder(opened.audio_format or self._session_format)
            part.sound.append(part.decoder.push(decode_base64(event.delta)))
        except (ValueError, AudioUnavailable) as error:  # no base64; no soxr
            if not self._complained:
                self._complained = True
                log.warning("a reply lacks some of its sound: %s", error)

    def _finish(self, response: Response, cost_usd: float | None) -> Reply | None:
        if (opened := self._under_way(response.id)) is None:
            return None
        del self._open[response.id]
        items = tuple(response.output) or tuple(opened.items[index] for index in sorted(opened.items))
        for place, item in enumerate(items):
            _settle(opened, item, opened.places.get(item_id(item), place))
        parts = [opened.parts[place] for place in sorted(opened.parts)]
        reply = Reply(
            response_id=response.id,
            status=response.status,
            status_details=response.status_details,
            text="\n".join(part.words for part in parts if part.words and not part.spoken),
            transcript="\n".join(part.words for part in parts if part.words and part.spoken),
            pcm=b"".join(piece for part in parts for piece in _whole_sound(part)),
            usage=response.usage,
            cost_usd=cost_usd,
            items=items,
            calls=tuple(item for item in items if isinstance(item, FunctionCall)),
            metadata=response.metadata,
            in_conversation=response.conversation_id is not None
            or any(item in self._placed for item in [*opened.places, *map(item_id, items)]),
        )
        if not self._open:
            self._placed.clear()
        self._keep(reply)
        return reply

    def _keep(self, reply: Reply) -> None:
        before = self._finished.pop(reply.response_id, None)  # some servers give no ids
        self._finished[reply.response_id] = reply
        self._bytes += len(reply.pcm) - (len(before.pcm) if before is not None else 0)
        while len(self._finished) > KEPT or (self._bytes > KEPT_BYTES and len(self._finished) > 1):
            self._bytes -= len(self._finished.popitem(last=False)[1].pcm)


def _settle(opened: _Open, item: Item, index: int) -> None:
    """What the server says in the end is what counts, where it says anything."""
    if not isinstance(item, AssistantMessage):
        return
    for content_index, content in enumerate(item.content):
        match content:
            case OutputText(text=str(words)) | Text(text=str(words)) if words:
                opened.part((index, content_index), spoken=False).whole = words
            case OutputAudio(transcript=str(words)) | Audio(transcript=str(words)) if words:
                opened.part((index, content_index), spoken=True).whole = words


def _whole_sound(part: _Part) -> list[bytes]:
    return [*part.sound, part.decoder.rest()] if part.decoder is not None else []
