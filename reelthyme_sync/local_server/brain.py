"""What the server does with every client event: one connection, as a state machine. Pure.

It knows no socket, thread or clock. What takes time it asks for: ``jobs`` says what is to be heard or said, and whoever
does it brings the result back (``heard``), or asks for the response slice by slice (``perform``). One thread at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import attrs
import orjson

from .. import pcm
from ..events import (
    CLIENT_EVENTS,
    AudioFormat,
    ClientEvent,
    ConversationItemAdded,
    ConversationItemCreate,
    ConversationItemDelete,
    ConversationItemDeleted,
    ConversationItemDone,
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionDelta,
    ConversationItemRetrieve,
    ConversationItemRetrieved,
    ConversationItemTruncate,
    ConversationItemTruncated,
    InputAudio,
    InputAudioBufferAppend,
    InputAudioBufferClear,
    InputAudioBufferCleared,
    InputAudioBufferCommit,
    InputAudioBufferCommitted,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    RealtimeSession,
    ResponseCancel,
    ResponseCreate,
    ResponseParams,
    SemanticVad,
    ServerEvent,
    ServerVad,
    SessionCreated,
    SessionUpdate,
    SessionUpdated,
    TranslationConfig,
    UnknownEvent,
    UserMessage,
    evolve,
)
from ..vad import SpeechStarted, SpeechStopped
from .admission import check_item
from .answers import Answer, Calls, Question
from .conversation import Conversation, Entry, entry_of
from .input_buffer import InputBuffer
from .jobs import Hear, Job, Perform
from .numbering import Numbering
from .outputs import Output, Slice, SpokenMessage, ToolCall, WrittenMessage
from .plan import plan
from .production import Production, Reason
from .refusal import Refusal, invalid_value, missing
from .settings import AnySettings, format_of, given, input_of, realtime_session, transcription_session, updated
from .unknown import check_known
from .usage import transcript_usage

SHORTEST_COMMIT_MS: Final = 100


class Brain:
    """One connection.

    Args:
        model: what the client asked for in the URL.
        answer: the answering brain.
        transcribes: whether the session only listens (``?intent=transcription``).
        expires_at: when the session will end, in Unix seconds; 0 does not say.
        connection: the how-manieth of its server.
        session: what a client secret brings along, in the place of ``model`` and ``transcribes``.
    """

    def __init__(
        self,
        *,
        model: str,
        answer: Callable[[Question], Answer],
        transcribes: bool = False,
        expires_at: int = 0,
        connection: int = 1,
        session: AnySettings | None = None,
    ) -> None:
        self._answer = answer
        self._ids = Numbering(connection)
        session_id = self._ids.next("sess")
        self._conversation_id = self._ids.next("conv")
        self._settings: AnySettings = (
            evolve(session, id=session_id, expires_at=expires_at)
            if session is not None
            else transcription_session(session_id, expires_at)
            if transcribes
            else realtime_session(session_id, model, expires_at)
        )
        self._buffer = InputBuffer(self._input_format, self._detection)
        self._conversation = Conversation()
        self._productions: dict[str, Production] = {}
        self._answers: dict[str, Answer] = {}
        self._unheard: dict[str, Entry] = {}
        self._jobs: list[Job] = []
        self._turn_item_id = ""
        self._has_spoken = False
        self._handlers: dict[type[ClientEvent], Callable[[Any], list[ServerEvent]]] = {
            SessionUpdate: self._update,
            InputAudioBufferAppend: self._append,
            InputAudioBufferCommit: self._commit,
            InputAudioBufferClear: self._clear,
            ConversationItemCreate: self._create_item,
            ConversationItemRetrieve: self._retrieve_item,
            ConversationItemTruncate: self._truncate_item,
            ConversationItemDelete: self._delete_item,
            ResponseCreate: self._create_response,
            ResponseCancel: self._cancel_response,
        }

    @property
    def interruptible(self) -> bool:
        """Whether speech that begins ends what is being said."""
        return self._detection is not None and given(self._detection.interrupt_response, True)

    # --- what the connection calls ----------------------------------------------------------------------------

    def open(self) -> list[ServerEvent]:
        """The first event of a session."""
        return self.numbered([SessionCreated(session=self._settings)])

    def receive(self, event: ClientEvent | UnknownEvent, data: str | bytes | None = None) -> list[ServerEvent]:
        """The answer to an event, which came as ``data``. A refused event changes nothing."""
        try:
            check_known(event, data)
            return self.numbered(self._handle(event))
        except Refusal as refusal:
            return self.numbered([refusal.as_event(event.event_id or None)])

    def hear(self, sound: bytes) -> list[ServerEvent]:
        """The answer to sound that came over a line: 24 kHz PCM16, whatever the session's format."""
        return self.numbered(self._turns(self._buffer.hear(sound)))

    def receive_nonsense(self, why: str) -> list[ServerEvent]:
        """The answer to what is no event at all."""
        return self.numbered([Refusal(f"Invalid event: {why}", code="invalid_event").as_event(None)])

    def expire(self) -> list[ServerEvent]:
        """The last event of a session whose time is up."""
        return self.numbered([Refusal("Your session hit its maximum duration.", code="session_expired").as_event(None)])

    def numbered(self, events: list[ServerEvent]) -> list[ServerEvent]:
        """The same events with their ids, which are the next ones: for what is told beside the answers of the brain."""
        return [evolve(event, event_id=self._ids.next("event")) for event in events]

    def jobs(self) -> list[Job]:
        """What is to be done now, each job once."""
        jobs, self._jobs = self._jobs, []
        return jobs

    def heard(self, item_id: str, text: str) -> list[ServerEvent]:
        """The ears have done their job. Responses that waited for it become jobs."""
        entry = self._unheard.pop(item_id)
        entry.heard = text
        for production in self._productions.values():
            self._decide(production)
        return self.numbered(self._transcript(entry, text))

    def perform(self, response_id: str, sound: bytes) -> Iterator[Slice]:
        """A response step by step, with the sound of what it says. Ends when the response is cut short."""
        production = self._productions.get(response_id)
        if production is None:
            return
        outputs = self._make(production, self._answers.pop(response_id), sound)
        for piece in production.perform(outputs):
            self._has_spoken |= bool(sound)
            if production.over:
                self._productions.pop(response_id, None)
            yield attrs.evolve(piece, events=self.numbered(piece.events))

    # --- client events ----------------------------------------------------------------------------------------

    def _handle(self, event: ClientEvent | UnknownEvent) -> list[ServerEvent]:
        if isinstance(event, UnknownEvent):
            raise _unknown(event)
        handler = self._handlers.get(type(event))
        if handler is None:
            raise invalid_value(f"The local server does not take '{event.type}'.", "type")
        return handler(event)

    def _update(self, event: SessionUpdate) -> list[ServerEvent]:
        if isinstance(event.session, TranslationConfig):
            raise missing("session.type")
        self._settings = updated(self._settings, event.session, has_spoken=self._has_spoken)
        self._buffer.expect(self._input_format)
        self._buffer.detect(self._detection)
        return [SessionUpdated(session=self._settings)]

    def _append(self, event: InputAudioBufferAppend) -> list[ServerEvent]:
        try:
            data = pcm.decode_base64(event.audio)
        except ValueError as error:
            raise invalid_value(f"Invalid 'audio': {error}.", "audio") from None
        return self._turns(self._buffer.append(data))

    def _commit(self, _event: InputAudioBufferCommit) -> list[ServerEvent]:
        self._buffer.settle()
        if (duration := self._buffer.duration_ms) < SHORTEST_COMMIT_MS:
            raise Refusal(
                f"Error committing input audio buffer: buffer too small. Expected at least {SHORTEST_COMMIT_MS}ms of "
                f"audio, but buffer only has {duration:.2f}ms of audio.",
                code="input_audio_buffer_commit_empty",
            )
        item_id = self._turn_item_id or self._ids.next("item")
        self._turn_item_id = ""
        return self._committed(item_id, self._buffer.take())

    def _clear(self, _event: InputAudioBufferClear) -> list[ServerEvent]:
        self._buffer.settle()
        self._buffer.take()
        self._turn_item_id = ""
        return [InputAudioBufferCleared()]

    def _create_item(self, event: ConversationItemCreate) -> list[ServerEvent]:
        check_item(event.item)
        entry = entry_of(event.item, self._ids.next("item"), self._input_format)
        return self._added(entry, given(event.previous_item_id, None) or None)

    def _retrieve_item(self, event: ConversationItemRetrieve) -> list[ServerEvent]:
        return [ConversationItemRetrieved(item=self._conversation.get(event.item_id, "retrieve").with_sound())]

    def _truncate_item(self, event: ConversationItemTruncate) -> list[ServerEvent]:
        self._conversation.truncate(event.item_id, event.audio_end_ms)
        return [
            ConversationItemTruncated(
                item_id=event.item_id, content_index=event.content_index, audio_end_ms=event.audio_end_ms
            )
        ]

    def _delete_item(self, event: ConversationItemDelete) -> list[ServerEvent]:
        self._conversation.delete(event.item_id)
        return [ConversationItemDeleted(item_id=event.item_id)]

    def _create_response(self, event: ResponseCreate) -> list[ServerEvent]:
        return self._respond(given(event.response, ResponseParams()))

    def _cancel_response(self, event: ResponseCancel) -> list[ServerEvent]:
        production = self._productions.get(event.response_id) if event.response_id else self._active()
        if production is None:
            raise Refusal("Cancellation failed: no active response found", code="response_cancel_not_active")
        return self._end(production, "client_cancelled")

    # --- turns ------------------------------------------------------------------------------------------------

    @property
    def _input_format(self) -> AudioFormat:
        return format_of(input_of(self._settings))

    @property
    def _detection(self) -> ServerVad | SemanticVad | None:
        detection = input_of(self._settings).turn_detection
        return detection if isinstance(detection, ServerVad | SemanticVad) else None

    def _turns(self, boundaries: Iterable[SpeechStarted | SpeechStopped]) -> list[ServerEvent]:
        events: list[ServerEvent] = []
        for boundary in boundaries:
            events += self._start_turn(boundary) if isinstance(boundary, SpeechStarted) else self._end_turn(boundary)
        return events

    def _start_turn(self, boundary: SpeechStarted) -> list[ServerEvent]:
        self._buffer.begin_turn(boundary.audio_start_ms)
        self._turn_item_id = self._ids.next("item")
        started = InputAudioBufferSpeechStarted(audio_start_ms=boundary.audio_start_ms, item_id=self._turn_item_id)
        active = self._active()
        if active is None or not self.interruptible:
            return [started]
        return [started, *self._end(active, "turn_detected")]

    def _end_turn(self, boundary: SpeechStopped) -> list[ServerEvent]:
        item_id, self._turn_item_id = self._turn_item_id, ""
        events: list[ServerEvent] = [
            InputAudioBufferSpeechStopped(audio_end_ms=boundary.audio_end_ms, item_id=item_id),
            *self._committed(item_id, self._buffer.end_turn(boundary.audio_end_ms)),
        ]
        answers = self._detection is not None and given(self._detection.create_response, True)
        if answers and isinstance(self._settings, RealtimeSession):
            try:
                events += self._respond(ResponseParams())
            except Refusal as refusal:
                events.append(refusal.as_event(None))
        return events

    def _committed(self, item_id: str, sound: bytes) -> list[ServerEvent]:
        item = UserMessage(
            id=item_id, object="realtime.item", status="completed", content=[InputAudio(transcript=None)]
        )
        entry = Entry(item, sound, wants_transcript=bool(input_of(self._settings).transcription))
        previous = self._conversation.last_id()
        return [InputAudioBufferCommitted(item_id=item_id, previous_item_id=previous), *self._added(entry, None)]

    def _added(self, entry: Entry, after: str | None) -> list[ServerEvent]:
        previous = self._conversation.add(entry, after)
        self._listen(entry)
        return [
            ConversationItemAdded(item=entry.item, previous_item_id=previous),
            ConversationItemDone(item=entry.item, previous_item_id=previous),
        ]

    def _listen(self, entry: Entry) -> None:
        if entry.unheard and entry.id not in self._unheard:
            self._unheard[entry.id] = entry
            self._jobs.append(Hear(entry.id, entry.sound))

    def _transcript(self, entry: Entry, text: str) -> list[ServerEvent]:
        if not entry.wants_transcript or self._conversation.find(entry.id) is None:
            return []
        entry.transcribe(text)
        words = [f" {word}" if place else word for place, word in enumerate(text.split())]
        return [
            *(
                ConversationItemInputAudioTranscriptionDelta(item_id=entry.id, content_index=0, delta=word)
                for word in words
            ),
            ConversationItemInputAudioTranscriptionCompleted(
                item_id=entry.id, transcript=text, usage=transcript_usage(entry.sound, text, input_of(self._settings))
            ),
        ]

    # --- responses --------------------------------------------------------------------------------------------

    def _active(self) -> Production | None:
        """The one response that may write to the conversation."""
        return next((production for production in self._productions.values() if not production.plan.beside), None)

    def _respond(self, params: ResponseParams) -> list[ServerEvent]:
        if not isinstance(self._settings, RealtimeSession):
            raise invalid_value("A transcription session makes no responses.", "type")
        shape = plan(self._settings, params, self._conversation, lambda: self._ids.next("item"))
        active = self._active()
        if active is not None and not shape.beside:
            raise Refusal(
                f"Conversation already has an active response in progress: {active.id}. Wait until the response is "
                "finished before creating a new one.",
                code="conversation_already_has_active_response",
            )
        response = shape.response(self._ids.next("resp"), self._conversation_id)
        production = Production(shape, response, self._conversation)
        self._productions[production.id] = production
        for entry in shape.context:
            self._listen(entry)
        self._decide(production)
        return production.created()

    def _decide(self, production: Production) -> None:
        """Find the answer, unless that is done, or something that it depends on has not been heard yet."""
        if production.begun or production.waits:
            return
        production.begun = True
        answer = self._answer(production.plan.question())
        self._answers[production.id] = answer
        if isinstance(answer, Calls) or production.plan.modality == "text":
            self._jobs.append(Perform(production.id))
        else:
            self._jobs.append(Perform(production.id, answer.text, production.plan.voice, production.plan.speed))

    def _make(self, production: Production, answer: Answer, sound: bytes) -> Iterator[Output]:
        if isinstance(answer, Calls):
            for index, call in enumerate(answer.calls):
                ids = production.id, self._ids.next("item"), self._ids.next("call")
                yield ToolCall(*ids, call.name, orjson.dumps(call.arguments).decode(), output_index=index)
        elif production.plan.modality == "text":
            yield WrittenMessage(production.id, self._ids.next("item"), answer.text)
        else:
            item_id = self._ids.next("item")
            yield SpokenMessage(production.id, item_id, answer.text, sound, production.plan.audio_format)

    def _end(self, production: Production, reason: Reason) -> list[ServerEvent]:
        del self._productions[production.id]
        self._answers.pop(production.id, None)
        return production.end("cancelled", reason)


def _unknown(event: UnknownEvent) -> Refusal:
    if event.type in CLIENT_EVENTS:
        return invalid_value(f"Invalid '{event.type}': a field has the wrong type.", event.type)
    return invalid_value(f"Invalid value: '{event.type}'. Supported values are: {sorted(CLIENT_EVENTS)}.", "type")
