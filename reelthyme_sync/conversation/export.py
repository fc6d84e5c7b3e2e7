"""A conversation as JSON, and back. Pure.

The shape is the library's own, with its version in it; the items inside are the wire's. What is unknown here is passed
over, so that a later version may say more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson

from .. import codec
from ..events import Item
from ..pcm import SAMPLE_RATE, decode_base64, encode_base64
from .item import ConversationItem
from .rope import Rope
from .said import NOTHING_SAID, SILENCE, Said

VERSION: Final = 1


def to_json(items: Sequence[ConversationItem], *, audio: bool) -> str:
    """The items in order, with all that is known of them; their sound as base64, if wanted."""
    return orjson.dumps({"version": VERSION, "items": [_told(item, audio) for item in items]}).decode()


def from_json(text: str, *, keep_audio: bool) -> list[ConversationItem]:
    """The items that ``to_json`` told.

    Raises:
        ValueError: it is no export, or one of a later version; the message says where.
    """
    try:
        raw = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"an exported conversation is JSON: {error}") from None
    version = _field(raw, "the export", "version", int)
    if version != VERSION:
        raise ValueError(f"version: this is version {version} of an export, only {VERSION} is known here")
    items = _field(raw, "the export", "items", list)
    found = [_read(item, f"items[{at}]", keep_audio) for at, item in enumerate(items)]
    if len({item.id for item in found}) < len(found):
        raise ValueError("items: an id is there twice")
    return found


def _told(item: ConversationItem, audio: bool) -> dict[str, Any]:
    return {
        "id": item.id,
        "item": codec.unstructure(item.announced),
        "ended": item.ended,
        "completed": item.completed,
        "written": item.written,
        "parts": [_told_part(said, audio) for said in item.parts],
    }


def _told_part(said: Said, audio: bool) -> dict[str, Any]:
    told = {
        "content_index": said.content_index,
        "spoken": said.spoken,
        "text": said.full_text,
        "samples": said.samples,
        "sample_rate": said.rate,
        "heard_ms": said.heard_ms,
    }
    return {**told, "audio": encode_base64(said.sound.joined())} if audio else told


def _read(raw: object, path: str, keep_audio: bool) -> ConversationItem:
    parts = _field(raw, path, "parts", list)
    said = [_read_part(part, f"{path}.parts[{at}]", keep_audio) for at, part in enumerate(parts)]
    wire = _field(raw, path, "item", dict)
    try:
        announced: Item = codec.structure(wire, Item)  # type: ignore[arg-type]  # a union of classes
    except TypeError as error:
        raise ValueError(f"{path}.item: {error}") from None
    return ConversationItem(
        _field(raw, path, "id", str),
        announced,
        tuple(sorted(said, key=lambda each: each.content_index)),
        _field(raw, path, "ended", bool),
        _field(raw, path, "completed", bool),
        _field(raw, path, "written", bool),
    )


def _read_part(raw: object, path: str, keep_audio: bool) -> Said:
    text = _field(raw, path, "text", str)
    audio = _field(raw, path, "audio", str, "")
    try:
        sound = decode_base64(audio) if keep_audio else b""
    except ValueError as error:
        raise ValueError(f"{path}.audio: {error}") from None
    return Said(
        _field(raw, path, "content_index", int),
        _field(raw, path, "spoken", bool),
        Rope(text) if text else NOTHING_SAID,
        Rope(sound) if sound else SILENCE,
        _number(raw, path, "samples", 0, least=0),
        _number(raw, path, "sample_rate", SAMPLE_RATE, least=1),
        _number(raw, path, "heard_ms", None, least=0),
    )


_REQUIRED: Final = object()


def _number(raw: object, path: str, name: str, default: int | None, *, least: int) -> Any:
    number = _field(raw, path, name, int, default)
    if number is not None and number < least:
        raise ValueError(f"{path}.{name}: must be at least {least}, not {number}")
    return number


def _field(raw: object, path: str, name: str, kind: type, default: Any = _REQUIRED) -> Any:
    if not isinstance(raw, dict):
        raise ValueError(f"{path}: must be an object, not {type(raw).__name__}")  # noqa: TRY004  # as all nonsense
    found = raw.get(name, default)
    if found is _REQUIRED:
        raise ValueError(f"{path}.{name}: missing")
    if type(found) is not kind and found is not default:
        raise ValueError(f"{path}.{name}: must be {kind.__name__}, not {type(found).__name__}")
    return found
