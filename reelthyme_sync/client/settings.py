"""What a client wants its session to be: the defaults, patched by every ``update_session``. Pure.

Kept in the shape of the wire, because a patch is merged field by field, and absent, null and a value are told apart.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias, TypedDict

from .. import codec
from ..events import (
    UNSET,
    FunctionTool,
    RealtimeSession,
    SessionUpdate,
    TranscriptionSession,
    TranslationConfig,
    UnknownPart,
)
from ..events.base import Part, Unset

DEFAULTS: Final[dict[str, Any]] = {
    "output_modalities": ["audio"],
    "instructions": "",
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "transcription": None,
            "turn_detection": None,
        },
        "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin"},
    },
    "tools": [],
    "tool_choice": "auto",
    "max_output_tokens": 4096,
}
"""As OpenAI's reference client has them, in the words of today: turn detection is off, so the client decides whose turn
it is; ``turn_detection="server_vad"`` lets the service decide."""

DEFAULT_SERVER_VAD: Final[dict[str, Any]] = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 200,
}

_MERGED: Final = {"audio", "input", "output"}
"""Values that are patched field by field; every other one is replaced as a whole."""

_FORMATS: Final = {
    "pcm16": {"type": "audio/pcm", "rate": 24000},
    "g711_ulaw": {"type": "audio/pcmu"},
    "g711_alaw": {"type": "audio/pcma"},
}

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


Kind: TypeAlias = Literal["realtime", "transcription", "translation"]
"""What a session is for."""

_SHAPES: Final[dict[Kind, type[RealtimeSession] | type[TranscriptionSession] | type[TranslationConfig]]] = {
    "realtime": RealtimeSession,
    "transcription": TranscriptionSession,
    "translation": TranslationConfig,
}


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


class Settings:
    """The settings of one client. A value: a patch makes another.

    Args:
        wanted: where to begin, in the shape of the wire: the defaults, or nothing for a session that others set up.
        kind: what the session is for.
    """

    def __init__(self, wanted: Mapping[str, Any] = DEFAULTS, kind: Kind = "realtime") -> None:
        self._wanted = copy.deepcopy(dict(wanted))
        self._kind: Kind = kind

    @property
    def wanted(self) -> dict[str, Any]:
        """A copy of all that was asked for, in the shape of the wire."""
        return copy.deepcopy(self._wanted)

    @property
    def turn_detection(self) -> str | Unset | None:
        """Its type; None if it is off; UNSET if nobody has said."""
        found = self._wanted.get("audio", {}).get("input", {}).get("turn_detection", UNSET)
        return str(found["type"]) if isinstance(found, dict) else found

    def patched(self, session: Part | Mapping[str, Any] | None, fields: SessionFields) -> Settings:
        """The settings in which what is given differs: what is absent is left as it is, None turns it off.

        Raises:
            ValueError: a format is none that there is.
        """
        changed = Settings(self._wanted, self._kind)
        if session is not None:
            _merge(changed._wanted, _wire(session))
        for name, value in fields.items():
            _merge(changed._wanted, _placed(name, _wire(value)))
        return changed

    def check(self, tools: Iterable[str]) -> None:
        """Nothing, unless one of these tools was declared by hand, too.

        Raises:
            ValueError: it was.
        """
        declared = {each.get("name") for each in self._wanted.get("tools") or ()}
        for name in tools:
            if name in declared:
                raise ValueError(f'Tool "{name}" has already been defined')

    def update(self, tools: Sequence[FunctionTool] = (), *, with_tools: bool = False) -> SessionUpdate | None:
        """What to send: all settings, with these tools beside those declared by hand. None if there is nothing.

        Args:
            tools: those that were added.
            with_tools: say so, too, if there are none at all.
        """
        wire = self.wanted
        if with_tools or tools or "tools" in wire:
            wire["tools"] = [*(wire.get("tools") or ()), *map(codec.unstructure, tools)]
        if not wire.keys() - {"type"}:
            return None
        if self._kind != "translation":  # which is refused with a type
            wire["type"] = self._kind
        session = codec.structure(wire, _SHAPES[self._kind])
        if codec.unstructure(session) == wire:
            return SessionUpdate(session=session)
        return SessionUpdate(session=UnknownPart(type=self._kind, raw=wire))  # something that has no class here


def _merge(wanted: dict[str, Any], patch: Mapping[str, Any]) -> None:
    for name, value in patch.items():
        if name in _MERGED and isinstance(value, dict) and isinstance(wanted.get(name), dict):
            _merge(wanted[name], value)
        else:
            wanted[name] = value


def _wire(value: Any) -> Any:
    """A value as JSON has it."""
    return copy.deepcopy(codec.unstructure({"type": "", "value": value})["value"])


def _placed(name: str, value: Any) -> dict[str, Any]:
    if name not in _PLACES:
        return {name: value}
    side, field = _PLACES[name]
    return {"audio": {side: {field: _spelt_out(name, value)}}}


def _spelt_out(name: str, value: Any) -> Any:
    """What a short word for a value stands for."""
    if name == "turn_detection" and value in ("none", {"type": "none"}):  # as documents of the beta say it
        return None
    if not isinstance(value, str):
        return value
    match name:
        case "input_audio_format" | "output_audio_format":
            if value not in _FORMATS:
                raise ValueError(f"{name} is one of {', '.join(_FORMATS)}, not {value!r}")
            return copy.deepcopy(_FORMATS[value])
        case "turn_detection":
            return copy.deepcopy(DEFAULT_SERVER_VAD) if value == "server_vad" else {"type": value}
        case "input_audio_transcription":
            return {"model": value}
        case "input_audio_noise_reduction":
            return {"type": value}
    return value
