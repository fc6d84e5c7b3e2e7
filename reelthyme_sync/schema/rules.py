"""What the annotations cannot say: bounds, what goes together, and what things were called in the beta.

First the checks that only one place needs, then the tables, to be read by eye. A rule sees a value of the right JSON
type, though perhaps one with faults inside: it must not raise, and not tell again what the annotations tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, cast

import attrs

from ..events import (
    Audio,
    AudioOutput,
    ClientEvent,
    ConversationItemTruncate,
    ExpiresAfter,
    FunctionTool,
    InputAudio,
    InputAudioBufferAppend,
    InputImage,
    InputText,
    McpTool,
    McpToolFilter,
    NoiseReduction,
    OutputAudio,
    OutputText,
    RealtimeSession,
    ResponseParams,
    RetentionRatio,
    ServerVad,
    SessionInputAudioBufferAppend,
    Text,
    TokenLimits,
    Transcription,
    TranscriptionSession,
    TranslationAudioInput,
)
from .problems import Check, Problem, at_most, between, distinct, not_empty, quoted

MAX_APPEND: Final = 15 * 1024 * 1024
"""Of the base64: the service does not say whether it counts that or the sound, and this is below both."""

_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_FOREIGN: Final = bytes(byte not in _ALPHABET for byte in range(256))  # 1 for what is no base64
_TUNNEL: Final = re.compile(r"tunnel_[a-z0-9]{32}")
_ADDRESSES: Final = ("server_url", "connector_id", "tunnel_id")
_MCP_FIELDS: Final = attrs.fields_dict(cast("type[attrs.AttrsInstance]", McpTool))
_DEFINITION: Final = _MCP_FIELDS.keys() - {"server_label"}  # a misspelt key is no second problem


# --- one value ----------------------------------------------------------------------------------------------


def _base64(text: str) -> Iterable[Problem]:
    # One call of C over all of it: 4 us for 100 ms of sound, where decoding takes 22.
    foreign = 1 in text.rstrip("=").encode(errors="replace").translate(_FOREIGN)
    if foreign or len(text) % 4 or text.endswith("==="):
        return [Problem("", "not base64")]
    return ()


def _append(audio: str) -> Iterable[Problem]:
    if len(audio) > MAX_APPEND:
        return [Problem("", f"{len(audio)} characters of base64, at most {MAX_APPEND} (15 MiB)")]
    return _base64(audio)


def _tunnel(name: str) -> Iterator[Problem]:
    if not _TUNNEL.fullmatch(name):
        yield Problem("", f"{quoted(name)} is not tunnel_ and 32 lower case letters or digits")


def _one_modality(modalities: list[Any]) -> Iterator[Problem]:
    if len(modalities) != 1:
        yield Problem("", 'must be ["audio"] or ["text"]')


def _metadata(pairs: dict[str, Any]) -> Iterator[Problem]:
    if len(pairs) > 16:
        yield Problem("", f"{len(pairs)} pairs, at most 16")
    for key, value in pairs.items():
        for problem in _pair(key, value):
            yield problem.below(key)


def _pair(key: object, value: object) -> Iterator[Problem]:
    if isinstance(key, str) and len(key) > 64:
        yield Problem("", f"a key of {len(key)} characters, at most 64")
    if isinstance(value, str):
        yield from at_most(512)(value)


def _names(names: list[Any]) -> Iterator[Problem]:
    yield from not_empty(names)
    yield from distinct(names)


def _distinct_tools(tools: list[Any]) -> Iterator[Problem]:
    """No function has the name, and no server the label, of another."""
    seen = set()
    for index, tool in enumerate(tools):
        name = "server_label" if _get(tool, "type") == "mcp" else "name"
        label = _get(tool, name)
        if isinstance(label, str) and (name, label) in seen:
            yield Problem(f".{name}", f"{quoted(label)} is there already").at(index)
        elif isinstance(label, str):
            seen.add((name, label))


# --- one record, all its keys together ----------------------------------------------------------------------


def _one_address(tool: dict[str, Any]) -> Iterator[Problem]:
    """A label alone names a server that an earlier event has defined; with anything more it is a definition."""
    given = [name for name in _ADDRESSES if name in tool]
    if len(given) > 1:
        yield Problem("", f"only one of {', '.join(given)}")
    elif not given and tool.keys() & _DEFINITION:
        yield Problem("", f"one of {', '.join(_ADDRESSES)} is missing; or send server_label alone, to use it again")


def _one_authorization(tool: dict[str, Any]) -> Iterator[Problem]:
    headers = tool.get("headers")
    if "authorization" in tool and isinstance(headers, dict):
        for name in headers:
            if str(name).lower() == "authorization":
                yield Problem("", "given beside authorization; only one of them").below(name).below("headers")


def _filter_of_translation(audio: dict[str, Any]) -> Iterator[Problem]:
    """Elsewhere a filter may be sent without its type, to change its strength."""
    noise_reduction = audio.get("noise_reduction")
    if isinstance(noise_reduction, dict) and "type" not in noise_reduction:
        yield Problem(".noise_reduction.type", "missing")


def _get(value: object, key: str) -> object:
    return value.get(key) if isinstance(value, dict) else None


# --- the tables ---------------------------------------------------------------------------------------------

_RESPONDING: Final[Mapping[str, Check]] = {
    "output_modalities": _one_modality,
    "max_output_tokens": between(1, 4096),
    "tools": _distinct_tools,
}

FIELDS: Final[Mapping[type, Mapping[str, Check]]] = {
    ClientEvent: {"event_id": at_most(512)},
    InputAudioBufferAppend: {"audio": _append},
    SessionInputAudioBufferAppend: {"audio": _append},
    ConversationItemTruncate: {"content_index": between(0), "audio_end_ms": between(0)},
    InputAudio: {"audio": _base64},
    OutputAudio: {"audio": _base64},
    RealtimeSession: {**_RESPONDING, "include": distinct},
    TranscriptionSession: {"include": distinct},
    ResponseParams: {**_RESPONDING, "metadata": _metadata},
    AudioOutput: {"speed": between(0.25, 1.5)},
    ExpiresAfter: {"seconds": between(10, 7200)},
    NoiseReduction: {"strength": between(0, 1)},
    ServerVad: {"threshold": between(0, 1), "idle_timeout_ms": between(5000, 30000)},
    Transcription: {"languages": not_empty},
    RetentionRatio: {"retention_ratio": between(0, 1)},
    TokenLimits: {"post_instructions": between(0)},
    McpTool: {"tunnel_id": _tunnel, "allowed_callers": not_empty},
    McpToolFilter: {"tool_names": _names},
}
"""What a field's value must be, besides what its annotation says. A null has no rule."""

RECORDS: Final[Mapping[type, tuple[Check, ...]]] = {
    McpTool: (_one_address, _one_authorization),
    TranslationAudioInput: (_filter_of_translation,),
}
"""What the fields of a value must be to each other."""

REQUIRED: Final[Mapping[type, frozenset[str]]] = {
    InputText: frozenset({"text"}),
    InputAudio: frozenset({"audio"}),
    InputImage: frozenset({"image_url"}),
    OutputText: frozenset({"text"}),
    FunctionTool: frozenset({"name"}),
}
"""What the protocol's types leave open, although nothing can be done without it."""

RECEIVED_ONLY: Final = frozenset({Text, Audio})
"""Parts that only the server sends."""

SAID_BY_SERVER: Final[Mapping[type, frozenset[str]]] = {
    RealtimeSession: frozenset({"id", "object", "expires_at"}),
    TranscriptionSession: frozenset({"id", "object", "expires_at"}),
}
"""Fields that only the server fills."""

OLD_EVENTS: Final = {"transcription_session.update": "session.update"}
"""Names of events in the beta, and today's."""

_OLD_INPUT: Final = {
    "input_audio_format": "audio.input.format",
    "input_audio_transcription": "audio.input.transcription",
    "input_audio_noise_reduction": "audio.input.noise_reduction",
    "turn_detection": "audio.input.turn_detection",
}
_OLD_OUTPUT: Final = {
    "modalities": "output_modalities",
    "voice": "audio.output.voice",
    "output_audio_format": "audio.output.format",
    "max_response_output_tokens": "max_output_tokens",
    "temperature": "there is no temperature any more",
}
OLD_NAMES: Final[Mapping[type, Mapping[str, str]]] = {
    RealtimeSession: {**_OLD_INPUT, **_OLD_OUTPUT, "speed": "audio.output.speed"},
    TranscriptionSession: _OLD_INPUT,
    ResponseParams: _OLD_OUTPUT,
}
"""Keys of the beta, and where their values belong today."""

OLD_TYPES: Final = {
    "item_reference": "only response.input takes it",
    "translation": "a translation session is updated without a type",
}
"""Types in a wrong place, and the right one."""
