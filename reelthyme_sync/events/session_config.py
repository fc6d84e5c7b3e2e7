"""What a session is told to be, and says that it is: realtime, transcription, translation.

In ``session.update`` an absent field stays as it is. To clear one, send ``""`` (instructions), ``[]`` (tools) or
``None`` (turn detection, transcription, noise reduction, tracing, prompt).
"""

from typing import Any, Literal

from .audio import AudioConfig, TranscriptionAudio, TranslationAudio
from .base import UNSET, Part, TaggedPart, UnknownPart, Unset, part
from .tools import Tool, ToolChoice

Model = (
    Literal[
        "gpt-realtime-2.1",
        "gpt-realtime-2.1-mini",
        "gpt-realtime-2",
        "gpt-realtime-1.5",
        "gpt-realtime",
        "gpt-realtime-2025-08-28",
        "gpt-realtime-mini",
        "gpt-realtime-mini-2025-10-06",
        "gpt-realtime-mini-2025-12-15",
        "gpt-4o-realtime-preview",
        "gpt-4o-realtime-preview-2024-10-01",
        "gpt-4o-realtime-preview-2024-12-17",
        "gpt-4o-realtime-preview-2025-06-03",
        "gpt-4o-mini-realtime-preview",
        "gpt-4o-mini-realtime-preview-2024-12-17",
        "gpt-audio-1.5",
        "gpt-audio-mini",
        "gpt-audio-mini-2025-10-06",
        "gpt-audio-mini-2025-12-15",
    ]
    | str
)
Modality = Literal["text", "audio"]
Include = Literal["item.input_audio_transcription.logprobs"]
MaxOutputTokens = int | Literal["inf"]  # 1 to 4096


@part()
class TracingConfig(Part):
    """How the session is named in the platform's traces. Cannot change once tracing is on."""

    workflow_name: str | Unset = UNSET
    group_id: str | Unset = UNSET
    metadata: dict[str, Any] | Unset = UNSET


@part()
class TokenLimits(Part):
    """How much of a conversation is kept."""

    post_instructions: int | Unset = UNSET  # tokens, not counting instructions and tools


@part("retention_ratio")
class RetentionRatio(TaggedPart):
    """When the context is full, drop more than must be, so that the cache serves the next turns."""

    retention_ratio: float  # 0 to 1: the share that is kept
    token_limits: TokenLimits | Unset = UNSET


Truncation = Literal["auto", "disabled"] | RetentionRatio | UnknownPart


@part()
class Reasoning(Part):
    """How long the model thinks before it speaks."""

    effort: Literal["minimal", "low", "medium", "high", "xhigh"] | Unset = UNSET


@part()
class CacheBreakpoint(Part):
    """The prompt up to here is worth caching."""

    mode: Literal["explicit"] = "explicit"
    ttl: Literal["30m", "12h"] | Unset = UNSET


@part("input_text")
class PromptText(TaggedPart):
    """Text for a variable of a prompt."""

    text: str
    prompt_cache_breakpoint: CacheBreakpoint | Unset = UNSET


@part("input_image")
class PromptImage(TaggedPart):
    """An image for a variable of a prompt."""

    detail: Literal["auto", "low", "high", "original"]
    image_url: str | Unset | None = UNSET
    file_id: str | Unset | None = UNSET
    prompt_cache_breakpoint: CacheBreakpoint | Unset = UNSET


@part("input_file")
class PromptFile(TaggedPart):
    """A file for a variable of a prompt."""

    file_id: str | Unset | None = UNSET
    file_url: str | Unset = UNSET
    file_data: str | Unset = UNSET  # base64
    filename: str | Unset = UNSET
    detail: Literal["auto", "low", "high"] | Unset = UNSET
    prompt_cache_breakpoint: CacheBreakpoint | Unset = UNSET


PromptVariable = str | PromptText | PromptImage | PromptFile | UnknownPart


@part()
class Prompt(Part):
    """A prompt kept on the platform, and the values for its variables."""

    id: str
    version: str | Unset | None = UNSET  # absent: the current one
    variables: dict[str, PromptVariable] | Unset | None = UNSET


@part("realtime")
class RealtimeSession(TaggedPart):
    """A conversation. ``id``, ``object`` and ``expires_at`` are the server's to say: do not send them."""

    model: Model | Unset = UNSET  # cannot change
    instructions: str | Unset = UNSET
    output_modalities: list[Modality] | Unset = UNSET  # exactly one
    audio: AudioConfig | Unset = UNSET
    tools: list[Tool] | Unset = UNSET
    tool_choice: ToolChoice | Unset = UNSET
    parallel_tool_calls: bool | Unset = UNSET
    reasoning: Reasoning | Unset = UNSET
    max_output_tokens: MaxOutputTokens | Unset = UNSET  # for each response
    truncation: Truncation | Unset = UNSET
    prompt: Prompt | Unset | None = UNSET
    tracing: Literal["auto"] | TracingConfig | Unset | None = UNSET
    include: list[Include] | Unset = UNSET
    id: str | Unset = UNSET
    object: Literal["realtime.session"] | Unset = UNSET
    expires_at: int | Unset = UNSET  # Unix seconds


@part("transcription")
class TranscriptionSession(TaggedPart):
    """Only listens and writes down. ``id``, ``object`` and ``expires_at`` are the server's to say."""

    audio: TranscriptionAudio | Unset = UNSET
    include: list[Include] | Unset = UNSET
    id: str | Unset = UNSET
    object: str | Unset = UNSET
    expires_at: int | Unset = UNSET  # Unix seconds


@part()
class TranslationConfig(Part):
    """What a translation session can be told. It has no ``type``: the service refuses one here."""

    audio: TranslationAudio | Unset = UNSET


@part("translation")
class TranslationSession(TaggedPart):
    """What a translation session says that it is. To change it, send a ``TranslationConfig``."""

    id: str = ""
    model: str = ""
    audio: TranslationAudio = TranslationAudio()
    expires_at: int = 0  # Unix seconds
