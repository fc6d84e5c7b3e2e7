"""What is said and asked for, given in whichever way is at hand: the parts of a user's message, and a response."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from .. import codec
from ..events import UNSET, InputAudio, InputImage, InputText, ResponseParams, UserMessage
from ..events.base import UnknownPart, Unset
from ..events.content import UserContent
from ..pcm import encode_base64
from .input_sound import pcm16

UserPart: TypeAlias = str | InputText | InputAudio | InputImage | UnknownPart | Mapping[str, Any]
"""Text; a content part; or its dictionary, in which ``audio`` may be bytes or an array."""


def user_content(parts: UserPart | Iterable[UserPart]) -> list[UserContent]:
    """The parts, or the one part, as the wire has them. What is given is not changed.

    Raises:
        TypeError: one is none of these.
    """
    if isinstance(parts, str | InputText | InputAudio | InputImage | UnknownPart | Mapping):
        return [_part(parts)]
    return [_part(each) for each in parts]


def response_params(response: ResponseParams | Mapping[str, Any] | None) -> ResponseParams | Unset:
    """How a response is to differ from what the session says; UNSET if in nothing."""
    if response is None:
        return UNSET
    return response if isinstance(response, ResponseParams) else codec.structure(dict(response), ResponseParams)


def _part(given: UserPart) -> UserContent:
    if isinstance(given, str):
        return InputText(text=given)
    if isinstance(given, InputText | InputAudio | InputImage | UnknownPart):
        return given
    if not isinstance(given, Mapping):
        raise TypeError(f"a user's message consists of texts and content parts, not of {type(given).__name__}")
    wire = dict(given)
    if wire.get("type") == "input_audio" and not isinstance(wire.get("audio", ""), str):
        wire["audio"] = encode_base64(pcm16(wire["audio"]))
    return codec.structure({"content": [wire]}, UserMessage).content[0]
