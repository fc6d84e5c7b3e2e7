"""What a response shall be: the session's settings, what the request changes of them, and what it answers to. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import attrs

from ..events import (
    AudioFormat,
    FunctionCallOutput,
    FunctionTool,
    ItemReference,
    RealtimeSession,
    Response,
    ResponseAudio,
    ResponseAudioOutput,
    ResponseParams,
    ToolChoiceFunction,
    UserMessage,
)
from ..events.session_config import MaxOutputTokens, Modality
from .answers import Question
from .conversation import Conversation, Entry, entry_of
from .refusal import invalid_value
from .settings import checked_format, format_of, given, input_of, output_of, voice_of


@attrs.frozen
class Plan:
    """Everything that decides a response.

    Attributes:
        context: what is answered to, oldest first.
        beside: whether the conversation stays as it is, and other responses may run meanwhile.
        aside: what such a one is told to do, where it is given nothing else to answer.
    """

    context: tuple[Entry, ...]
    instructions: str
    modality: Modality
    voice: str
    speed: float
    audio_format: AudioFormat
    tools: tuple[FunctionTool, ...]
    must_call: bool
    max_output_tokens: MaxOutputTokens
    metadata: dict[str, str] | None
    beside: bool
    aside: str

    def question(self) -> Question:
        """What the answering brain is asked. Only complete once everything in the context has been heard."""
        outputs = list(_outputs_at_the_end(self.context))
        messages = [entry for entry in self.context if isinstance(entry.item, UserMessage)]
        return Question(
            text=messages[-1].words if messages else "",
            tools=self.tools,
            must_call=self.must_call,
            outputs=outputs[::-1],
            instructions=self.instructions,
            spoken_to=bool(messages),
            pictures=len(messages[-1].pictures) if messages else 0,
            aside=self.aside,
        )

    def response(self, response_id: str, conversation_id: str) -> Response:
        """The response as it begins."""
        spoken = ResponseAudioOutput(format=self.audio_format, voice=self.voice)
        return Response(
            id=response_id,
            object="realtime.response",
            status="in_progress",
            conversation_id=None if self.beside else conversation_id,
            output_modalities=[self.modality],
            audio=ResponseAudio(output=spoken),
            max_output_tokens=self.max_output_tokens,
            metadata=self.metadata,
        )


def plan(
    session: RealtimeSession, params: ResponseParams, conversation: Conversation, new_id: Callable[[], str]
) -> Plan:
    """What a ``response.create`` asks for; ``new_id`` names the items that it brings along.

    Raises:
        Refusal: it asks for what there is not.
    """
    modalities = given(params.output_modalities, given(session.output_modalities, ["audio"]))
    if modalities not in (["audio"], ["text"]):
        raise invalid_value("Supported values are: ['text'] and ['audio'].", "response.output_modalities")
    output = output_of(session)
    asked = given(given(params.audio, ResponseAudio()).output, ResponseAudioOutput())
    tools = given(params.tools, given(session.tools, []))
    choice = given(params.tool_choice, given(session.tool_choice, "auto"))
    beside = params.conversation == "none"
    return Plan(
        context=_context(params, conversation, new_id, format_of(input_of(session))),
        instructions=given(params.instructions, given(session.instructions, "")),
        modality=modalities[0],
        voice=voice_of(asked, voice_of(output)),
        speed=given(output.speed, 1.0),
        audio_format=checked_format(given(asked.format, format_of(output)), "response.audio.output.format.type"),
        tools=_callable([tool for tool in tools if isinstance(tool, FunctionTool)], choice),
        must_call=choice == "required" or isinstance(choice, ToolChoiceFunction),
        max_output_tokens=given(params.max_output_tokens, given(session.max_output_tokens, "inf")),
        metadata=given(params.metadata, None),
        beside=beside,
        aside=given(params.instructions, "") if beside and not isinstance(params.input, list) else "",
    )


def _callable(tools: Sequence[FunctionTool], choice: object) -> tuple[FunctionTool, ...]:
    if choice == "none":
        return ()
    if isinstance(choice, ToolChoiceFunction):
        return tuple(tool for tool in tools if tool.name == choice.name)
    return tuple(tools)


def _context(
    params: ResponseParams, conversation: Conversation, new_id: Callable[[], str], audio_format: AudioFormat
) -> tuple[Entry, ...]:
    if not isinstance(params.input, list):
        return tuple(conversation.entries)
    return tuple(
        _referred(item, conversation, place)
        if isinstance(item, ItemReference)
        else entry_of(item, new_id(), audio_format)
        for place, item in enumerate(params.input)
    )


def _referred(reference: ItemReference, conversation: Conversation, place: int) -> Entry:
    if (entry := conversation.find(reference.id)) is None:
        raise invalid_value(f"The item with id '{reference.id}' does not exist.", f"response.input[{place}].id")
    return entry


def _outputs_at_the_end(context: Sequence[Entry]) -> Iterator[str]:
    for entry in reversed(context):
        if not isinstance(entry.item, FunctionCallOutput):
            return
        yield entry.item.output
