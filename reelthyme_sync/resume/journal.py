"""What a session would have to say to a server that knows nothing of it. Pure; one thread at a time.

It sees everything that is sent and received. Bounded but for the words of the conversation itself: sound is kept as
long as no turn has been made of it, or nobody has written it down, and for a minute at most.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any

import attrs
import orjson

from .. import codec
from ..beta import Shape
from ..conversation import ROOT, RealtimeConversation, item_id
from ..conversation.restoring import restorable
from ..events import (
    ConversationItemAdded,
    ConversationItemCreate,
    ConversationItemCreated,
    ConversationItemDeleted,
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionFailed,
    ConversationItemTruncated,
    InputAudio,
    InputAudioBufferCleared,
    InputAudioBufferCommitted,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    InputAudioBufferTimeoutTriggered,
    Item,
    RealtimeSession,
    Response,
    ResponseCreate,
    ResponseCreated,
    ResponseDone,
    ResponseError,
    ResponseOutputItemAdded,
    ResponseOutputItemDone,
    ResponseStatusDetails,
    ServerEvent,
    SessionCreated,
    SessionOutputAudioDelta,
    SessionUpdated,
    TranscriptionSession,
    TranslationSession,
    UserMessage,
    evolve,
)
from ..events.connection import NotRestored
from ..events.server_events import AnySession
from ..formats import base64_ms, input_format
from .outbound import APPENDS, CREATE, TRUNCATE, UPDATES, Message, Outbound
from .restoration import Restoration
from .settings import merged
from .sound import Sound, joined
from .speech import Unwritten
from .turns import Turns


@attrs.define
class _Begun:
    """A response that is not done: as it was created, and its items by id, as they were announced."""

    response: Response
    items: dict[str, Item] = attrs.field(factory=dict)


class Journal:
    """Everything that has to survive a socket.

    Args:
        token: makes the ids that are given to events and items unlike those of other sessions.
        shape: whose words the server speaks.
        follows_call: whether the conversation goes on without us, on a server that forgets nothing.
    """

    def __init__(self, token: str, *, shape: Shape = "ga", follows_call: bool = False) -> None:
        self.session: AnySession = RealtimeSession()
        """What the server last said that the session is."""
        self.restoration: Restoration | None = None
        """What the present server was told first; None for the very first server."""
        self._shape = shape
        self._follows_call = follows_call
        self._ended_here: set[str] = set()  # responses that we ended, and whose own end may still come
        self._token = token
        self._restorations = 0
        self._settings: dict[str, Any] = {}
        self._settings_type = "session.update"
        self._conversation = RealtimeConversation(keep_audio=False)
        self._own_items: dict[str, dict[str, Any]] = {}
        self._as_text: set[str] = set()
        self._outbound = Outbound(token)
        self._sound = Sound(self._outbound)
        self._turns = Turns()
        self._unwritten = Unwritten()
        self._responses: dict[str, _Begun] = {}
        self._greeted = False
        self._online = True

    # --- what passes --------------------------------------------------------------------------------------------

    def say(self, data: bytes) -> Message | None:
        """Something is about to be sent: the message as it should be, or None if it makes no sense any more."""
        message = self._outbound.enter(data)
        if message.type in APPENDS:
            self._keep_sound(message)
        elif message.type == TRUNCATE and message.item_id in self._as_text:
            self._outbound.drop(message.number)  # the server has it as text, which cannot be truncated
            self._truncate(message)
            return None
        return message

    def unsay(self, message: Message) -> None:
        """It was not sent after all; nothing has been since."""
        if message.type in APPENDS:
            self._sound.withdraw(message.number)
        self._outbound.drop(message.number)

    def hear(self, event: ServerEvent) -> bool:
        """The server has said something. Tells whether it is for the user, and not only about the restoration."""
        greeting = isinstance(event, SessionCreated) and not self._greeted
        self._greeted = self._greeted or greeting
        if isinstance(event, ResponseDone) and event.response.id in self._ended_here:
            return False
        if self.restoration is not None and self.restoration.takes(event):
            if isinstance(event, SessionCreated | SessionUpdated):
                self._conversation.process_event(event)
                self._settle(event.session, None)
            return greeting
        self._note(event)
        return True

    def _note(self, event: ServerEvent) -> None:
        answered = None if self._heard_by_server(event) else self._outbound.answered(event)
        self._conversation.process_event(self._placed(event, answered))
        match event:
            case SessionCreated() | SessionUpdated():
                self._settle(event.session, answered)
            case InputAudioBufferCleared() if answered is not None:
                self._turns.clear()
                self._sound.take_before(answered.number)
            case ConversationItemAdded() | ConversationItemCreated():
                self._turns.seen(item_id(event.item))
                if answered is not None:
                    self._own_items[item_id(event.item)] = answered.raw["item"]
            case ConversationItemDeleted():
                self._turns.seen(event.item_id)
                self._own_items.pop(event.item_id, None)
                self._unwritten.forget(event.item_id)
            case SessionOutputAudioDelta() if event.elapsed_ms is not None:
                self._sound.take_until(event.elapsed_ms)  # it has been translated
            case _:
                self._note_turn(event, answered)
                self._note_response(event, answered)

    def _note_turn(self, event: ServerEvent, answered: Message | None) -> None:
        match event:
            case InputAudioBufferSpeechStarted():
                self._turns.begin()
                self._sound.speech_began(event.audio_start_ms)
            case InputAudioBufferSpeechStopped() | InputAudioBufferTimeoutTriggered():
                self._turns.end(event.item_id, event.audio_end_ms)
            case InputAudioBufferCommitted():
                self._commit(event, answered)
            case ConversationItemInputAudioTranscriptionCompleted():
                self._unwritten.forget(event.item_id)
            case ConversationItemInputAudioTranscriptionFailed():
                self._unwritten.give_up(event.item_id)

    def _note_response(self, event: ServerEvent, answered: Message | None) -> None:
        match event:
            case ResponseCreated():
                self._turns.owed = self._turns.owed and answered is not None and answered.beside
                self._responses[event.response.id] = _Begun(event.response)
            case ResponseOutputItemAdded() | ResponseOutputItemDone() if event.response_id in self._responses:
                self._responses[event.response_id].items[item_id(event.item)] = event.item
            case ResponseDone():
                self._responses.pop(event.response.id, None)

    # --- between two servers ------------------------------------------------------------------------------------

    @property
    def between_turns(self) -> bool:
        """Whether a change of the server would cut nothing off. A call that is followed stays where it is."""
        busy = self._responses or self._turns.under_way or self._unwritten.awaits
        if busy or self._follows_call:
            return False
        return all(message.type in APPENDS for message in self._outbound) and self._hears_turns_or_nothing

    @property
    def unanswered(self) -> int:
        """How many events no server has answered; sound not counted."""
        return sum(message.type not in APPENDS for message in self._outbound)

    def waiting(self) -> list[Message]:
        """All that no server has answered, sound too."""
        return list(self._outbound)

    def cut(self) -> list[ResponseDone]:
        """The server is gone: the end of everything that had begun."""
        self._online = False
        self._turns.clear()
        self._unwritten.cut()
        self._conversation.cut_off()
        ends = [ResponseDone(response=self._cut_off(begun)) for begun in self._responses.values()]
        self._ended_here = set(self._responses) if self._follows_call else set()
        self._responses.clear()
        return ends

    def restore(self) -> list[bytes]:
        """There is a new server: all that it is to be told, in order, before anything else is said.

        First what the old one knew, whose answers ``restoration`` keeps from the user; then what the old one had not
        answered, or never got.
        """
        self._restorations += 1
        self._online = True
        if self._follows_call:
            return self._take_up_again()
        for message in self._outbound.forget():
            if message.type == TRUNCATE:
                self._truncate(message)
        self._say_turns_again()
        items, not_restored, unfinished = self._restored_items()
        self.restoration = Restoration(
            {"type": self._settings_type, "session": self._settings, "event_id": self._restoring_id("session")}
            if self._settings
            else None,
            items,
            unfinished=unfinished,
            not_restored=not_restored,
            resent=self.unanswered,
            audio_lost_ms=self._take_lost_ms(),
        )
        self._sound.restart()
        self._mend_places({event["item"]["id"] for event in items})
        return [*map(self._encode, self.restoration.messages), *(message.data() for message in self._outbound)]

    def _take_up_again(self) -> list[bytes]:
        """The server has gone on with the call, and knows all but what it has not answered."""
        self.restoration = Restoration(
            None,
            [],
            unfinished=set(),
            not_restored=[],
            resent=self.unanswered,
            audio_lost_ms=self._take_lost_ms(),
        )
        return [message.data() for message in self._outbound]

    def _take_lost_ms(self) -> float:
        """The sound that is lost; also what was lost before the last server, if that went before the user was told."""
        untold = 0.0 if self.restoration is None or self.restoration.told else self.restoration.audio_lost_ms
        lost_ms, self._sound.lost_ms = self._sound.lost_ms, 0.0
        return untold + lost_ms

    def _say_turns_again(self) -> None:
        """Turns that the old server had heard the end of, and not made items of, or not begun to answer."""
        for turn_id in reversed(self._turns.unseen):
            sound = self._unwritten.sound(turn_id)
            turn = UserMessage(id=turn_id, content=[InputAudio(audio=joined(sound)) if sound else InputAudio()])
            if sound:
                self._outbound.enter(codec.encode(ConversationItemCreate(item=turn), shape=self._shape), first=True)
            else:
                self._conversation.process_event(ConversationItemAdded(item=turn))  # to be told that it is lost
        if self._turns.owed and not any(sent.type == "response.create" for sent in self._outbound):
            self._outbound.enter(codec.encode(ResponseCreate()))
        self._turns.restart()

    def _encode(self, event: Mapping[str, Any]) -> bytes:
        """An event of a restoration, as the wire wants it: the settings are in the server's own words already."""
        return orjson.dumps(event) if event["type"] in UPDATES else codec.encode(event, shape=self._shape)

    def _cut_off(self, begun: _Begun) -> Response:
        error = ResponseError(
            type="connection_lost", message="The connection was lost before the response was complete: ask again"
        )
        known = {item_id: self._conversation.get_item(item_id) for item_id in begun.items}
        output = [now.item if (now := known[item_id]) else item for item_id, item in begun.items.items()]
        details = ResponseStatusDetails(type="failed", error=error)
        return evolve(begun.response, status="failed", status_details=details, output=output)

    # --- inside -------------------------------------------------------------------------------------------------

    def _keep_sound(self, message: Message) -> None:
        audio = message.raw.get("audio")
        audio = audio if isinstance(audio, str) else ""
        judged = self._detects_turns or isinstance(self.session, TranslationSession)
        silence = judged and not self._turns.in_sound and self._online
        self._sound.append(message.number, audio, base64_ms(audio, input_format(self.session)), silence=silence)

    def _settle(self, session: AnySession, update: Message | None) -> None:
        self.session = session
        if update is not None and isinstance(patch := update.raw.get("session"), dict):
            self._settings = merged(self._settings, patch)
            self._settings_type = update.type
        if not self._detects_turns:
            self._turns.clear()

    def _heard_by_server(self, event: ServerEvent) -> bool:
        """Whether a turn was committed by the server itself, and not because we asked for it, which we may have too."""
        return isinstance(event, InputAudioBufferCommitted) and self._turns.heard(event.item_id)

    def _commit(self, event: InputAudioBufferCommitted, commit: Message | None) -> None:
        """The sound of a turn: before our commit, or up to where the server heard its end, if it said where."""
        end_ms = self._turns.commit(event.item_id)
        if commit is not None:
            pieces = self._sound.take_before(commit.number)
        else:
            pieces = self._sound.take_until(inf if end_ms is None else end_ms)
            busy = bool(self._responses) and getattr(self._detection, "interrupt_response", None) is False
            self._turns.owed = self._answers_turns and not busy  # the service may leave the turn at that
        self._unwritten.keep(event.item_id, pieces, awaited=self._transcribes)
        if self._conversation.get_item(event.item_id) is not None:
            self._turns.seen(event.item_id)

    def _truncate(self, message: Message) -> None:
        """No server will answer it: what was not heard is not to be restored all the same."""
        told = {**message.raw, "type": ConversationItemTruncated.type}
        self._conversation.process_event(codec.decode(orjson.dumps(told)))

    def _placed(self, event: ServerEvent, create: Message | None) -> ServerEvent:
        """An item that we asked to be put before all others: the server tells it with no item before it."""
        first = create is not None and create.raw.get("previous_item_id") == ROOT
        if first and isinstance(event, ConversationItemAdded | ConversationItemCreated):
            return evolve(event, previous_item_id=ROOT)
        return event

    def _restored_items(self) -> tuple[list[dict[str, Any]], list[NotRestored], set[str]]:
        items: list[dict[str, Any]] = []
        not_restored: list[NotRestored] = []
        unfinished = set()
        for known in self._conversation.get_items():
            event_id = self._restoring_id(known.id)
            item = restorable(known, joined(self._unwritten.sound(known.id)))
            if (own := self._own_items.get(known.id)) is not None:
                items.append({"type": "conversation.item.create", "item": own, "event_id": event_id})
            elif isinstance(item, str):
                not_restored.append(NotRestored(item_id=known.id, reason=item))
                continue
            else:
                items.append(codec.unstructure(ConversationItemCreate(item=item, event_id=event_id)))
                self._as_text.add(known.id)
            if not known.ended and (own is not None or isinstance(item, UserMessage)):
                unfinished.add(known.id)
        return items, not_restored, unfinished

    def _restoring_id(self, what: str) -> str:
        return f"restore_{self._token}_{self._restorations}_{what}"

    def _mend_places(self, known: set[str]) -> None:
        """A new item can only follow one that the new server has: of those before its place, the last."""
        for message in self._outbound:
            previous = message.raw.get("previous_item_id")
            if message.type == CREATE and previous is not None and previous not in known and previous != ROOT:
                self._outbound.amend(message.number, previous_item_id=self._last_known(previous, known))
            if message.type == CREATE:
                known.add(str(message.item_id))

    def _last_known(self, lost: str, known: set[str]) -> str | None:
        order = [known.id for known in self._conversation.get_items()]
        if lost not in order:
            return None
        return next((each for each in reversed(order[: order.index(lost)]) if each in known), ROOT)

    # --- what the session is ------------------------------------------------------------------------------------

    @property
    def _input(self) -> Any:
        audio = self.session.audio if isinstance(self.session, RealtimeSession | TranscriptionSession) else None
        return getattr(audio, "input", None)

    @property
    def _detection(self) -> Any:
        return getattr(self._input, "turn_detection", None)

    @property
    def _detects_turns(self) -> bool:
        return bool(self._detection)

    @property
    def _answers_turns(self) -> bool:
        wanted = getattr(self._detection, "create_response", None)
        return isinstance(self.session, RealtimeSession) and self._detects_turns and wanted is not False

    @property
    def _transcribes(self) -> bool:
        return bool(getattr(self._input, "transcription", None))

    @property
    def _hears_turns_or_nothing(self) -> bool:
        return self._detects_turns or not len(self._sound)
