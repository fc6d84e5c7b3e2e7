"""What ``update_session`` is given, as one patch in the shape of the wire: short names find their places. Pure.

A name that no session has is refused here, where it was written: the service would refuse all that came with it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, TypedDict, cast

import attrs

from .. import codec
from ..events import (
    AudioInput,
    AudioOutput,
    RealtimeSession,
    TranscriptionSession,
    TranslationAudioInput,
    TranslationAudioOutput,
    UnknownPart,
)
from ..events.base import Part
from ..schema.problems import alike
from ..schema.rules import OLD_NAMES

DEFAULT_SERVER_VAD: Final[dict[str, Any]] = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 200,
}

_FORMATS: Final[dict[str, Any]] = {
    "pcm16": {"type": "audio/pcm", "rate": 24000},
    "g711_ulaw": {"type": "audio/pcmu"},
    "g711_alaw": {"type": "audio/pcma"},
}

_WORDS: Final[dict[str, dict[str, Any]]] = {
    "input_audio_format": _FORMATS,
    "output_audio_format": _FORMATS,
    "turn_detection": {"none": None, "server_vad": DEFAULT_SERVER_VAD, "semantic_vad": {"type": "semantic_vad"}},
    "input_audio_noise_reduction": {kind: {"type": kind} for kind in ("near_field", "far_field")},
}
"""The words that stand for a value, by the short name of their setting."""

_PLACES: Final = {
    "voice": ("output", "voice"),
    "speed": ("output", "speed"),
    "output_audio_format": ("output", "format"),
    "input_audio_format": ("input", "format"),
    "input_audio_transcription": ("input", "transcription"),
    "input_audio_noise_reduction": ("input", "noise_reduction"),
    "turn_detection": ("input", "turn_detection"),
    "language": ("output", "language"),
}
"""Where in ``audio`` the short names of a session's settings belong."""

_SAID_BY_SERVER: Final = ("id", "object", "expires_at")


class SessionFields(TypedDict, total=False):
    """A session's most common settings, by short names."""

    instructions: str  # what the assistant is, and how it behaves
    output_modalities: list[Literal["text", "audio"]]  # one of them
    voice: str | Mapping[str, Any] | Part  # cannot change once the assistant has spoken
    speed: float  # 0.25 to 1.5
    input_audio_format: str | Mapping[str, Any] | Part  # "pcm16", "g711_ulaw" or "g711_alaw"
    output_audio_format: str | Mapping[str, Any] | Part
    input_audio_transcription: str | Mapping[str, Any] | Part | None  # a model: writes down what the user says
    input_audio_noise_reduction: str | Mapping[str, Any] | Part | None  # "near_field" or "far_field"
    turn_detection: str | Mapping[str, Any] | Part | None  # "server_vad", "semantic_vad"; None: you say when to answer
    language: str  # the target of a translation session
    tools: Sequence[Mapping[str, Any] | Part]  # that you run yourself, or an MCP server: not those of ``add_tool``
    tool_choice: str | Mapping[str, Any] | Part  # which of them must or may be called
    max_output_tokens: int | Literal["inf"]  # of one response


def patch_of(session: Part | Mapping[str, Any] | None, fields: SessionFields) -> dict[str, Any]:
    """What is to change, in the shape of the wire. Short names may stand in a dictionary, too.

    Raises:
        TypeError: no session has a setting of this name.
        ValueError: a word stands for no value of its setting.
    """
    patch: dict[str, Any] = {}
    if isinstance(session, UnknownPart):
        merge(patch, _wire(session))
    elif session is not None:
        _place(patch, _wire(session))
    _place(patch, {name: _wire(value) for name, value in fields.items()})
    return patch


def merge(wanted: dict[str, Any], patch: Mapping[str, Any]) -> None:
    """Change ``wanted`` where the patch says something: field by field in ``audio``, elsewhere as a whole."""
    for name, value in patch.items():
        if name in ("audio", "input", "output") and isinstance(value, dict) and isinstance(wanted.get(name), dict):
            merge(wanted[name], value)
        else:
            wanted[name] = value


def _place(patch: dict[str, Any], given: Mapping[str, Any]) -> None:
    for name, value in given.items():
        if name in _PLACES:
            side, field = _PLACES[name]
            merge(patch, {"audio": {side: {field: _spelt_out(name, value)}}})
        else:
            _check_name(name, _NAMES)
            merge(patch, {name: value})
    _check_audio(patch.get("audio"))


def _check_audio(audio: Any) -> None:
    if not isinstance(audio, dict):
        return
    for side, settings in audio.items():
        _check_name(side, _SIDES, "audio.")
        for name in settings if isinstance(settings, dict) else ():
            _check_name(name, _SIDES[side], f"audio.{side}.")


def _check_name(name: str, names: Iterable[str], path: str = "") -> None:
    if name in names:
        return
    if name in _SAID_BY_SERVER and not path:
        raise TypeError(f"the {name} of a session is the server's to say")
    old = OLD_NAMES[RealtimeSession]
    raise TypeError(
        f"a session has no setting {path}{name}{alike(name, [*names, *(() if path else _PLACES)], old=old)}"
    )


def _spelt_out(name: str, value: Any) -> Any:
    """What a short word for a value stands for."""
    if name == "turn_detection" and value == {"type": "none"}:  # as documents of the beta say it
        return None
    if not isinstance(value, str):
        return value
    if name == "input_audio_transcription":
        return {"model": value}
    if name not in _WORDS:
        return value
    if value not in _WORDS[name]:
        raise ValueError(f"{name} is one of {', '.join(_WORDS[name])}, not {value!r}")
    return copy.deepcopy(_WORDS[name][value])


def _wire(value: Any) -> Any:
    """A value as JSON has it."""
    return copy.deepcopy(codec.unstructure({"type": "", "value": value})["value"])


def _fields(*classes: type[Part]) -> frozenset[str]:
    made = cast("tuple[type[attrs.AttrsInstance], ...]", classes)
    return frozenset(field.name for cls in made for field in attrs.fields(cls))


_NAMES: Final = {"type"} | _fields(RealtimeSession, TranscriptionSession) - {*_SAID_BY_SERVER}
_SIDES: Final = {
    "input": _fields(AudioInput, TranslationAudioInput),
    "output": _fields(AudioOutput, TranslationAudioOutput),
}
