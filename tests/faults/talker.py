"""A client that holds a scripted conversation of text, and keeps what it was told."""

from __future__ import annotations

from typing import Any, TypeVar

from reelthyme_sync import Session, connect
from reelthyme_sync.events import (
    FunctionCall,
    ResponseDone,
    ResponseOutputTextDelta,
    ResponseOutputTextDone,
    ServerEvent,
)

from .patience import PATIENCE

E = TypeVar("E", bound=ServerEvent)

STORY = " ".join(f"word {number}" for number in range(10))
SAGA = " ".join(f"word {number}" for number in range(2000))
SCRIPT = [
    {"when": "story", "say": STORY},
    {"when": "saga", "say": SAGA},
    {"when": "order", "call": {"name": "find_order", "arguments": {"number": 17}}},
]
"""The server's part: what is told in full, and what nobody hears the end of."""

_TOOL = {
    "type": "function",
    "name": "find_order",
    "description": "Find an order",
    "parameters": {"type": "object", "properties": {"number": {"type": "integer"}}},
}


class Talker:
    """One client.

    Args:
        url: where to connect to.
        options: for ``connect``.
    """

    def __init__(self, url: str, **options: Any) -> None:
        self._url = url
        self._options = options
        self.session: Session | None = None
        self.events: list[ServerEvent] = []

    def open(self) -> Session:
        """Connect."""
        self.session = connect(url=self._url, **self._options)
        return self.session

    def send(self, kind: str, **fields: Any) -> None:
        """Send an event."""
        assert self.session is not None
        self.session.send({"type": kind, **fields})

    def ask(self, text: str) -> None:
        """Say something, and ask for an answer."""
        content = [{"type": "input_text", "text": text}]
        self.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        self.ask_for_response()

    def answer_call(self) -> None:
        """Give what the last tool that was called gave, and ask for an answer."""
        (call,) = self.last(ResponseDone).response.output
        assert isinstance(call, FunctionCall)
        output = {"type": "function_call_output", "call_id": call.call_id, "output": '{"state": "sent"}'}
        self.send("conversation.item.create", item=output)
        self.ask_for_response()

    def ask_for_response(self, modality: str = "text") -> None:
        """Ask for an answer."""
        self.send("response.create", response={"output_modalities": [modality], "tools": [_TOOL]})

    def read_until(self, kind: type[E]) -> E:
        """Receive up to the next event of a class."""
        assert self.session is not None
        while True:
            event = self.session.receive(timeout=PATIENCE)
            self.events.append(event)
            if isinstance(event, kind):
                return event

    def last(self, kind: type[E]) -> E:
        """The last event of a class that was received."""
        return [event for event in self.events if isinstance(event, kind)][-1]

    def be_quiet(self, seconds: float) -> None:
        """Receive for a while, and expect nothing."""
        assert self.session is not None
        try:
            while True:
                self.events.append(self.session.receive(timeout=seconds))
        except TimeoutError:
            pass

    def check_honesty(self, *, whole: bool) -> None:
        """An answer that is told as done has come word by word; ``whole``: and so has the last one.

        What was cut off is the beginning of what would have come.
        """
        said: dict[str, str] = {}
        done: dict[str, str] = {}
        for event in self.events:
            match event:
                case ResponseOutputTextDelta():
                    said[event.response_id] = said.get(event.response_id, "") + event.delta
                case ResponseOutputTextDone():
                    done[event.response_id] = event.text
                case ResponseDone(response=response) if response.status == "completed" and whole:
                    last = response.id
        assert all(said[response_id] == text for response_id, text in done.items())
        assert all(SAGA.startswith(said[response_id]) for response_id in said.keys() - done.keys())
        assert not whole or last in done
