"""Every event that a realtime or transcription session sends, in sections by family.

A field that the service always sends is never None: where a server leaves it out, it reads as ``""``, ``0`` or an
empty value. Milliseconds of input count from the first byte ever appended in the session.
"""

from typing import TYPE_CHECKING, Literal

import attrs

from ..pcm import decode_samples
from .base import Part, ServerEvent, UnknownPart, part, server_event
from .content import ContentPart
from .items import Item
from .responses import Response
from .session_config import RealtimeSession, TranscriptionSession, TranslationSession
from .transcripts import LogProb, TranscriptionError, TranscriptionLanguage, TranscriptionUsage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

AnySession = RealtimeSession | TranscriptionSession | TranslationSession | UnknownPart


@part()
class ErrorDetail(Part):
    """What went wrong, and which event of yours caused it."""

    type: str = ""
    message: str = attrs.field(default="", repr=repr)  # shown whole
    code: str | None = None
    param: str | None = None  # the path to the field at fault, such as "session.type"
    event_id: str | None = None  # the one that you gave to the event at fault


@part()
class RateLimit(Part):
    """One limit of the project."""

    name: Literal["requests", "tokens"] | None = None
    limit: int | None = None
    remaining: int | None = None
    reset_seconds: float | None = None


@part()
class Conversation(Part):
    """The conversation of the session: there is exactly one."""

    id: str | None = None
    object: Literal["realtime.conversation"] | None = None


# --- session ------------------------------------------------------------------------------------------------


@server_event("error")
class Error(ServerEvent):
    """Something went wrong. Mostly survivable: the session stays open."""

    error: ErrorDetail = ErrorDetail()


@server_event("session.created")
class SessionCreated(ServerEvent):
    """The first event of every session, with all that it is by default."""

    session: AnySession = RealtimeSession()


@server_event("session.updated")
class SessionUpdated(ServerEvent):
    """Answers ``session.update``, with all that the session now is."""

    session: AnySession = RealtimeSession()


@server_event("rate_limits.updated")
class RateLimitsUpdated(ServerEvent):
    """What is left of the limits, once for each response."""

    rate_limits: list[RateLimit] = attrs.field(factory=list)


# --- conversation -------------------------------------------------------------------------------------------


@server_event("conversation.created")
class ConversationCreated(ServerEvent):
    """Comes after ``session.created``, from some servers: never wait for it."""

    conversation: Conversation = Conversation()


@server_event("conversation.item.added")
class ConversationItemAdded(ServerEvent):
    """An item is in the conversation; that of a response is still empty."""

    item: Item = attrs.field(factory=UnknownPart)
    previous_item_id: str | None = None  # None: it is the first


@server_event("conversation.item.done")
class ConversationItemDone(ServerEvent):
    """An item is complete."""

    item: Item = attrs.field(factory=UnknownPart)
    previous_item_id: str | None = None


@server_event("conversation.item.created")
class ConversationItemCreated(ServerEvent):
    """What older servers send in the place of ``conversation.item.added`` and ``.done``."""

    item: Item = attrs.field(factory=UnknownPart)
    previous_item_id: str | None = None


@server_event("conversation.item.retrieved")
class ConversationItemRetrieved(ServerEvent):
    """Answers ``conversation.item.retrieve``. The only event whose item holds audio."""

    item: Item = attrs.field(factory=UnknownPart)


@server_event("conversation.item.truncated")
class ConversationItemTruncated(ServerEvent):
    """Answers ``conversation.item.truncate``: the transcript is gone too."""

    item_id: str = ""
    content_index: int = 0
    audio_end_ms: int = 0  # ms from the start of the item's audio


@server_event("conversation.item.deleted")
class ConversationItemDeleted(ServerEvent):
    """Answers ``conversation.item.delete``."""

    item_id: str = ""


# --- input transcription ------------------------------------------------------------------------------------
# Runs beside the conversation: may come before the item is added, or after the response to it is done.


@server_event("conversation.item.input_audio_transcription.delta")
class ConversationItemInputAudioTranscriptionDelta(ServerEvent):
    """More of the transcript of what the user said."""

    item_id: str = ""
    content_index: int | None = None
    delta: str = ""
    logprobs: list[LogProb] | None = None


@server_event("conversation.item.input_audio_transcription.segment")
class ConversationItemInputAudioTranscriptionSegment(ServerEvent):
    """A stretch of one speaker, from models that tell speakers apart."""

    item_id: str = ""
    content_index: int = 0
    id: str = ""
    speaker: str = ""
    start: float = 0.0  # seconds
    end: float = 0.0  # seconds
    text: str = ""


@server_event("conversation.item.input_audio_transcription.completed")
class ConversationItemInputAudioTranscriptionCompleted(ServerEvent):
    """The transcript of what the user said. Those of several turns may come out of order: go by ``item_id``."""

    item_id: str = ""
    content_index: int = 0
    transcript: str = ""
    usage: TranscriptionUsage | None = None  # older servers leave it out
    languages: list[TranscriptionLanguage] | None = None
    logprobs: list[LogProb] | None = None


@server_event("conversation.item.input_audio_transcription.failed")
class ConversationItemInputAudioTranscriptionFailed(ServerEvent):
    """What the user said could not be written down. The model may have understood it nevertheless."""

    item_id: str = ""
    content_index: int = 0
    error: TranscriptionError = TranscriptionError()


# --- input audio --------------------------------------------------------------------------------------------


@server_event("input_audio_buffer.speech_started")
class InputAudioBufferSpeechStarted(ServerEvent):
    """The user speaks: the moment to fall silent."""

    audio_start_ms: int = 0  # ms of input; includes the prefix padding
    item_id: str = ""  # of the message that will be made of it


@server_event("input_audio_buffer.speech_stopped")
class InputAudioBufferSpeechStopped(ServerEvent):
    """The user has stopped; ``committed`` follows."""

    audio_end_ms: int = 0  # ms of input; includes the silence that told it
    item_id: str = ""


@server_event("input_audio_buffer.timeout_triggered")
class InputAudioBufferTimeoutTriggered(ServerEvent):
    """The user said nothing for ``ServerVad.idle_timeout_ms``; the silence is committed and answered."""

    audio_start_ms: int = 0  # ms of input
    audio_end_ms: int = 0  # ms of input
    item_id: str = ""


@server_event("input_audio_buffer.committed")
class InputAudioBufferCommitted(ServerEvent):
    """The sound in the buffer is now a user message; its item follows."""

    item_id: str = ""
    previous_item_id: str | None = None


@server_event("input_audio_buffer.cleared")
class InputAudioBufferCleared(ServerEvent):
    """Answers ``input_audio_buffer.clear``."""


@server_event("input_audio_buffer.dtmf_event_received")
class InputAudioBufferDtmfEventReceived(ServerEvent):
    """A key of a telephone (SIP only). The one event that has no ``event_id``."""

    event: str = ""  # 0-9, *, #, A-D
    received_at: int = 0  # Unix seconds


# --- output audio: WebRTC and SIP, where the server plays ---------------------------------------------------


@server_event("output_audio_buffer.started")
class OutputAudioBufferStarted(ServerEvent):
    """The user begins to hear a response."""

    response_id: str = ""


@server_event("output_audio_buffer.stopped")
class OutputAudioBufferStopped(ServerEvent):
    """The user has heard the response to its end: after ``response.done``."""

    response_id: str = ""


@server_event("output_audio_buffer.cleared")
class OutputAudioBufferCleared(ServerEvent):
    """The rest of a response will not be heard: the user interrupted, or you cleared it."""

    response_id: str = ""


# --- response -----------------------------------------------------------------------------------------------


@server_event("response.created")
class ResponseCreated(ServerEvent):
    """The model begins to answer."""

    response: Response = attrs.field(factory=Response)


@server_event("response.done")
class ResponseDone(ServerEvent):
    """The model has finished, was cut short, or failed: ``response.status`` says which."""

    response: Response = attrs.field(factory=Response)


@server_event("response.output_item.added")
class ResponseOutputItemAdded(ServerEvent):
    """The response has begun an item: a message or a call."""

    response_id: str = ""
    output_index: int = 0
    item: Item = attrs.field(factory=UnknownPart)


@server_event("response.output_item.done")
class ResponseOutputItemDone(ServerEvent):
    """An item of the response is complete, or was cut short."""

    response_id: str = ""
    output_index: int = 0
    item: Item = attrs.field(factory=UnknownPart)


@server_event("response.content_part.added")
class ResponseContentPartAdded(ServerEvent):
    """A message has begun a part: text, or audio with its transcript."""

    response_id: str = ""
    item_id: str = ""
    output_index: int = 0
    content_index: int = 0
    part: ContentPart = attrs.field(factory=UnknownPart)


@server_event("response.content_part.done")
class ResponseContentPartDone(ServerEvent):
    """A part of a message is complete."""

    response_id: str = ""
    item_id: str = ""
    output_index: int = 0
    content_index: int = 0
    part: ContentPart = attrs.field(factory=UnknownPart)


# --- response text and audio --------------------------------------------------------------------------------


@server_event("response.output_text.delta")
class ResponseOutputTextDelta(ServerEvent):
    """More text from the model."""

    response_id: str = ""
    item_id: str = ""
    output_index: int = 0
    content_index: int = 0
    delta: str = ""


@server_event("response.output_text.done")
class ResponseOutputTextDone(ServerEvent):
    """The whole text of a part."""

    response_id: str = ""
    item_id: str = ""
    output_index: int = 0
    content_index: int = 0
    text: str = ""


@server_event("response.output_audio_transcript.delta")
class ResponseOutputAudioTranscriptDelta(ServerEvent):
    """More of what the model says, in words. Runs ahead of what the user hears."""

    response_id: str = ""
    item_id: str = ""
    output_index: int = 0
    content_index: int = 0
    delta: str = ""


@server_event("response.output_audio_transcript.done")
class ResponseOutputAudioTranscriptDone(ServerEvent):
    """All that the model says in a part, in words."""

    response_id: str = ""
    item_id: str = ""
    output_index: int = 0
    content_index: int = 0
    transcript: str = ""


@server_event("response.output_audio.delta")
class ResponseOutputAudioDelta(ServerEvent):
    """More sound from the model, faster than it is heard. WebSocket only."""

    response_id: str = ""
    item_id: str = ""
    output_index: int = 0
    content_index: int = 0
    delta: str = ""  # base64, in the session's output format

    def pcm(self) -> "NDArray[np.int16]":
        """The sound as samples: shape ``(n,)``, mono, 24 kHz. For output in ``audio/pcm``, the default, only.

        Raises:
            ValueError: ``delta`` is no base64, or ends within a sample.
        """
        return decode_samples(self.delta)


@server_event("response.output_audio.done")
class ResponseOutputAudioDone(ServerEvent):
    """All sound of a part has been sent."""

    response_id: str = ""
    item_id: str = ""
    output_index: int = 0
    content_index: int = 0


# --- response function calls --------------------------------------------------------------------------------


@server_event("response.function_call_arguments.delta")
class ResponseFunctionCallArgumentsDelta(ServerEvent):
    """More of the arguments of a function call."""

    response_id: str = ""
    item_id: str = ""
    output_index: int = 0
    call_id: str = ""
    delta: str = ""  # a piece of JSON


@server_event("response.function_call_arguments.done")
class ResponseFunctionCallArgumentsDone(ServerEvent):
    """All arguments of a function call; also when it was cut short, so they may be no JSON."""

    response_id: str = ""
    item_id: str = ""
    output_index: int = 0
    call_id: str = ""
    name: str = ""  # older servers leave it out: then it is in the item
    arguments: str = ""  # JSON


# --- MCP ----------------------------------------------------------------------------------------------------


@server_event("mcp_list_tools.in_progress")
class McpListToolsInProgress(ServerEvent):
    """The service asks an MCP server for its tools. May come before ``session.updated``."""

    item_id: str = ""


@server_event("mcp_list_tools.completed")
class McpListToolsCompleted(ServerEvent):
    """The tools of an MCP server can be called."""

    item_id: str = ""


@server_event("mcp_list_tools.failed")
class McpListToolsFailed(ServerEvent):
    """The tools of an MCP server could not be listed, so none can be called."""

    item_id: str = ""


@server_event("response.mcp_call_arguments.delta")
class ResponseMcpCallArgumentsDelta(ServerEvent):
    """More of the arguments of an MCP call."""

    response_id: str = ""
    item_id: str = ""
    output_index: int = 0
    delta: str = ""  # a piece of JSON
    obfuscation: str | None = None  # random padding


@server_event("response.mcp_call_arguments.done")
class ResponseMcpCallArgumentsDone(ServerEvent):
    """All arguments of an MCP call."""

    response_id: str = ""
    item_id: str = ""
    output_index: int = 0
    arguments: str = ""  # JSON


@server_event("response.mcp_call.in_progress")
class ResponseMcpCallInProgress(ServerEvent):
    """An MCP tool runs."""

    item_id: str = ""
    output_index: int = 0


@server_event("response.mcp_call.completed")
class ResponseMcpCallCompleted(ServerEvent):
    """An MCP tool has given its result: see the item's ``output``."""

    item_id: str = ""
    output_index: int = 0


@server_event("response.mcp_call.failed")
class ResponseMcpCallFailed(ServerEvent):
    """An MCP tool has failed: see the item's ``error``."""

    item_id: str = ""
    output_index: int = 0
