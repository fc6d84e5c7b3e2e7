"""The server's side of a conversation: its items in order, with the sound that the wire leaves out. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from .. import pcm
from ..audio.transcoding import Decoder
from ..events import (
    UNSET,
    AssistantMessage,
    Audio,
    AudioFormat,
    InputAudio,
    InputImage,
    Item,
    OutputAudio,
    UserMessage,
    evolve,
)
from .refusal import Refusal, invalid_value


@attrs.define
class Entry:
    """An item, and what only the server knows of it.

    Attributes:
        item: as it goes over the wire: without sound.
        sound: what was said, as 24 kHz PCM16.
        heard: the words that the ears made of the sound; None as long as they have not.
        wants_transcript: whether the client is to be told what was heard.
    """

    item: Item
    sound: bytes = b""
    heard: str | None = None
    wants_transcript: bool = False

    @property
    def id(self) -> str:
        """The id of the item."""
        return item_id(self.item)

    @property
    def unheard(self) -> bool:
        """Whether the ears still have to say what this is."""
        return isinstance(self.item, UserMessage) and bool(self.sound) and self.heard is None

    @property
    def words(self) -> str:
        """All text of a message, written or heard."""
        written = [_text(part) for part in getattr(self.item, "content", [])]
        return " ".join([*filter(None, written), *([self.heard] if self.heard else [])])

    @property
    def pictures(self) -> Sequence[InputImage]:
        """All pictures of a message."""
        return list(_parts(self.item, InputImage))

    def with_sound(self) -> Item:
        """The item as ``conversation.item.retrieve`` gives it."""
        return _with_audio(self.item, pcm.encode_base64(self.sound) if self.sound else None)

    def transcribe(self, text: str | None) -> None:
        """Set the transcript of the message, or take it away."""
        self.item = _mapped(self.item, lambda part: evolve(part, transcript=text))


class Conversation:
    """The items in order. Raises ``Refusal`` where the service answers with an error."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    @property
    def entries(self) -> Sequence[Entry]:
        """All of them, as they are now."""
        return tuple(self._entries)

    def last_id(self) -> str | None:
        """The item that a new one would follow."""
        return self._entries[-1].id if self._entries else None

    def add(self, entry: Entry, after: str | None = None) -> str | None:
        """Add an item at the end, or after another (``"root"``: before all). Gives the one that it follows."""
        if self.find(entry.id) is not None:
            raise invalid_value(f"Error adding item: an item with id '{entry.id}' already exists.", "item.id")
        place = len(self._entries) if after is None else self._place_after(after)
        self._entries.insert(place, entry)
        return self._entries[place - 1].id if place else None

    def find(self, wanted: str) -> Entry | None:
        """The item with this id."""
        return next((entry for entry in self._entries if entry.id == wanted), None)

    def get(self, wanted: str, verb: str) -> Entry:
        """The item with this id, to do ``verb`` with it.

        Raises:
            Refusal: there is none.
        """
        if (entry := self.find(wanted)) is None:
            raise Refusal(
                f"Error: cannot {verb} the item with id '{wanted}', because it does not exist.",
                code=f"item_{verb}_invalid_item_id",
                param="item_id",
            )
        return entry

    def delete(self, wanted: str) -> None:
        """Forget an item."""
        self._entries.remove(self.get(wanted, "delete"))

    def truncate(self, wanted: str, audio_end_ms: int) -> None:
        """Forget what an assistant's message says after this time, and its transcript."""
        entry = self.get(wanted, "truncate")
        if not isinstance(entry.item, AssistantMessage) or not _parts(entry.item, Audio, OutputAudio):
            raise Refusal("Only model output audio messages can be truncated.", code="unsupported_content_type")
        if audio_end_ms < 0:
            raise Refusal(
                f"Invalid 'audio_end_ms': integer below minimum value. Expected a value >= 0, but got {audio_end_ms}.",
                code="integer_below_min_value",
                param="audio_end_ms",
            )
        if audio_end_ms > (length := pcm.bytes_to_ms(len(entry.sound))):
            raise Refusal(f"Audio content of {length}ms is already shorter than {audio_end_ms}ms", code=None)
        entry.sound = entry.sound[: pcm.ms_to_bytes(audio_end_ms)]
        entry.transcribe(None)

    def _place_after(self, wanted: str) -> int:
        if wanted == "root":
            return 0
        for place, entry in enumerate(self._entries):
            if entry.id == wanted:
                return place + 1
        raise Refusal(
            f"Error adding item: the previous item with id '{wanted}' does not exist.",
            code="item_create_invalid_previous_item_id",
            param="previous_item_id",
        )


def entry_of(item: Item, new_id: str, audio_format: AudioFormat) -> Entry:
    """What a client sends, with an id and a status, and its sound, which is in that format, apart.

    Raises:
        Refusal: its audio is no base64 of whole samples.
    """
    sound = b"".join(_sound(part.audio, audio_format) for part in _parts(item, InputAudio, OutputAudio) if part.audio)
    changes: dict[str, Any] = {} if item_id(item) else {"id": new_id}
    if hasattr(item, "status"):
        changes["status"] = "completed"
    return Entry(_with_audio(evolve(item, **changes), None), sound)


def item_id(item: Item) -> str:
    """The id of an item; ``""`` when it has none yet."""
    return str(getattr(item, "id", "") or "")


def _sound(audio: str, audio_format: AudioFormat) -> bytes:
    decoder = Decoder(audio_format)
    try:
        return decoder.push(pcm.decode_base64(audio)) + decoder.rest()
    except ValueError as error:
        raise invalid_value(f"Invalid 'audio': {error}.", "item.content[0].audio") from None


def _text(part: object) -> str:
    if isinstance(part, OutputAudio | Audio):
        return part.transcript or ""
    return str(getattr(part, "text", "") or "")


def _parts(item: object, *kinds: type[Any]) -> Iterable[Any]:
    return [part for part in getattr(item, "content", []) if isinstance(part, kinds)]


def _with_audio(item: Item, audio: str | None) -> Item:
    return _mapped(item, lambda part: evolve(part, audio=UNSET if audio is None else audio))


def _mapped(item: Item, change: Any) -> Item:
    if not _parts(item, InputAudio, OutputAudio, Audio):
        return item
    content = [change(part) if isinstance(part, InputAudio | OutputAudio | Audio) else part for part in item.content]  # type: ignore[union-attr]
    return evolve(item, content=content)
