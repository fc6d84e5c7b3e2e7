"""The protocol in the words of its beta, which servers of other vendors still speak: into today's words, and back.

OpenAI itself refuses the beta; some versions of Azure, Qwen, GLM, xAI and many local servers live by it. Today's
("GA") words are the only ones that the rest of the library knows.

Pure: dictionaries in, new dictionaries out, and what was given stays as it was. What has no counterpart on the other
side, such as ``temperature`` or ``truncation``, stays where it is: whether to take it is for the server to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, Literal, NamedTuple

Shape = Literal["ga", "beta"]
"""Whose words a server speaks: today's, or the beta's."""

Json = dict[str, Any]
Path = tuple[str, ...]

_EVENTS: Final = {
    "response.text.delta": "response.output_text.delta",
    "response.text.done": "response.output_text.done",
    "response.audio.delta": "response.output_audio.delta",
    "response.audio.done": "response.output_audio.done",
    "response.audio_transcript.delta": "response.output_audio_transcript.delta",
    "response.audio_transcript.done": "response.output_audio_transcript.done",
    "transcription_session.created": "session.created",
    "transcription_session.updated": "session.updated",
}

TELLTALES: Final = frozenset({*_EVENTS, "session.created", "session.updated"})
"""The events by which a beta server gives itself away: by the name, or by a session without a ``type``."""

_CONTENT_TO_GA: Final = {"text": "output_text", "audio": "output_audio"}
_CONTENT_TO_BETA: Final = {ga: beta for beta, ga in _CONTENT_TO_GA.items()}

_FORMATS: Final[dict[str, Json]] = {
    "pcm16": {"type": "audio/pcm", "rate": 24000},
    "g711_ulaw": {"type": "audio/pcmu"},
    "g711_alaw": {"type": "audio/pcma"},
}
_FORMAT_NAMES: Final = {ga["type"]: beta for beta, ga in _FORMATS.items()}


def to_ga(raw: Json) -> Json:
    """What a server sent, in today's words. An event that has them already comes back equal."""
    name = raw["type"]
    wire = {**raw, "type": _EVENTS.get(name, name)}
    for field, translate in (("session", _session_to_ga), ("response", _response_to_ga), ("item", _item_to_ga)):
        if isinstance(part := raw.get(field), dict):
            wire[field] = translate(part)
    if name.startswith("transcription_session.") and isinstance(session := wire.get("session"), dict):
        session["type"] = "transcription"
    return wire


def from_ga(raw: Json) -> Json:
    """What a client wants to send, in the words of the beta."""
    wire = dict(raw)
    for field, translate in (("session", _session_to_beta), ("response", _response_to_beta), ("item", _item_to_beta)):
        if isinstance(part := raw.get(field), dict):
            wire[field] = translate(part)
    session = raw.get("session")
    if raw["type"] == "session.update" and isinstance(session, dict) and session.get("type") == "transcription":
        wire["type"] = "transcription_session.update"
    return wire


# --- sessions and responses ---------------------------------------------------------------------------------


def _session_to_ga(session: Json) -> Json:
    if session.get("type") is not None:
        return dict(session)
    transcribes = session.get("object") == "realtime.transcription_session"
    return {**_moved_to_ga(session, _SESSION), "type": "transcription" if transcribes else "realtime"}


def _session_to_beta(session: Json) -> Json:
    beta = _moved_to_beta(session, _SESSION)
    beta.pop("type", None)
    return beta


def _response_to_ga(response: Json) -> Json:
    ga = _moved_to_ga(response, _RESPONSE)
    if isinstance(items := ga.get("output"), list):
        ga["output"] = [_item_to_ga(item) for item in items]
    return ga


def _response_to_beta(response: Json) -> Json:
    beta = _moved_to_beta(response, _RESPONSE)
    if isinstance(items := beta.get("input"), list):
        beta["input"] = [_item_to_beta(item) for item in items]
    return beta


# --- items --------------------------------------------------------------------------------------------------


def _item_to_ga(item: Any) -> Any:
    return _item_with(_CONTENT_TO_GA, item)


def _item_to_beta(item: Any) -> Any:
    return _item_with(_CONTENT_TO_BETA, item)


def _item_with(words: dict[str, str], item: Any) -> Any:
    """Only an assistant's content is called otherwise; the parts of ``response.content_part`` never were."""
    if not isinstance(item, dict) or item.get("role") != "assistant" or not isinstance(item.get("content"), list):
        return item
    return {**item, "content": [_content_with(words, part) for part in item["content"]]}


def _content_with(words: dict[str, str], part: Any) -> Any:
    if isinstance(part, dict) and isinstance(kind := part.get("type"), str):
        return {**part, "type": words.get(kind, kind)}
    return part


# --- values -------------------------------------------------------------------------------------------------


def _same(value: Any) -> Any:
    return value


def _output_modalities(modalities: Any) -> Any:
    """Today a model that speaks says so alone: the text comes with it."""
    return ["audio"] if isinstance(modalities, list) and "audio" in modalities else modalities


def _modalities(modalities: Any) -> Any:
    """The beta refuses audio without text."""
    return ["text", "audio"] if isinstance(modalities, list) and "audio" in modalities else modalities


def _format(name: Any) -> Any:
    """A vendor's own format keeps its name as its type, and so finds back."""
    return dict(_FORMATS.get(name, {"type": name})) if isinstance(name, str) else name


def _format_name(audio_format: Any) -> Any:
    kind = audio_format.get("type") if isinstance(audio_format, dict) else None
    return _FORMAT_NAMES.get(kind, kind) if isinstance(kind, str) else audio_format


# --- places -------------------------------------------------------------------------------------------------


class _Place(NamedTuple):
    """Where a setting stands on either side, and what becomes of its value on the way."""

    beta: Path
    ga: Path
    to_ga: Callable[[Any], Any] = _same
    to_beta: Callable[[Any], Any] = _same


_RESPONSE: Final = (
    _Place(("modalities",), ("output_modalities",), _output_modalities, _modalities),
    _Place(("voice",), ("audio", "output", "voice")),
    _Place(("output_audio_format",), ("audio", "output", "format"), _format, _format_name),
    _Place(("max_response_output_tokens",), ("max_output_tokens",)),
)
_SESSION: Final = (
    *_RESPONSE,
    _Place(("speed",), ("audio", "output", "speed")),
    _Place(("input_audio_format",), ("audio", "input", "format"), _format, _format_name),
    _Place(("input_audio_transcription",), ("audio", "input", "transcription")),
    _Place(("input_audio_noise_reduction",), ("audio", "input", "noise_reduction")),
    _Place(("turn_detection",), ("audio", "input", "turn_detection")),
)


def _moved_to_ga(record: Json, places: Iterable[_Place]) -> Json:
    for place in places:
        record = _moved(record, place.beta, place.ga, place.to_ga)
    return dict(record)


def _moved_to_beta(record: Json, places: Iterable[_Place]) -> Json:
    for place in places:
        record = _moved(record, place.ga, place.beta, place.to_beta)
    return dict(record)


def _moved(record: Json, source: Path, target: Path, translate: Callable[[Any], Any]) -> Json:
    rest, found = _without(record, source)
    return _with(rest, target, translate(found[0])) if found else record


def _without(record: Any, path: Path) -> tuple[Any, list[Any]]:
    """The record without what stands at the path, and a list of that, which is empty where nothing does."""
    step, *further = path
    if not isinstance(record, dict) or step not in record:
        return record, []
    rest = {key: value for key, value in record.items() if key != step}
    if not further:
        return rest, [record[step]]
    inner, found = _without(record[step], tuple(further))
    return (rest if found and not inner else {**record, step: inner}), found


def _with(record: Any, path: Path, value: Any) -> Json:
    """The record with the value at the path, unless one stands there already."""
    known = record if isinstance(record, dict) else {}
    step, *further = path
    inner = _with(known.get(step), tuple(further), value) if further else known.get(step, value)
    return {**known, step: inner}
