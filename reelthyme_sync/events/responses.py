"""What a response is asked to be, and what it came to: its status, output and usage."""

from typing import Literal

import attrs

from .audio import ResponseAudio
from .base import UNSET, Part, Unset, part
from .items import Item, ItemReference
from .session_config import MaxOutputTokens, Modality, Prompt, Reasoning
from .tools import Tool, ToolChoice


@part()
class ResponseParams(Part):
    """How one response differs from what the session says."""

    instructions: str | Unset = UNSET
    output_modalities: list[Modality] | Unset = UNSET  # exactly one
    audio: ResponseAudio | Unset = UNSET
    tools: list[Tool] | Unset = UNSET
    tool_choice: ToolChoice | Unset = UNSET
    parallel_tool_calls: bool | Unset = UNSET
    reasoning: Reasoning | Unset = UNSET
    max_output_tokens: MaxOutputTokens | Unset = UNSET
    conversation: Literal["auto", "none"] | str | Unset = UNSET  # "none": beside it, in parallel
    input: list[Item | ItemReference] | Unset = UNSET  # instead of the conversation; [] is an empty one
    prompt: Prompt | Unset | None = UNSET
    metadata: dict[str, str] | Unset | None = UNSET  # comes back: 16 keys of 64, values of 512


@part()
class ResponseError(Part):
    """Why a response failed."""

    type: str | None = None
    code: str | None = None
    message: str | None = None


@part()
class ResponseStatusDetails(Part):
    """Why a response did not complete."""

    type: Literal["completed", "cancelled", "incomplete", "failed"] | None = None
    reason: Literal["turn_detected", "client_cancelled", "max_output_tokens", "content_filter"] | None = None
    error: ResponseError | None = None


@part()
class CachedTokensDetails(Part):
    """The cached tokens of the input, by kind."""

    text_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None


@part()
class InputTokenDetails(Part):
    """The tokens that went in, by kind."""

    text_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None
    cached_tokens: int | None = None
    cached_tokens_details: CachedTokensDetails | None = None


@part()
class OutputTokenDetails(Part):
    """The tokens that came out, by kind."""

    text_tokens: int | None = None
    audio_tokens: int | None = None


@part()
class ResponseUsage(Part):
    """What a response is billed for. Earlier turns count again in the input of each response."""

    total_tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_token_details: InputTokenDetails | None = None
    output_token_details: OutputTokenDetails | None = None


@part()
class Response(Part):
    """A response so far: empty in ``response.created``, whole in ``response.done``. It holds no audio."""

    id: str = ""
    object: Literal["realtime.response"] | None = None
    status: Literal["in_progress", "completed", "cancelled", "failed", "incomplete"] | None = None
    status_details: ResponseStatusDetails | None = None
    output: list[Item] = attrs.field(factory=list)
    conversation_id: str | None = None  # None: beside the conversation
    output_modalities: list[Modality] | None = None
    audio: ResponseAudio | None = None
    max_output_tokens: MaxOutputTokens | None = None
    usage: ResponseUsage | None = None
    metadata: dict[str, str] | None = None
