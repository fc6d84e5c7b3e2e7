"""Which items a client may add. Pure."""

from __future__ import annotations

from ..events import InputImage, InputText, Item, UnknownPart
from .refusal import Refusal, invalid_value, missing


def check_item(item: Item) -> None:
    """Nothing, for an item that may be added.

    Raises:
        Refusal: its type, or that of a part of it, is none that can be sent, or the text or picture of one is absent.
    """
    if isinstance(item, UnknownPart):
        raise _of_unknown_type(item, "item")
    for place, part in enumerate(getattr(item, "content", [])):
        if isinstance(part, UnknownPart):
            raise _of_unknown_type(part, f"item.content[{place}]")
        if isinstance(part, InputText) and not isinstance(part.text, str):
            raise missing(f"item.content[{place}].text")
        if isinstance(part, InputImage) and not isinstance(part.image_url, str):
            raise missing(f"item.content[{place}].image_url")


def _of_unknown_type(part: UnknownPart, path: str) -> Refusal:
    if part.type == "message":
        return invalid_value("Supported roles are: 'system', 'user' and 'assistant'.", f"{path}.role")
    return invalid_value(f"Invalid value: '{part.type}'.", f"{path}.type") if part.type else missing(f"{path}.type")
