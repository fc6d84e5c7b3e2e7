"""What of the model's answers is to be heard, as samples, and what the server has to know of the rest. Pure.

Beside the ledger, which counts, this knows events: which response a sound belongs to, in which format it comes, and
whether its item is in the conversation at all. Its owner guards it.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from .audio.transcoding import Decoder
from .events import (
    AudioFormat,
    ClientEvent,
    ConversationItemDelete,
    ConversationItemTruncate,
    Response,
    ResponseOutputAudioDelta,
)
from .formats import output_format
from .pcm import decode_base64
from .playback import AudioPart, Heard


@attrs.define
class _Reply:
    """A response under way.

    Attributes:
        own_format: how it sounds, if not as the session does.
        beside: it says that its items are in no conversation; or it does not say, as some servers.
        silenced: nobody is to hear any more of it.
    """

    own_format: AudioFormat | None = None
    beside: bool = False
    silenced: bool = False


class Replies:
    """The responses of one session, as far as they sound."""

    def __init__(self) -> None:
        self._replies: dict[str, _Reply] = {}
        self._decoders: dict[AudioPart, tuple[str, Decoder]] = {}  # with the response that the part belongs to
        self._placed: set[str] = set()  # items that the conversation has
        self._beside: set[str] = set()  # items that it has not: truncating one is an error
        self._begun: set[str] = set()  # items of which something was to be heard
        self._told: set[str] = set()  # items of which the server knows that they were cut

    @property
    def under_way(self) -> bool:
        """Whether the server is answering."""
        return bool(self._replies)

    def begin(self, response: Response) -> None:
        """The server answers."""
        self._replies[response.id] = _Reply(output_format(response), beside=response.conversation_id is None)

    def place(self, item_id: str) -> None:
        """The conversation has this item."""
        if self._replies:
            self._placed.add(item_id)

    def leave_out(self, item_id: str) -> None:
        """No conversation has this, so the server need not know how much of it was heard."""
        self._beside.add(item_id)

    def end(self, response_id: str) -> list[AudioPart]:
        """Nothing more comes of an answer. Gives its parts that were not complete."""
        parts = [part for part, (owner, _) in self._decoders.items() if owner in (response_id, "")]
        for part in parts:
            del self._decoders[part]
        self._replies.pop(response_id, None)
        if not self._replies:
            for known in (self._placed, self._begun, self._told):
                known.clear()
        return parts

    def wants(self, delta: ResponseOutputAudioDelta) -> bool:
        """Whether it is to be heard."""
        reply = self._replies.get(delta.response_id)
        if reply is not None and reply.beside and delta.item_id not in self._placed:
            self._beside.add(delta.item_id)
        return delta.item_id not in self._told and (reply is None or not reply.silenced)

    def before(self, delta: ResponseOutputAudioDelta) -> list[AudioPart]:
        """The parts of its response that it follows: a response says one thing after another."""
        part = AudioPart(delta.item_id, delta.content_index)
        return [key for key, (owner, _) in self._decoders.items() if owner == delta.response_id and key != part]

    def samples(self, delta: ResponseOutputAudioDelta, session_format: AudioFormat | None) -> bytes:
        """What of a part can be played now. A delta may end anywhere.

        Raises:
            ValueError: the delta is no base64.
            AudioUnavailable: it has to be resampled, and soxr is not installed.
        """
        part = AudioPart(delta.item_id, delta.content_index)
        if part not in self._decoders:
            reply = self._replies.get(delta.response_id, _Reply())
            self._begun.add(delta.item_id)
            self._decoders[part] = delta.response_id, Decoder(reply.own_format or session_format)
        return self._decoders[part][1].push(decode_base64(delta.delta))

    def rest(self, part: AudioPart) -> bytes:
        """What could not be played before the part was complete."""
        _, decoder = self._decoders.pop(part, ("", None))
        return decoder.rest() if decoder else b""

    def silence(self, cut: Iterable[Heard], unheard: Iterable[AudioPart]) -> list[ClientEvent]:
        """No more of what is under way is to be heard. Gives what the server has to know of what was cut."""
        for reply in self._replies.values():
            reply.silenced = True
        told = [event for heard in cut for event in self._told_of(heard)]
        return told + [event for part in unheard for event in self._unheard(part.item_id)]

    def pass_over(self, delta: ResponseOutputAudioDelta) -> list[ClientEvent]:
        """One that nobody wants. Gives what the server has to know: its item is never heard, if no part of it was."""
        return [] if delta.item_id in self._begun else self._unheard(delta.item_id)

    def _told_of(self, heard: Heard) -> list[ClientEvent]:
        if heard.item_id in self._beside:
            return []
        if not heard.item_heard_ms:
            return self._unheard(heard.item_id)
        self._told.add(heard.item_id)
        return [
            ConversationItemTruncate(
                item_id=heard.item_id, content_index=heard.content_index, audio_end_ms=heard.audio_end_ms
            )
        ]

    def _unheard(self, item_id: str) -> list[ClientEvent]:
        """The service has nothing to keep of an item that was never heard."""
        if item_id in self._told or item_id in self._beside:
            return []
        self._told.add(item_id)
        return [ConversationItemDelete(item_id=item_id)]
