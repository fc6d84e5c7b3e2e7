"""The conversation of a session, as its events tell it: items in order, what was said in them, and heard. Pure.

It sends nothing and plays nothing. What a server says may come twice, late or never: nothing here raises, and an item
that nobody announced is not made up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import attrs

from ..events import (
    AssistantMessage,
    Audio,
    AudioFormat,
    ClientEvent,
    ConversationItemAdded,
    ConversationItemCreate,
    ConversationItemCreated,
    ConversationItemDeleted,
    ConversationItemDone,
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionDelta,
    ConversationItemInputAudioTranscriptionFailed,
    ConversationItemTruncated,
    Error,
    FunctionCall,
    InputAudioBufferAppend,
    InputAudioBufferClear,
    InputAudioBufferCommit,
    InputAudioBufferCommitted,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    InputAudioBufferTimeoutTriggered,
    OutputAudio,
    Reconnected,
    ResponseContentPartAdded,
    ResponseCreated,
    ResponseDone,
    ResponseFunctionCallArgumentsDelta,
    ResponseFunctionCallArgumentsDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputAudioTranscriptDone,
    ResponseOutputItemDone,
    ResponseOutputTextDelta,
    ResponseOutputTextDone,
    ServerEvent,
    SessionCreated,
    SessionUpdated,
    UserMessage,
)
from ..formats import input_format, output_format, sample_rate
from .described import Transcription, cut_off, described, ends, part_of, transcribed, with_text
from .export import from_json, to_json
from .input_sound import InputSound
from .item import ConversationItem, item_id
from .order import inserted
from .restoring import restoring_items
from .said import Said, replaced
from .update import Delta, Update
from .wire_sound import read_samples

KEPT_EARLY: Final = 64
"""The most items whose words are kept before they are announced; of those that never are, the oldest go."""


class RealtimeConversation:
    """What has been said, in order. Give it every event of a session, in the order in which they pass.

    ``get_item``, ``get_items`` and ``export`` may be called from any thread at any time: what they give are values. All
    other methods are for one thread at a time, which the owner sees to.

    Args:
        keep_audio: whether items keep their sound: 2.9 MB a minute, and up to 14.4 MB of what the user said last.
            Without it the model's sound is counted only, and the user's not even that.
    """

    def __init__(self, *, keep_audio: bool = True) -> None:
        self._keep_audio = keep_audio
        self.clear()

    def clear(self) -> None:
        """Forget all, as for a new session: the sound that was sent too, from which that one counts anew."""
        # Its keys never change, so that other threads may walk it: a new item makes a new dict.
        self._items: dict[str, ConversationItem] = {}
        self._deleted: set[str] = set()
        self.begin_session()

    def begin_session(self) -> None:
        """Go on in another session, which knows nothing of the one before: it counts the user's sound from its zero.

        Items stay. Nothing more will come of those that are in progress, and what was half known is forgotten.
        """
        self.cut_off()
        self._early: dict[str, list[Transcription]] = {}
        self._output_format: AudioFormat | None = None
        self._own_formats: dict[str, AudioFormat] = {}  # of responses that do not sound as the session does
        self._halves: dict[tuple[str, int], bytes] = {}  # of samples that a delta has cut in two
        self._input = InputSound()

    # --- what it says -------------------------------------------------------------------------------------------

    def get_item(self, wanted: str) -> ConversationItem | None:
        """The item with this id as it is now; None if there is none."""
        return self._items.get(wanted)

    def get_items(self) -> list[ConversationItem]:
        """The items in order, as they are now."""
        return list(self._items.values())

    def restoring_events(self) -> list[ConversationItemCreate]:
        """What to send in a new session, for the model to know this conversation: in order, before all else.

        Messages with what was heard of them, the model's as text; function calls, each with its output. What the
        service does not take back is left out: speech that nobody wrote down and whose sound is gone, MCP items.
        """
        return [ConversationItemCreate(item=item) for item in restoring_items(self.get_items())]

    def export(self, *, audio: bool = False) -> str:
        """The conversation as JSON, for ``from_json``: all but its sound, or with it, as base64."""
        return to_json(self.get_items(), audio=audio)

    @classmethod
    def from_json(cls, text: str, *, keep_audio: bool = True) -> RealtimeConversation:
        """The conversation that was exported, to look at or to go on with.

        Raises:
            ValueError: it is no export, or one of a later version; the message says where.
        """
        conversation = cls(keep_audio=keep_audio)
        conversation._items = {item.id: item for item in from_json(text, keep_audio=keep_audio)}
        return conversation

    # --- what it hears ------------------------------------------------------------------------------------------

    def process_event(self, event: ServerEvent) -> Update | None:
        """Take in what the server says. Gives what that changed; None if nothing, or nothing that is to be told."""
        handler = _HANDLERS.get(type(event))
        return handler(self, event) if handler is not None else None

    def note_sent(self, event: ClientEvent) -> None:
        """Take in what we say to the server, before it answers: the user's items get their sound from it."""
        if not self._keep_audio:
            return
        match event:
            case InputAudioBufferAppend():
                self._input.send(event.audio)
            case InputAudioBufferCommit():
                self._input.commit()
            case InputAudioBufferClear():
                self._input.clear()
            case ConversationItemCreate(item=UserMessage() as message):
                self._input.bring(message)

    def queue_input_audio(self, pcm: bytes) -> bytes:
        """The sound of the user's next spoken item, if no other is known: PCM16, 24 kHz. Gives it back."""
        if self._keep_audio:
            self._input.queue(pcm)
        return pcm

    def cut_off(self) -> None:
        """Nothing more will come of the items that are in progress."""
        self._items = {known.id: cut_off(known) for known in self._items.values()}

    # --- items --------------------------------------------------------------------------------------------------

    def _add(self, event: ConversationItemAdded | ConversationItemDone | ConversationItemCreated) -> Update | None:
        new_id = item_id(event.item)
        if not new_id or (new_id in self._deleted and isinstance(event, ConversationItemDone)):
            return None  # the end of an item that was deleted while something was said in it
        known = self._items.get(new_id)
        before = known or ConversationItem(new_id, event.item)
        now = self._with_sound(described(before, event.item, ended=ends(event, event.item)))
        if known is None:
            self._deleted.discard(new_id)
            for words in self._early.pop(new_id, ()):
                now = transcribed(now, words) or now
            self._items = inserted(self._items, now, event.previous_item_id)
        else:
            self._items[new_id] = now
        return Update(now, None, known is None, now.completed and not before.completed)

    def _finish(self, event: ResponseOutputItemDone) -> Update | None:
        """May come before the ``done`` of the conversation, or alone: their order is not documented."""
        if (known := self._items.get(item_id(event.item))) is None:
            return None
        now = described(known, event.item, ended=True)
        self._items[known.id] = now
        return Update(now, None, False, now.completed and not known.completed)

    def _delete(self, event: ConversationItemDeleted) -> Update | None:
        self._deleted.add(event.item_id)
        self._early.pop(event.item_id, None)
        if (gone := self._items.get(event.item_id)) is None:
            return None
        self._items = {known: item for known, item in self._items.items() if known != event.item_id}
        return Update(gone)

    # --- what the model says ------------------------------------------------------------------------------------

    def _say(self, event: ResponseOutputTextDelta | ResponseOutputAudioTranscriptDelta) -> Update | None:
        known = self._items.get(event.item_id)
        if known is None or not isinstance(known.announced, AssistantMessage):
            return None
        spoken = isinstance(event, ResponseOutputAudioTranscriptDelta)
        said = part_of(known.parts, event.content_index, spoken=spoken).saying(event.delta)
        delta = Delta(transcript=event.delta) if spoken else Delta(text=event.delta)
        return self._grow(known, said, delta)

    def _sound(self, event: ResponseOutputAudioDelta) -> Update | None:
        known = self._items.get(event.item_id)
        if known is None or not isinstance(known.announced, AssistantMessage):
            return None
        audio_format = self._own_formats.get(event.response_id, self._output_format)
        key = event.item_id, event.content_index
        pcm, half = read_samples(event.delta, audio_format, self._halves.pop(key, b""))
        if half:
            self._halves[key] = half
        if not pcm:
            return None
        said = part_of(known.parts, event.content_index, spoken=True)
        sounding = said.sounding(pcm, sample_rate(audio_format), keep=self._keep_audio)
        return self._grow(known, sounding, Delta(audio=pcm))

    def _word(self, event: ResponseOutputTextDone | ResponseOutputAudioTranscriptDone) -> Update | None:
        known = self._items.get(event.item_id)
        if known is None or not isinstance(known.announced, AssistantMessage):
            return None
        spoken = isinstance(event, ResponseOutputAudioTranscriptDone)
        text = event.transcript if isinstance(event, ResponseOutputAudioTranscriptDone) else event.text
        return self._change(known, with_text(known.parts, event.content_index, text, spoken=spoken))

    def _begin_part(self, event: ResponseContentPartAdded) -> None:
        """Nothing to be told: it says nothing yet."""
        known = self._items.get(event.item_id)
        if known is not None and isinstance(known.announced, AssistantMessage):
            spoken = isinstance(event.part, Audio | OutputAudio)
            self._change(known, with_text(known.parts, event.content_index, "", spoken=spoken))

    def _ask(self, event: ResponseFunctionCallArgumentsDelta) -> Update | None:
        known = self._items.get(event.item_id)
        if known is None or not isinstance(known.announced, FunctionCall):
            return None
        said = part_of(known.parts, 0, spoken=False).saying(event.delta)
        return self._grow(known, said, Delta(arguments=event.delta))

    def _call(self, event: ResponseFunctionCallArgumentsDone) -> Update | None:
        """Whoever runs the call at this event counts on it, so that no more than this comes of the item."""
        known = self._items.get(event.item_id)
        if known is None or not isinstance(known.announced, FunctionCall):
            return None
        known = self._items[known.id] = attrs.evolve(known, ended=True)
        return self._change(known, with_text(known.parts, 0, event.arguments, spoken=False))

    def _truncate(self, event: ConversationItemTruncated) -> Update | None:
        known = self._items.get(event.item_id)
        if known is None or not isinstance(known.announced, AssistantMessage):
            return None
        said = part_of(known.parts, event.content_index, spoken=True)
        return self._grow(known, said.cut_at(event.audio_end_ms), None) if said.spoken else None

    def _grow(self, known: ConversationItem, said: Said, delta: Delta | None) -> Update:
        now = ConversationItem(known.id, known.announced, replaced(known.parts, said), known.ended, known.completed)
        self._items[known.id] = now
        return Update(now, delta)

    def _change(self, known: ConversationItem, parts: tuple[Said, ...]) -> Update | None:
        if parts is known.parts:
            return None
        now = self._items[known.id] = attrs.evolve(known, parts=parts)
        return Update(now)

    # --- what the user says -------------------------------------------------------------------------------------

    def _transcribe(self, event: Transcription) -> Update | None:
        known = self._items.get(event.item_id)
        if known is None:
            if event.item_id not in self._deleted:
                self._keep_early(event)
            return None
        if (now := transcribed(known, event)) is None:
            return None
        self._items[known.id] = now
        return Update(now, _news(known, now, event))

    def _keep_early(self, event: Transcription) -> None:
        """Words may come before the item that they are said in."""
        if event.item_id not in self._early:
            while len(self._early) >= KEPT_EARLY:
                del self._early[next(iter(self._early))]
        self._early.setdefault(event.item_id, []).append(event)

    def _begin_speech(self, event: InputAudioBufferSpeechStarted) -> None:
        self._input.begin(event.item_id, event.audio_start_ms)

    def _end_speech(self, event: InputAudioBufferSpeechStopped) -> None:
        self._input.end(event.item_id, event.audio_end_ms)

    def _time_out(self, event: InputAudioBufferTimeoutTriggered) -> None:
        self._input.begin(event.item_id, event.audio_start_ms)
        self._input.end(event.item_id, event.audio_end_ms)

    def _commit(self, event: InputAudioBufferCommitted) -> Update | None:
        self._input.committed(event.item_id)
        if (known := self._items.get(event.item_id)) is None or (now := self._with_sound(known)) is known:
            return None
        self._items[known.id] = now
        return Update(now)

    def _refuse(self, event: Error) -> None:
        if event.error.code == "input_audio_buffer_commit_empty":
            self._input.refuse_commit()

    def _with_sound(self, item: ConversationItem) -> ConversationItem:
        """A spoken item of the user's with its sound, if that is known: what it brings itself, or what was sent."""
        if not self._keep_audio or not isinstance(message := item.announced, UserMessage):
            return item
        parts = item.parts
        for at, said in enumerate(said for said in item.parts if said.spoken):
            if said.samples:
                continue
            pcm, rate = self._input.told_in(message, said.content_index)
            if not pcm and at == 0:
                pcm, rate = self._input.take(item.id)
            if pcm:
                parts = replaced(parts, said.sounding(pcm, rate, keep=True))
        return item if parts is item.parts else attrs.evolve(item, parts=parts)

    # --- what the session is ------------------------------------------------------------------------------------

    def _settle(self, event: SessionCreated | SessionUpdated) -> None:
        self._output_format = output_format(event.session)
        self._input.settle(input_format(event.session))

    def _begin_response(self, event: ResponseCreated) -> None:
        if (own := output_format(event.response)) is not None:
            self._own_formats[event.response.id] = own

    def _end_response(self, event: ResponseDone) -> None:
        self._own_formats.pop(event.response.id, None)

    def _reconnect(self, event: Reconnected) -> None:
        self._input.reconnect()


_HANDLERS: Final[dict[type[ServerEvent], Callable[[RealtimeConversation, Any], Update | None]]] = {
    ConversationItemAdded: RealtimeConversation._add,
    ConversationItemDone: RealtimeConversation._add,
    ConversationItemCreated: RealtimeConversation._add,
    ConversationItemDeleted: RealtimeConversation._delete,
    ConversationItemTruncated: RealtimeConversation._truncate,
    ConversationItemInputAudioTranscriptionDelta: RealtimeConversation._transcribe,
    ConversationItemInputAudioTranscriptionCompleted: RealtimeConversation._transcribe,
    ConversationItemInputAudioTranscriptionFailed: RealtimeConversation._transcribe,
    InputAudioBufferSpeechStarted: RealtimeConversation._begin_speech,
    InputAudioBufferSpeechStopped: RealtimeConversation._end_speech,
    InputAudioBufferTimeoutTriggered: RealtimeConversation._time_out,
    InputAudioBufferCommitted: RealtimeConversation._commit,
    Error: RealtimeConversation._refuse,
    ResponseCreated: RealtimeConversation._begin_response,
    ResponseDone: RealtimeConversation._end_response,
    ResponseContentPartAdded: RealtimeConversation._begin_part,
    ResponseOutputTextDelta: RealtimeConversation._say,
    ResponseOutputAudioTranscriptDelta: RealtimeConversation._say,
    ResponseOutputAudioDelta: RealtimeConversation._sound,
    ResponseOutputTextDone: RealtimeConversation._word,
    ResponseOutputAudioTranscriptDone: RealtimeConversation._word,
    ResponseFunctionCallArgumentsDelta: RealtimeConversation._ask,
    ResponseFunctionCallArgumentsDone: RealtimeConversation._call,
    ResponseOutputItemDone: RealtimeConversation._finish,
    SessionCreated: RealtimeConversation._settle,
    SessionUpdated: RealtimeConversation._settle,
    Reconnected: RealtimeConversation._reconnect,
}


def _news(before: ConversationItem, now: ConversationItem, event: Transcription) -> Delta | None:
    """What was added. A transcript that comes as a whole, after its pieces, adds nothing but what they had not said."""
    if isinstance(event, ConversationItemInputAudioTranscriptionDelta):
        return Delta(transcript=event.delta)
    known, words = before.formatted.transcript, now.formatted.transcript
    return Delta(transcript=words[len(known) :]) if words.startswith(known) and words != known else None
