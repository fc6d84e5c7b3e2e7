"""What a session is set to: the defaults, and how ``session.update`` changes them. Pure.

The settings are the protocol's own session value with every field set, and an update is a patch: what is absent
(``UNSET``) stays, what is null is turned off. Unless told otherwise, 500 ms of silence end a turn.
"""

from __future__ import annotations

from typing import Final, TypeAlias, TypeVar, cast

import attrs

from ..events import (
    UNSET,
    AudioConfig,
    AudioFormat,
    AudioInput,
    AudioOutput,
    AudioPcm,
    AudioPcma,
    AudioPcmu,
    CustomVoice,
    RealtimeSession,
    ResponseAudioOutput,
    SemanticVad,
    ServerVad,
    TranscriptionAudio,
    TranscriptionSession,
    Unset,
    evolve,
)
from ..events.base import Part
from .refusal import Refusal, invalid_value

AnySettings: TypeAlias = RealtimeSession | TranscriptionSession
P = TypeVar("P", bound=Part)
T = TypeVar("T")

_SERVER_VAD: Final = ServerVad(
    threshold=0.5,
    prefix_padding_ms=300,
    silence_duration_ms=500,
    idle_timeout_ms=None,
    create_response=True,
    interrupt_response=True,
)
_SEMANTIC_VAD: Final = SemanticVad(eagerness="auto", create_response=True, interrupt_response=True)
_PCM: Final[AudioFormat] = AudioPcm(rate=24_000)
_INPUT: Final = AudioInput(format=_PCM, noise_reduction=None, transcription=None, turn_detection=_SERVER_VAD)
_OUTPUT: Final = AudioOutput(format=_PCM, voice="marin", speed=1.0)

_MERGED: Final = (AudioConfig, AudioInput, AudioOutput, TranscriptionAudio, ServerVad, SemanticVad)
"""Values that are patched field by field; every other one is replaced as a whole."""

_OURS: Final = ("id", "object", "expires_at")


def realtime_session(session_id: str, model: str, expires_at: int) -> RealtimeSession:
    """A conversation with all its defaults."""
    return RealtimeSession(
        id=session_id,
        object="realtime.session",
        model=model,
        expires_at=expires_at,
        output_modalities=["audio"],
        instructions="",
        audio=AudioConfig(input=_INPUT, output=_OUTPUT),
        tools=[],
        tool_choice="auto",
        max_output_tokens="inf",
        truncation="auto",
        prompt=None,
        tracing=None,
    )


def transcription_session(session_id: str, expires_at: int) -> TranscriptionSession:
    """A session that only listens, with all its defaults."""
    return TranscriptionSession(
        id=session_id,
        object="realtime.transcription_session",
        expires_at=expires_at,
        audio=TranscriptionAudio(input=_INPUT),
    )


def updated(current: AnySettings, patch: object, *, has_spoken: bool) -> AnySettings:
    """The settings after an update.

    Args:
        current: the settings before it.
        patch: the ``session`` of the update.
        has_spoken: whether the model has been heard, after which its voice is fixed.

    Raises:
        Refusal: it would change what cannot be changed, or asks for what there is not.
    """
    if type(patch) is not type(current):
        raise invalid_value(f"A session of type '{current.type}' cannot become another.", "session.type")
    new = _patched(current, patch)
    _check_input(input_of(new))
    if isinstance(new, RealtimeSession):
        _check_session(cast("RealtimeSession", current), new, has_spoken)
    return new


def input_of(settings: AnySettings) -> AudioInput:
    """How the session listens."""
    return _INPUT if isinstance(settings.audio, Unset) else given(settings.audio.input, _INPUT)


def output_of(settings: AnySettings) -> AudioOutput:
    """How the session speaks."""
    return (
        given(given(settings.audio, AudioConfig()).output, _OUTPUT)
        if isinstance(settings, RealtimeSession)
        else _OUTPUT
    )


def format_of(side: AudioInput | AudioOutput) -> AudioFormat:
    """In what format one side sounds."""
    return given(side.format, _PCM)


def checked_format(audio_format: AudioFormat, param: str) -> AudioFormat:
    """The format itself.

    Raises:
        Refusal: it is none that there is.
    """
    if not isinstance(audio_format, AudioPcm | AudioPcmu | AudioPcma):
        raise invalid_value("Supported values are: 'audio/pcm', 'audio/pcmu' and 'audio/pcma'.", param)
    return audio_format


def given(value: T | Unset, otherwise: T) -> T:
    """``value``, unless it is absent."""
    return otherwise if isinstance(value, Unset) else value


def voice_of(output: AudioOutput | ResponseAudioOutput, otherwise: str = "marin") -> str:
    """The name of a voice, or the id of one of the user's own."""
    voice = output.voice
    if isinstance(voice, Unset):
        return otherwise
    return voice.id if isinstance(voice, CustomVoice) else voice


def _patched(current: P, patch: P) -> P:
    names = [field.name for field in attrs.fields(cast("type[attrs.AttrsInstance]", type(patch)))]
    new = {name: value for name in names if name not in _OURS and (value := getattr(patch, name)) is not UNSET}
    return evolve(current, **{name: _merged(getattr(current, name), value) for name, value in new.items()})


def _merged(current: object, patch: object) -> object:
    if not isinstance(patch, _MERGED):
        return patch
    if type(current) is type(patch):
        return _patched(current, patch)
    return _patched(_defaults(patch), patch)


def _defaults(patch: Part) -> Part:
    for defaults in (_SERVER_VAD, _SEMANTIC_VAD, _INPUT, _OUTPUT):
        if type(defaults) is type(patch):
            return defaults
    return patch


def _check_input(listening: AudioInput) -> None:
    checked_format(format_of(listening), "session.audio.input.format.type")
    if not isinstance(listening.turn_detection, ServerVad | SemanticVad | None):
        raise invalid_value(
            "Supported values are: 'server_vad' and 'semantic_vad'.", "session.audio.input.turn_detection.type"
        )


def _check_session(current: RealtimeSession, new: RealtimeSession, has_spoken: bool) -> None:
    if new.model != current.model:
        raise invalid_value("The model of a session cannot be changed.", "session.model")
    if new.output_modalities not in (["audio"], ["text"]):
        raise invalid_value("Supported values are: ['text'] and ['audio'].", "session.output_modalities")
    checked_format(format_of(output_of(new)), "session.audio.output.format.type")
    if has_spoken and voice_of(output_of(new)) != voice_of(output_of(current)):
        raise Refusal(
            "Cannot update a conversation's voice if assistant audio is present.",
            code="cannot_update_voice",
            param="session.audio.output.voice",
        )
