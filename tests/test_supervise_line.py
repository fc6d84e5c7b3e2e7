"""When a line of the transcript is done."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reelthyme_sync import codec
from reelthyme_sync.conversation import RealtimeConversation
from reelthyme_sync.supervise import Line


def told(*events: dict[str, Any]) -> Line | None:
    """The line of the last item that is heard of."""
    conversation, update = RealtimeConversation(), None
    for event in events:
        update = conversation.process_event(codec.decode(json.dumps(event))) or update
    assert update is not None
    return Line.of(RealtimeConversation.from_json(conversation.export()).get_items()[-1])


def item(kind: str, content: list[dict[str, Any]]) -> dict[str, Any]:
    message = {"id": "item_1", "type": "message", "role": "user", "status": "completed", "content": content}
    return {"type": f"conversation.item.{kind}", "item": message, "previous_item_id": None}


def transcription(kind: str, **fields: Any) -> dict[str, Any]:
    return {
        "type": f"conversation.item.input_audio_transcription.{kind}",
        "item_id": "item_1",
        "content_index": 0,
        **fields,
    }


ALOUD = [{"type": "input_audio", "transcript": None}]
SPOKEN = [item("added", ALOUD), item("done", ALOUD)]


def test_what_is_said_aloud_is_done_when_it_is_written_down():
    assert told(*SPOKEN) == Line("item_1", "user", "", False)
    some = [*SPOKEN, transcription("delta", delta="Two large ")]
    assert told(*some) == Line("item_1", "user", "Two large ", False)
    all_of_it = transcription("completed", transcript="Two large pizzas.")
    assert told(*some, all_of_it) == Line("item_1", "user", "Two large pizzas.", True)


@pytest.mark.parametrize("words", ["", "Two "])
def test_or_when_that_has_failed(words):
    failed = transcription("failed", error={"type": "server_error", "message": "Nobody could hear that."})
    begun = [transcription("delta", delta=words)] if words else []
    assert told(*SPOKEN, *begun, failed) == Line("item_1", "user", words, True)


def test_words_that_come_before_their_item_end_it_too():
    assert told(transcription("completed", transcript="Yes."), *SPOKEN) == Line("item_1", "user", "Yes.", True)


def test_silence_that_was_written_down_as_nothing_is_done():
    assert told(*SPOKEN, transcription("completed", transcript="")) == Line("item_1", "user", "", True)


def test_what_comes_with_its_words_is_done_at_once():
    aloud = [{"type": "input_audio", "transcript": "Hello."}]
    assert told(item("added", aloud), item("done", aloud)) == Line("item_1", "user", "Hello.", True)
    written = [{"type": "input_text", "text": "Hello."}]
    assert told(item("added", written), item("done", written)) == Line("item_1", "user", "Hello.", True)
