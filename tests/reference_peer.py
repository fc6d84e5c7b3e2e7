"""A client whose peer says what a test wants, and what the peer says, in the shape of the wire.

``Peer.says`` returns when every handler has been told; ``Peer.sent`` gives what the client has sent, all of it.
"""

from __future__ import annotations

import itertools
import re
from types import TracebackType
from typing import Any

from reelthyme_sync import Session
from reelthyme_sync.client import RealtimeClient
from reelthyme_sync.pcm import encode_base64
from reelthyme_sync.testing import PATIENCE, ScriptedTransport

Wire = dict[str, Any]

_MARK = "test.mark"


class Peer:
    """The far end of ``client``, which has adopted a session that says nothing by itself."""

    def __init__(self, **options: Any) -> None:
        self.transport = ScriptedTransport()
        self.client = RealtimeClient(Session(self.transport), **options)
        self.client.connect()
        self._marks = itertools.count(1)
        self._seen = 0

    def __enter__(self) -> Peer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.disconnect()

    def says(self, *events: Wire) -> None:
        """Send these, and wait until all handlers have been told of them. It counts as a wait of this thread."""
        barrier = f"test.barrier.{next(self._marks)}"
        self.client.realtime.send(_MARK)  # the wait counts from here
        self.transport.push(*events, {"type": barrier})
        self.client.wait_for_next(f"server.{barrier}", PATIENCE)

    def sent(self) -> list[Wire]:
        """What has been sent since this was last asked, without the ids of the events."""
        mark = f"{_MARK}.{next(self._marks)}"
        self.client.session.send({"type": mark})
        self.transport.wait_sent(mark)
        new, self._seen = self.transport.sent[self._seen :], len(self.transport.sent)
        return [without_id(event) for event in new if not event["type"].startswith(_MARK)]

    def sent_types(self) -> list[str]:
        """The names of what has been sent since."""
        return [event["type"] for event in self.sent()]


def exactly(text: str) -> str:
    """A pattern for the whole of a message."""
    return f"^{re.escape(text)}$"


def without_id(event: Wire) -> Wire:
    return {key: value for key, value in event.items() if key != "event_id"}


# --- items ------------------------------------------------------------------------------------------------------


def message(role: str, item_id: str, *content: Wire, status: str = "completed") -> Wire:
    return {"type": "message", "id": item_id, "role": role, "status": status, "content": list(content)}


def user(item_id: str, text: str = "Hello!") -> Wire:
    return message("user", item_id, {"type": "input_text", "text": text})


def spoken(item_id: str, transcript: str | None = None) -> Wire:
    return message("user", item_id, {"type": "input_audio", "transcript": transcript})


def assistant(item_id: str, transcript: str | None = None) -> Wire:
    if transcript is None:
        return message("assistant", item_id, status="in_progress")
    return message("assistant", item_id, {"type": "output_audio", "transcript": transcript})


def call(item_id: str, name: str, arguments: str, *, call_id: str = "c1", status: str = "completed") -> Wire:
    wire = {"type": "function_call", "id": item_id, "call_id": call_id, "name": name, "arguments": arguments}
    return {**wire, "status": status}


def output(item_id: str, text: str, *, call_id: str = "c1") -> Wire:
    return {
        "type": "function_call_output",
        "id": item_id,
        "call_id": call_id,
        "output": text,
        "status": "completed",
    }


# --- what the server says ---------------------------------------------------------------------------------------


def session_created(**session: Any) -> Wire:
    return {"type": "session.created", "event_id": "event_1", "session": {"type": "realtime", **session}}


def added(item: Wire, previous: str | None = None) -> Wire:
    return {"type": "conversation.item.added", "previous_item_id": previous, "item": item}


def done(item: Wire, previous: str | None = None) -> Wire:
    return {"type": "conversation.item.done", "previous_item_id": previous, "item": item}


def begun(response_id: str = "r1") -> Wire:
    return {"type": "response.created", "response": _response(response_id, "in_progress")}


def ended(*items: Wire, response_id: str = "r1", status: str = "completed") -> Wire:
    return {"type": "response.done", "response": {**_response(response_id, status), "output": list(items)}}


def item_done(item: Wire, response_id: str = "r1") -> Wire:
    return {"type": "response.output_item.done", "response_id": response_id, "output_index": 0, "item": item}


def delta(name: str, item_id: str, piece: str, *, content_index: int = 0) -> Wire:
    """``response.NAME.delta``."""
    return {
        "type": f"response.{name}.delta",
        "response_id": "r1",
        "item_id": item_id,
        "output_index": 0,
        "content_index": content_index,
        "delta": piece,
    }


def sound(item_id: str, pcm: bytes, *, content_index: int = 0) -> Wire:
    return delta("output_audio", item_id, encode_base64(pcm), content_index=content_index)


def transcribed(item_id: str, transcript: str) -> Wire:
    return {
        "type": "conversation.item.input_audio_transcription.completed",
        "item_id": item_id,
        "content_index": 0,
        "transcript": transcript,
    }


def error(message_: str, *, code: str | None = None, about: str | None = None) -> Wire:
    told = {"type": "invalid_request_error", "code": code, "message": message_, "param": None, "event_id": about}
    return {"type": "error", "error": told}


def speech_started(item_id: str, ms: int = 0) -> Wire:
    return {"type": "input_audio_buffer.speech_started", "item_id": item_id, "audio_start_ms": ms}


def speech_stopped(item_id: str, ms: int) -> Wire:
    return {"type": "input_audio_buffer.speech_stopped", "item_id": item_id, "audio_end_ms": ms}


def committed(item_id: str) -> Wire:
    return {"type": "input_audio_buffer.committed", "item_id": item_id, "previous_item_id": None}


def _response(response_id: str, status: str) -> Wire:
    wire = {"object": "realtime.response", "id": response_id, "status": status, "output": []}
    return {**wire, "conversation_id": "conv_1"}
