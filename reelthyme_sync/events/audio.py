"""How sound comes in and goes out: formats, voice, turn detection, transcription, noise reduction.

Values of a session's and a response's ``audio``. Every field may be left out: what is absent stays as it is.
"""

from typing import Literal

from .base import UNSET, Part, TaggedPart, UnknownPart, Unset, part


@part("audio/pcm")
class AudioPcm(TaggedPart):
    """Signed 16-bit little-endian samples, mono, 24 kHz: the default both ways."""

    rate: Literal[24000] | Unset = UNSET  # samples per second


@part("audio/pcmu")
class AudioPcmu(TaggedPart):
    """G.711 mu-law, 8 kHz: telephones in North America and Japan."""


@part("audio/pcma")
class AudioPcma(TaggedPart):
    """G.711 A-law, 8 kHz: telephones elsewhere."""


AudioFormat = AudioPcm | AudioPcmu | AudioPcma | UnknownPart


@part("server_vad")
class ServerVad(TaggedPart):
    """A turn ends when the volume says so. The default."""

    threshold: float | Unset = UNSET  # 0 to 1; higher needs a louder voice
    prefix_padding_ms: int | Unset = UNSET  # sound kept from before speech was noticed
    silence_duration_ms: int | Unset = UNSET  # silence that ends the turn
    idle_timeout_ms: int | Unset | None = UNSET  # 5000 to 30000; speaks up when the user stays silent
    create_response: bool | Unset = UNSET  # answer when a turn ends
    interrupt_response: bool | Unset = UNSET  # stop answering when a turn starts


@part("semantic_vad")
class SemanticVad(TaggedPart):
    """A turn ends when a model thinks the speaker has finished. Waits through a pause for thought."""

    eagerness: Literal["low", "medium", "high", "auto"] | Unset = UNSET  # waits at most 8, 4, 2 s; auto = medium
    create_response: bool | Unset = UNSET
    interrupt_response: bool | Unset = UNSET


TurnDetection = ServerVad | SemanticVad | UnknownPart


@part()
class NoiseReduction(Part):
    """Filters the input before turn detection and the model hear it."""

    type: Literal["near_field", "far_field"] | Unset = UNSET  # a headset; a laptop or a room
    strength: float | Unset = UNSET  # 0 to 1


TranscriptionModel = (
    Literal[
        "gpt-4o-mini-transcribe",
        "gpt-4o-mini-transcribe-2025-12-15",
        "gpt-4o-transcribe",
        "gpt-4o-transcribe-diarize",
        "gpt-live-transcribe",
        "gpt-realtime-whisper",
        "gpt-transcribe",
        "whisper-1",
    ]
    | str
)


@part()
class Transcription(Part):
    """Writes down what the user says, beside the conversation: the model itself hears, it does not read this."""

    model: TranscriptionModel | Unset = UNSET
    language: str | Unset = UNSET  # ISO-639-1, such as "en"
    languages: list[str] | Unset = UNSET  # candidates, for models that take several
    prompt: str | Unset = UNSET
    keywords: list[str] | Unset = UNSET  # words to expect
    delay: Literal["minimal", "low", "medium", "high", "xhigh"] | Unset = UNSET  # patience for accuracy


@part()
class CustomVoice(Part):
    """A voice of your own, by its id."""

    id: str


Voice = (
    Literal["alloy", "ash", "ballad", "cedar", "coral", "echo", "marin", "sage", "shimmer", "verse"] | str | CustomVoice
)


@part()
class AudioInput(Part):
    """What the service does with the sound it gets. ``None`` turns a stage off, absent leaves it alone."""

    format: AudioFormat | Unset = UNSET
    noise_reduction: NoiseReduction | Unset | None = UNSET
    transcription: Transcription | Unset | None = UNSET
    turn_detection: TurnDetection | Unset | None = UNSET  # None: you commit, and ask for responses, yourself


@part()
class AudioOutput(Part):
    """How the model sounds. The voice cannot change once the model has spoken."""

    format: AudioFormat | Unset = UNSET
    speed: float | Unset = UNSET  # 0.25 to 1.5, taken up between turns
    voice: Voice | Unset = UNSET


@part()
class AudioConfig(Part):
    """A session's sound, in and out."""

    input: AudioInput | Unset = UNSET
    output: AudioOutput | Unset = UNSET


@part()
class TranscriptionAudio(Part):
    """A transcription session's sound: it only listens."""

    input: AudioInput | Unset = UNSET


@part()
class ResponseAudioOutput(Part):
    """How one response sounds."""

    format: AudioFormat | Unset = UNSET
    voice: Voice | Unset = UNSET


@part()
class ResponseAudio(Part):
    """One response's sound, where it differs from the session's."""

    output: ResponseAudioOutput | Unset = UNSET


@part()
class TranslationTranscription(Part):
    """Writes down the source language, as ``session.input_transcript.delta``."""

    model: str


@part()
class TranslationAudioInput(Part):
    """What a translation session does with the sound it gets: always 24 kHz PCM16 mono."""

    noise_reduction: NoiseReduction | Unset | None = UNSET
    transcription: TranslationTranscription | Unset | None = UNSET


@part()
class TranslationAudioOutput(Part):
    """What a translation session speaks."""

    language: str | Unset = UNSET  # the target, such as "es"


@part()
class TranslationAudio(Part):
    """A translation session's sound, in and out."""

    input: TranslationAudioInput | Unset = UNSET
    output: TranslationAudioOutput | Unset = UNSET
