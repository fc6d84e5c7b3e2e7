"""A conversation of twenty turns over a connection that breaks at random, two hundred times: nobody forgets a word."""

from __future__ import annotations

import math
import random
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from faults.census import Census
from faults.fault import Fault, Passage
from faults.frames import Unit
from faults.proxy import BOTH, Direction, FaultProxy
from faults.talker import Talker
from test_vad import recording

from reelthyme_sync import Reconnect, local_server, pcm
from reelthyme_sync.conversation import RealtimeConversation
from reelthyme_sync.events import (
    ConversationItemAdded,
    ConversationItemDone,
    Error,
    FunctionCall,
    FunctionCallOutput,
    InputAudioBufferCommitted,
    Reconnected,
    ResponseDone,
    ServerEvent,
    SessionCreated,
    SessionUpdated,
)
from reelthyme_sync.local_server.app import App
from reelthyme_sync.local_server.brain import Brain, Hear
from reelthyme_sync.local_server.speech import Speech

TURNS = 20
CUTS = 20
SEEDS = range(10)
LONGEST: dict[Direction, int] = {"up": 2_000, "down": 20_000}
"""Bytes until a cut, at most; most often far fewer."""

STUBBORN = Reconnect(initial_delay=0.005, max_delay=0.01, max_attempts=100)


class Cuts:
    """When to sever the passage: after a random number of bytes of one direction; so many times in all.

    Half of the cuts follow soon after ``arm``, in the middle of a message, its answer, or what comes later; half of
    them follow soon after another cut, in the middle of an upgrade or a restoration.
    """

    def __init__(self, seed: int, count: int) -> None:
        self._random = random.Random(seed)
        self._counting = threading.Lock()
        self._next: Direction | None = None
        self._budget = 0
        self.left = count

    def arm(self) -> None:
        """Let the next cut come, unless it is on its way already."""
        with self._counting:
            if self.left and self._next is None:
                self._draw()

    def passing(self, direction: Direction, size: int) -> tuple[int, bool]:
        """How many of so many bytes pass, and whether that was all."""
        with self._counting:
            if direction != self._next:
                return size, False
            passes = min(size, self._budget)
            self._budget -= passes
            if self._budget:
                return size, False
            self.left -= 1
            self._next = None
            if self.left and self._random.random() < 0.5:
                self._draw()
            return passes, True

    def _draw(self) -> None:
        self._next = self._random.choice(BOTH)
        self._budget = round(math.exp(self._random.uniform(0, math.log(LONGEST[self._next]))))


class CutWhenDue(Fault):
    """Severs one direction's passage when it is due."""

    def __init__(self, cuts: Cuts, direction: Direction) -> None:
        self._cuts = cuts
        self._direction = direction

    def treat(self, unit: Unit, passage: Passage) -> Iterator[bytes]:
        passes, cut = self._cuts.passing(self._direction, len(unit.data))
        yield unit.data[:passes]
        if cut:
            passage.sever(reset=bool(len(unit.data) % 2))


@pytest.fixture
def brains(monkeypatch) -> list[Brain]:
    """The server's side of every connection, in the order in which they came."""
    made: list[Brain] = []
    make = App._brain

    def remember(app: App, request: Any, session: Any) -> Brain:
        made.append(make(app, request, session))
        return made[-1]

    monkeypatch.setattr(App, "_brain", remember)
    return made


class Guest(Talker):
    """A client that asks again for what was cut off, until it has it."""

    def set_up(self) -> None:
        self.read_until(SessionCreated)
        audio = {"turn_detection": None, "transcription": {"model": "whisper-1"}}
        self.send("session.update", session={"type": "realtime", "audio": {"input": audio}, "instructions": "be brief"})
        self.read_until(SessionUpdated)

    def turn(self, number: int) -> None:
        match number % 5:
            case 1:
                self.say("my order", number)
                self.converse("text")
                self.give_output(number)
                self.converse("text")
            case 3:
                self.say("a story", number)
                self.converse("audio")
            case 4:
                self.speak()
                self.converse("text")
            case _:
                self.say("a story", number)
                self.converse("text")

    def say(self, text: str, number: int) -> None:
        content = [{"type": "input_text", "text": text}]
        item = {"type": "message", "id": f"said_{number:04d}", "role": "user", "content": content}
        self.send("conversation.item.create", item=item)

    def speak(self) -> None:
        sound = recording(1)
        for start in range(0, len(sound), 24_000):
            self.send("input_audio_buffer.append", audio=pcm.encode_base64(sound[start : start + 24_000]))
        self.send("input_audio_buffer.commit")
        self.read_until(InputAudioBufferCommitted)

    def give_output(self, number: int) -> None:
        call = self.last(ResponseDone).response.output[-1]
        assert isinstance(call, FunctionCall)
        output = {"type": "function_call_output", "id": f"gave_{number:04d}", "call_id": call.call_id, "output": "sent"}
        self.send("conversation.item.create", item=output)

    def converse(self, modality: str) -> None:
        """Ask until the whole answer has come."""
        self.ask_for_response(modality)
        while self.read_until(ResponseDone).response.status != "completed":
            self.ask_for_response(modality)


@pytest.fixture(scope="module")
def impatient_server(script) -> Iterator[local_server.LocalServer]:
    async def recognise(speech: Speech, job: Hear) -> str:  # what the ears make of it, without their two seconds
        return "what is seven times six"

    with (
        pytest.MonkeyPatch.context() as patch,
        local_server.serve(script=script, speed=math.inf) as server,
    ):
        patch.setattr(Speech, "recognise", recognise)
        guest = Guest(server.url)
        with guest.open():  # which lets the server start what it starts once
            guest.set_up()
            for number in (3, 4):
                guest.turn(number)
        yield server


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_forgotten_however_often_the_connection_breaks(impatient_server, brains, seed):
    census = Census()
    with FaultProxy(impatient_server.url) as proxy:
        cuts = Cuts(seed, CUTS)
        guest = Guest(proxy.url, reconnect=STUBBORN, close_timeout=1.0)
        with guest.open():
            guest.set_up()
            proxy.set(up=CutWhenDue(cuts, "up"), down=CutWhenDue(cuts, "down"))
            turns = 0
            while turns < TURNS or cuts.left:
                cuts.arm()
                guest.turn(turns)
                turns += 1
            guest.turn(turns)  # undisturbed, so that both sides have told each other everything
            check_both_sides_know_the_same(guest.events, brains[-1], turns + 1)
    census.check()


def check_both_sides_know_the_same(events: list[ServerEvent], brain: Brain, turns: int) -> None:
    check_nothing_comes_twice(events)
    assert [event for event in events if isinstance(event, Error)] == []
    conversation = RealtimeConversation()
    for event in events:
        conversation.process_event(event)
    lost = {item.item_id for event in events if isinstance(event, Reconnected) for item in event.not_restored}
    ours = [essence(known.item) for known in conversation.get_items() if known.id not in lost]
    theirs = [essence(entry.item) for entry in brain._conversation.entries]
    assert ours == theirs
    said = [item_id for item_id, *_ in theirs if item_id.startswith("said_")]
    assert said == [f"said_{number:04d}" for number in range(turns) if number % 5 != 4]
    gave = [item_id for item_id, *_ in theirs if item_id.startswith("gave_")]
    assert gave == [f"gave_{number:04d}" for number in range(turns) if number % 5 == 1]
    assert {item_id for item_id in lost if item_id.startswith(("said_", "gave_"))} == set()


def check_nothing_comes_twice(events: list[ServerEvent]) -> None:
    """No event, and no news under another name either, such as an item that is announced again by another server."""
    ids = Counter(event.event_id for event in events)
    news = Counter(
        (event.type, event.item.id)
        for event in events
        if isinstance(event, ConversationItemAdded | ConversationItemDone)
    )
    ends = Counter((event.type, event.response.id) for event in events if isinstance(event, ResponseDone))
    greetings = Counter(event.type for event in events if isinstance(event, SessionCreated))
    assert [what for what, count in (ids + news + ends + greetings).items() if count > 1] == []


def essence(item: Any) -> tuple[str, ...]:
    """Who said what: words count, not whether they were spoken or written."""
    match item:
        case FunctionCall():
            return item.id, item.call_id, item.name, item.arguments
        case FunctionCallOutput():
            return item.id, item.call_id, item.output
    words = [getattr(part, "text", None) or getattr(part, "transcript", None) or "" for part in item.content]
    return item.id, item.role, *words
