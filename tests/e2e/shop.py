"""A lamp shop's assistant: what it answers, the tools that it has, and what was seen of a conversation with it."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from pathlib import Path

import attrs
import orjson

from reelthyme_sync.client import RealtimeClient, RealtimeEvent
from reelthyme_sync.conversation import ConversationItem, RealtimeConversation
from reelthyme_sync.events import (
    ConversationItemCreate,
    ConversationItemDone,
    ConversationItemRetrieve,
    Event,
    FunctionCallOutput,
)
from reelthyme_sync.testing import PATIENCE

STORY = " ".join(f"Lamp {number} was lit, and the street grew longer." for number in range(200))
SAGA = " ".join(f"Then lamp {number} was lit, and the night went on." for number in range(5000))
"""So long that a server that does not wait takes seconds to tell it: whoever interrupts it comes in time."""

TALE = " ".join(f"In year {number} the lighthouse sang." for number in range(1800, 1830))

ANSWERS = {
    "are you there": "I am here.",
    "do you sell": "Lamps, large and small, and the bulbs that go with them.",
    "is that warm": "Warm enough for a walk.",
    "favourite colour": "Blue, as the sea is in the evening.",
    "tell me a tale": TALE,
    "who wrote it": "Nobody knows.",
    "was it a sailor": "Perhaps it was.",
    "write me a story": STORY,
    "write me a saga": SAGA,
    "lamps are lovely": "content",
    "that is enough": "All right.",
    "be brief": "I will.",
    "how much": "Twelve, with a shade.",
    "a red one": "Red, green and white.",
    "deliver": "Within a week.",
    "at what hour": "Before noon.",
    "pay by card": "You can.",
    "anything else": "No, nothing else.",
    "goodbye": "Goodbye!",
}
CALLS = {
    "weather in paris": [{"name": "weather", "arguments": {"city": "Paris"}}],
    "weather in oslo": [{"name": "weather", "arguments": {"city": "Oslo"}}],
    "catalogue": [{"name": "catalogue"}],
    "weather in rome": [
        {"name": "weather", "arguments": {"city": "Rome"}},
        {"name": "find_order", "arguments": {"number": 17}},
    ],
    "archive": [{"name": "archive"}, {"name": "find_order", "arguments": {"number": 18}}],
}

SLOW = 0.3
"""Seconds that the weather takes."""

TIMEOUT = 0.4
"""Seconds that the archive may take, which never answers."""

NO_ORDER = '{"error":"ValueError: there is no such order"}'
NO_ARCHIVE = f'{{"error":"archive timed out after {TIMEOUT:g} s"}}'


def write_script(folder: Path) -> Path:
    """For ``serve``."""
    path = folder / "script.json"
    said = [{"when": when, "say": words} for when, words in ANSWERS.items()]
    called = [{"when": when, "call": calls} for when, calls in CALLS.items()]
    path.write_bytes(orjson.dumps([*said, *called]))
    return path


class Tools:
    """One that is slow, one that fails, one that waits for ``fetch`` and one that waits until the shop is closed."""

    def __init__(self, client: RealtimeClient) -> None:
        self.closing = threading.Event()
        self.fetch = threading.Event()
        client.tool(self.weather)
        client.tool(self.catalogue)
        client.tool(self.find_order)
        client.tool(timeout=TIMEOUT)(self.archive)

    def close(self) -> None:
        """Let all that run return; of the archive nobody wants the answer any more."""
        self.closing.set()
        self.fetch.set()
        for thread in threading.enumerate():
            if re.fullmatch(r"reelthyme-tool-\d+", thread.name):
                thread.join(PATIENCE)

    def weather(self, city: str) -> dict[str, str]:
        """Get the weather in a city."""
        time.sleep(SLOW)
        return {"city": city, "forecast": "sunny, and quite warm for November"}

    def find_order(self, number: int) -> str:
        """Find what was ordered."""
        raise ValueError("there is no such order")

    def catalogue(self) -> str:
        """Fetch the catalogue."""
        assert self.fetch.wait(PATIENCE)
        return "Here is the catalogue."

    def archive(self) -> str:
        """Look into the archive."""
        self.closing.wait(PATIENCE)
        return "too late"


Line = tuple[str, str]
"""Who, and what: a transcript consists of these."""


def line_of(item: ConversationItem) -> Line:
    """An item as a line of the transcript."""
    formatted = item.formatted
    if formatted.tool is not None:
        return "call", f"{formatted.tool.name}{formatted.tool.arguments}"
    if formatted.output is not None:
        return "output", formatted.output
    return str(item.role), formatted.text + formatted.transcript


@attrs.frozen(eq=False)
class Beginning:
    """Equals any text that is the beginning of a whole one, and neither empty nor all of it."""

    whole: str

    __hash__ = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and 0 < len(other) < len(self.whole) and self.whole.startswith(other)


class Witness:
    """Sees what handlers are told.

    Attributes:
        appended, completed: items, as they were then.
        replies: all of them, also those beside the conversation.
        refusals: ``error`` events of the server.
        failures: what else was told to the handlers of ``error``.
        requests: how many ``response.create`` were sent.
        answered: how often each call got an output.
        told: all that was on the wire.
        threads: those on which handlers were told so, and of failures.
    """

    def __init__(self, client: RealtimeClient) -> None:
        self.appended: list[ConversationItem] = []
        self.completed: list[ConversationItem] = []
        self.replies = []
        self.refusals = []
        self.failures = []
        self.requests = 0
        self.answered: Counter[str] = Counter()
        self.told: list[Event] = []
        self.threads: set[int] = set()
        client.on("conversation.item.appended", self.appended.append)
        client.on("conversation.item.completed", self.completed.append)
        client.on("reply", self.replies.append)
        client.on("server.error", self.refusals.append)
        client.on("error", self._fail)
        client.on("client.response.create", self._request)
        client.on("client.conversation.item.create", self._create)
        client.on("realtime.event", self._note)

    def tokens(self) -> tuple[int, int]:
        """What all replies have used: input and output."""
        used = [reply.usage for reply in self.replies]
        return sum(usage.input_tokens for usage in used), sum(usage.output_tokens for usage in used)

    def _note(self, realtime_event: RealtimeEvent) -> None:
        self.told.append(realtime_event.event)
        self.threads.add(threading.get_ident())

    def _fail(self, failure: object) -> None:
        self.failures.append(failure)
        self.threads.add(threading.get_ident())

    def _request(self, _event: object) -> None:
        self.requests += 1

    def _create(self, event: ConversationItemCreate) -> None:
        if isinstance(event.item, FunctionCallOutput):
            self.answered[event.item.call_id] += 1


def transcript(conversation: RealtimeConversation) -> list[Line]:
    """All of a conversation."""
    return [line_of(item) for item in conversation.get_items()]


def transcript_at_the_server(client: RealtimeClient) -> list[Line]:
    """The same as the server has it, which is asked for every item. Of what was cut it has forgotten the words."""
    theirs = RealtimeConversation()
    for item in client.conversation.get_items():
        client.realtime.send(ConversationItemRetrieve(item_id=item.id))
        retrieved = client.wait_for_next("server.conversation.item.retrieved", PATIENCE)
        theirs.process_event(ConversationItemDone(item=retrieved.item))
    return transcript(theirs)
