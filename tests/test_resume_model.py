"""Any conversation, cut anywhere and often: a model of the service, a user, and what must hold in the end."""

from __future__ import annotations

import random
from base64 import b64decode, b64encode
from collections import Counter, deque
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from reelthyme_sync import codec
from reelthyme_sync.events import Reconnected
from reelthyme_sync.resume.journal import Journal

Json = dict[str, Any]

PIECE_BYTES = 480  # 10 ms


def sound_of(piece: int) -> str:
    return b64encode(piece.to_bytes(2, "little") * (PIECE_BYTES // 2)).decode()


def pieces_in(audio: str) -> list[int]:
    sound = b64decode(audio)
    return [int.from_bytes(sound[at : at + 2], "little") for at in range(0, len(sound), PIECE_BYTES)]


class Refused(Exception):
    pass


class Service:
    """Takes one message at a time, and answers in order. A response goes on when it is told to."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.settings: Json = {}
        self.items: list[Json] = []
        self.buffer: list[int] = []
        self.turns: dict[str, list[int]] = {}
        self.inbox: deque[Json] = deque()
        self.outbox: deque[Json] = deque([{"type": "session.created", "session": self._session()}])
        self.script: deque[Json] = deque()
        self._named = 0

    @property
    def ids(self) -> list[str]:
        return [item["id"] for item in self.items]

    def take_one(self) -> None:
        """Take in the next message."""
        if self.inbox:
            message = self.inbox.popleft()
            try:
                getattr(self, "_" + message["type"].replace(".", "_"))(message)
            except Refused as refusal:
                error = {"type": "invalid_request_error", "message": str(refusal), "event_id": message["event_id"]}
                self.outbox.append({"type": "error", "error": error})

    def go_on(self) -> None:
        """Do the next thing in a response."""
        if self.script:
            event = self.script.popleft()
            if event["type"] == "conversation.item.added":
                self._add(event["item"], None)
            else:
                self.outbox.append(event)

    def begin_response(self, kind: str) -> None:
        """What a response will consist of, event by event."""
        response, item_id = self._name("resp"), self._name("item")
        item: Json = {"id": item_id, "type": "message", "role": "assistant", "content": []}
        if kind == "call":
            item = {"id": item_id, "type": "function_call", "name": "f", "call_id": item_id + "c", "arguments": ""}
        about = {"response_id": response, "item_id": item_id}
        said = [
            {"type": "response.content_part.added", **about, "part": {"type": "audio", "transcript": ""}},
            {"type": "response.output_audio_transcript.delta", **about, "delta": "one "},
            {"type": "response.output_audio.delta", **about, "delta": "AAAA" * 16},
            {"type": "response.output_audio_transcript.delta", **about, "delta": "two"},
        ]
        if kind == "call":
            said = [{"type": "response.function_call_arguments.done", **about, "arguments": "{}"}]
        content = [{"type": "output_audio", "transcript": "one two"}]
        whole = {**item, "arguments": "{}"} if kind == "call" else {**item, "content": content}
        begun = {"id": response, "conversation_id": "conv"}
        self.outbox.append({"type": "response.created", "response": {**begun, "status": "in_progress"}})
        self.script.extend(
            [
                {
                    "type": "response.output_item.added",
                    "response_id": response,
                    "item": {**item, "status": "in_progress"},
                },
                {"type": "conversation.item.added", "item": {**item, "status": "in_progress"}},
                *said,
                {"type": "conversation.item.done", "item": {**whole, "status": "completed"}},
                {
                    "type": "response.output_item.done",
                    "response_id": response,
                    "item": {**whole, "status": "completed"},
                },
                {"type": "response.done", "response": {**begun, "status": "completed"}},
            ]
        )

    def _session(self) -> Json:
        session = {"type": "realtime", "id": f"sess_{self.number}", **self.settings}
        return {**session, "audio": {"input": {"turn_detection": None}}}

    def _name(self, prefix: str) -> str:
        self._named += 1
        return f"{prefix}_{self.number}_{self._named}"

    def _add(self, item: Json, previous: str | None, *, done: bool = False) -> None:
        if item["id"] in self.ids:
            raise Refused("double id")
        if previous not in (None, "root", *self.ids):
            raise Refused("unknown previous item")
        place = 0 if previous == "root" else len(self.items) if previous is None else self.ids.index(previous) + 1
        self.items.insert(place, item)
        told = {"item": item, "previous_item_id": self.ids[place - 1] if place else None}
        names = ["added", "done"] if done else ["added"]
        self.outbox.extend({"type": f"conversation.item.{name}", **told} for name in names)

    def _known(self, item_id: str) -> Json:
        for item in self.items:
            if item["id"] == item_id:
                return item
        raise Refused("unknown item")

    def _session_update(self, message: Json) -> None:
        self.settings.update(message["session"])
        self.outbox.append({"type": "session.updated", "session": self._session()})

    def _conversation_item_create(self, message: Json) -> None:
        item = message["item"]
        audio = [pieces_in(part["audio"]) for part in item.get("content", []) if part.get("audio")]
        self._add(item, message.get("previous_item_id"), done=True)
        self.turns[item["id"]] = [piece for pieces in audio for piece in pieces]

    def _conversation_item_delete(self, message: Json) -> None:
        self.items.remove(self._known(message["item_id"]))
        self.outbox.append({"type": "conversation.item.deleted", "item_id": message["item_id"]})

    def _conversation_item_retrieve(self, message: Json) -> None:
        self.outbox.append({"type": "conversation.item.retrieved", "item": self._known(message["item_id"])})

    def _conversation_item_truncate(self, message: Json) -> None:
        item = self._known(message["item_id"])
        if item.get("role") != "assistant" or any(part["type"] == "output_text" for part in item["content"]):
            raise Refused("only audio")
        told = {key: message[key] for key in ("item_id", "content_index", "audio_end_ms")}
        self.outbox.append({"type": "conversation.item.truncated", **told})

    def _input_audio_buffer_append(self, message: Json) -> None:
        self.buffer.extend(pieces_in(message["audio"]))

    def _input_audio_buffer_commit(self, _message: Json) -> None:
        if not self.buffer:
            raise Refused("empty")
        item_id = self._name("item")
        self.turns[item_id], self.buffer = self.buffer, []
        self.outbox.append({"type": "input_audio_buffer.committed", "item_id": item_id})
        content = [{"type": "input_audio", "transcript": None}]
        self._add({"id": item_id, "type": "message", "role": "user", "content": content}, None, done=True)

    def _input_audio_buffer_clear(self, _message: Json) -> None:
        self.buffer = []
        self.outbox.append({"type": "input_audio_buffer.cleared"})

    def _response_create(self, _message: Json) -> None:
        if self.script:
            raise Refused("busy")
        self.begin_response("call" if self._named % 2 else "message")

    def _response_cancel(self, _message: Json) -> None:
        if not self.script:
            raise Refused("not active")
        done = self.script.pop()
        self.script.clear()
        self.outbox.append({**done, "response": {**done["response"], "status": "cancelled"}})


class Talk:
    """A user with a journal, and one service after the other."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.journal = Journal("t")
        self.service = Service(1)
        self.services = 1
        self.seen: list[Json] = []
        self.view: list[str] = []
        self.lost: set[str] = set()
        self.asked: list[Json] = []
        self.ids: list[str] = []
        self.pieces = 0
        self.turns: dict[str, list[int]] = {}
        self.written: set[str] = set()

    def act(self, action: str) -> None:
        getattr(self, action)()

    def say(self, name: str, **fields: Any) -> None:
        asked = {"type": name, "event_id": f"mine_{len(self.asked)}", **fields}
        self.asked.append(asked)
        message = self.journal.say(orjson.dumps(asked))
        if message is not None:
            self.service.inbox.append(orjson.loads(message.data()))

    # --- what the user does

    def write(self) -> None:
        item_id = f"own_{len(self.ids)}"
        self.ids.append(item_id)
        item = {"id": item_id, "type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}]}
        places = [None, None, "root", *self.view[-3:], *self.ids[-3:-1]]
        place = self.chance.choice(places)
        self.say("conversation.item.create", item=item, **({"previous_item_id": place} if place else {}))

    def delete(self) -> None:
        if self.view:
            self.say("conversation.item.delete", item_id=self.chance.choice(self.view))

    def retrieve(self) -> None:
        if self.view:
            self.say("conversation.item.retrieve", item_id=self.chance.choice(self.view))

    def truncate(self) -> None:
        if self.view:
            self.say("conversation.item.truncate", item_id=self.view[-1], content_index=0, audio_end_ms=0)

    def update(self) -> None:
        self.say("session.update", session={"type": "realtime", "instructions": str(len(self.asked))})

    def ask(self) -> None:
        self.say("response.create")

    def cancel(self) -> None:
        self.say("response.cancel")

    def speak(self) -> None:
        self.pieces += 1
        self.say("input_audio_buffer.append", audio=sound_of(self.pieces))

    def commit(self) -> None:
        self.say("input_audio_buffer.commit")

    # --- what the network does

    def arrive(self) -> None:
        self.service.take_one()

    def work(self) -> None:
        self.service.go_on()

    def transcribe(self) -> None:
        if waiting := [turn for turn in self.service.turns if turn not in self.written]:
            turn = self.chance.choice(waiting)
            name = "conversation.item.input_audio_transcription.completed"
            self.service.outbox.append({"type": name, "item_id": turn, "content_index": 0, "transcript": "words"})

    def hear(self) -> None:
        if self.service.outbox:
            raw = self.service.outbox.popleft()
            if self.journal.hear(codec.decode(orjson.dumps(raw))):
                self.see(raw)
            self.report()

    def report(self) -> None:
        restoration = self.journal.restoration
        if restoration is not None and restoration.complete and not restoration.told:
            told = restoration.report(planned=False, attempts=1)
            assert isinstance(told, Reconnected)
            self.lost.update(item.item_id for item in told.not_restored)
            assert told.audio_lost_ms == 0

    def see(self, raw: Json) -> None:
        self.seen.append(raw)
        match raw["type"]:
            case "conversation.item.added":
                previous = raw["previous_item_id"]
                self.view.insert(self.view.index(previous) + 1 if previous else 0, raw["item"]["id"])
            case "conversation.item.deleted":
                self.view.remove(raw["item_id"])
            case "input_audio_buffer.committed":
                self.turns[raw["item_id"]] = self.service.turns[raw["item_id"]]
            case "conversation.item.input_audio_transcription.completed":
                self.written.add(raw["item_id"])

    def cut(self) -> None:
        self.seen.extend(codec.unstructure(end) for end in self.journal.cut())
        self.services += 1
        self.service = Service(self.services)
        self.service.inbox.extend(map(orjson.loads, self.journal.restore()))

    def settle(self) -> None:
        while self.service.inbox or self.service.outbox or self.service.script:
            self.arrive()
            self.work()
            self.hear()

    # --- what came of it

    def told(self, name: str) -> Counter[str]:
        """How often an event came, by the item or the response that it is about."""
        events = [event for event in self.seen if event["type"] == name]
        return Counter(
            str(event.get("item_id") or (event.get("item") or event.get("response"))["id"]) for event in events
        )

    def refused(self, asked: Json) -> int:
        return sum(event["type"] == "error" and event["error"]["event_id"] == asked["event_id"] for event in self.seen)

    def messages(self, name: str) -> list[Json]:
        return [asked for asked in self.asked if asked["type"] == name]


USER = [
    "write",
    "write",
    "delete",
    "retrieve",
    "truncate",
    "update",
    "ask",
    "ask",
    "cancel",
    "speak",
    "speak",
    "commit",
]
NETWORK = ["arrive"] * 8 + ["hear"] * 8 + ["work"] * 4 + ["transcribe", "cut", "cut"]

ACTIONS = 200

# Truly random choices cover far more than those that Hypothesis could make smaller; the seed is in its report.
conversations = given(st.randoms(use_true_random=True))
thorough = settings(max_examples=75)


def after(chance: random.Random) -> Talk:
    """The conversation, when all has been said, heard and done."""
    talk = Talk(chance)
    for action in chance.choices(USER + NETWORK, k=ACTIONS):
        talk.act(action)
    talk.settle()
    return talk


@thorough
@conversations
def test_the_last_server_has_what_the_user_saw_in_the_same_order(chance):
    talk = after(chance)
    assert set(talk.service.ids) <= set(talk.view)
    kept = [[each for each in ids if each not in talk.lost] for ids in (talk.service.ids, talk.view)]
    assert kept[0] == kept[1]


@thorough
@conversations
def test_the_user_sees_nothing_twice(chance):
    talk = after(chance)
    for name in ("conversation.item.added", "conversation.item.done", "response.created", "response.done"):
        assert set(talk.told(name).values()) <= {1}
    assert talk.told("response.created") == talk.told("response.done")
    assert sum(event["type"] == "session.created" for event in talk.seen) == 1
    own = {item_id: times for item_id, times in talk.told("conversation.item.done").items() if item_id in talk.ids}
    assert own.keys() == talk.told("conversation.item.added").keys() & set(talk.ids)


@thorough
@conversations
def test_every_question_is_answered_once(chance):
    talk = after(chance)
    added = talk.told("conversation.item.added")
    for asked in talk.messages("conversation.item.create"):
        assert added[asked["item"]["id"]] + talk.refused(asked) == 1
    assert talk.turns.keys() <= added.keys()
    for name, answer in [
        ("response.create", "response.created"),
        ("conversation.item.retrieve", "conversation.item.retrieved"),
        ("conversation.item.delete", "conversation.item.deleted"),
        ("input_audio_buffer.commit", "input_audio_buffer.committed"),
    ]:
        refused = sum(map(talk.refused, talk.messages(name)))
        assert sum(talk.told(answer).values()) + refused == len(talk.messages(name)), name
    updates = talk.messages("session.update")
    assert sum(event["type"] == "session.updated" for event in talk.seen) == len(updates)
    assert talk.service.settings == (updates[-1]["session"] if updates else {})
    assert not talk.journal.unanswered


@thorough
@conversations
def test_all_sound_is_in_one_turn_or_waits_for_one(chance):
    talk = after(chance)
    in_turns = [piece for turn in talk.turns.values() for piece in turn]
    assert in_turns + talk.service.buffer == list(range(1, talk.pieces + 1))
    spoken = talk.turns.keys() & set(talk.service.ids) - talk.written
    assert all(talk.service.turns[turn] == talk.turns[turn] for turn in spoken)
