"""The reference client's behaviours 56 to 58: the conversation as events tell it. L7 to L9 and L12 with them."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from reference_peer import (
    Peer,
    Wire,
    added,
    assistant,
    begun,
    call,
    committed,
    delta,
    done,
    ended,
    item_done,
    message,
    output,
    sound,
    speech_started,
    speech_stopped,
    spoken,
    transcribed,
    user,
)

from reelthyme_sync import codec
from reelthyme_sync.conversation import ConversationItem, Delta, FormattedTool, RealtimeConversation, Update
from reelthyme_sync.events import SERVER_EVENTS, InputAudioBufferAppend, UnknownEvent
from reelthyme_sync.pcm import encode_base64, ms_to_bytes

TONE = (np.arange(24_000, dtype="<i2") % 999).tobytes()
"""A second in which no two neighbours are equal."""


def truncated(item_id: str, ms: int) -> Wire:
    return {"type": "conversation.item.truncated", "item_id": item_id, "content_index": 0, "audio_end_ms": ms}


def deleted(item_id: str) -> Wire:
    return {"type": "conversation.item.deleted", "item_id": item_id}


def told(conversation: RealtimeConversation, *events: Wire) -> list[Update | None]:
    """What each of these changes."""
    return [conversation.process_event(codec.decode(codec.encode(event))) for event in events]


def after(*events: Wire) -> RealtimeConversation:
    conversation = RealtimeConversation()
    told(conversation, *events)
    return conversation


def item(conversation: RealtimeConversation, item_id: str) -> ConversationItem:
    found = conversation.get_item(item_id)
    assert found is not None
    return found


# --- 56 ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "event",
    [
        truncated("nobody", 5),
        deleted("nobody"),
        {"type": "response.output_item.added", "response_id": "nobody", "output_index": 0, "item": assistant("i")},
        item_done(assistant("nobody", "Hi.")),
        {"type": "response.output_item.done", "response_id": "nobody"},
        {
            "type": "response.content_part.added",
            "item_id": "nobody",
            "content_index": 0,
            "part": {"type": "text"},
        },
        delta("output_audio_transcript", "nobody", "Hi"),
        sound("nobody", TONE),
        delta("output_text", "nobody", "Hi"),
        delta("function_call_arguments", "nobody", "{"),
        {"type": "newer.than.this"},
        {"type": "", "event_id": None},
    ],
    ids=lambda event: event["type"],
)
def test_56_and_l12_no_event_is_a_mistake_of_the_callers(event):
    """The reference raises on what it does not know; a server may say a thing late, twice, or newer than this."""
    conversation = after(begun(), added(user("known")))
    before = conversation.get_items()
    assert told(conversation, event) == [None]
    assert conversation.get_items() == before


def test_56_and_l12_a_client_goes_on_after_what_it_does_not_know():
    with Peer() as peer:
        failures: list[Any] = []
        peer.client.on("error", failures.append)
        kind = {"type": "hologram", "id": "i1", "role": "assistant", "content": [{"type": "smell"}]}
        peer.says({"type": "newer.than.this"}, added(kind), done(kind), added(user("i2"), "i1"))
        assert [each.id for each in peer.client.conversation.get_items()] == ["i1", "i2"]
        assert peer.client.conversation.get_items()[0].type == "hologram"
        assert failures == []


def test_56_every_event_of_the_protocol_may_come_empty():
    conversation = RealtimeConversation()
    for name in SERVER_EVENTS:
        told(conversation, {"type": name})
    assert conversation.process_event(UnknownEvent(type="x")) is None


# --- 57 ---------------------------------------------------------------------------------------------------------


def test_57_an_item_that_is_added_is_told_as_a_value_with_empty_forms():
    (update,) = told(RealtimeConversation(), added(assistant("i1")))
    assert update is not None
    assert (update.appended, update.completed, update.delta) == (True, False, None)
    formatted = update.item.formatted
    assert (formatted.text, formatted.transcript, formatted.audio.dtype, formatted.audio.size) == ("", "", np.int16, 0)
    assert (formatted.tool, formatted.output) == (None, None)


@pytest.mark.parametrize(
    ("given", "role", "status"),
    [
        (user("i1"), "user", "completed"),
        (message("system", "i1", {"type": "input_text", "text": "Be brief."}), "system", "completed"),
        (assistant("i1"), "assistant", "in_progress"),
        (call("i1", "clock", "", status="in_progress"), None, "in_progress"),
        (output("i1", "12"), None, "completed"),
    ],
    ids=["user", "system", "assistant", "call", "output"],
)
def test_57_what_a_client_makes_is_complete_when_it_is_added(given, role, status):
    """In the reference a message of the system is in progress for ever."""
    made = item(after(added(given)), "i1")
    assert (made.type, made.role, made.status) == (given["type"], role, status)


def test_57_text_is_that_of_all_parts_and_tool_and_output_have_their_forms():
    parts = [{"type": "input_text", "text": "One, "}, {"type": "input_text", "text": "two."}]
    conversation = after(
        added(message("user", "i1", *parts)),
        added(call("i2", "clock", "", call_id="c7", status="in_progress")),
        added(output("i3", '{"hour":12}')),
    )
    assert item(conversation, "i1").formatted.text == "One, two."
    assert item(conversation, "i2").formatted.tool == FormattedTool("clock", "c7", "")
    assert item(conversation, "i2").formatted.tool.type == "function"
    assert item(conversation, "i3").formatted.output == '{"hour":12}'


def test_57_an_item_that_is_added_again_is_there_once():
    first, second = told(conversation := RealtimeConversation(), added(user("i1")), added(user("i1", "Bye.")))
    assert first is not None
    assert second is not None
    assert (first.appended, second.appended) == (True, False)
    assert (first.completed, second.completed) == (True, False)
    assert [each.formatted.text for each in conversation.get_items()] == ["Bye."]


def test_57_what_the_user_says_is_cut_from_what_was_sent():
    conversation = RealtimeConversation()
    conversation.note_sent(InputAudioBufferAppend(audio=encode_base64(TONE)))
    told(conversation, added(user("i0")), speech_started("i1", 100), speech_stopped("i1", 301), committed("i1"))
    told(conversation, added(spoken("i1")))
    assert item(conversation, "i1").formatted.pcm == TONE[ms_to_bytes(100) : ms_to_bytes(301)]
    assert item(conversation, "i1").formatted.text == ""


def test_57_speech_whose_beginning_was_not_seen_is_all_since_the_last_turn():
    """In the reference it is empty: begin and end are the same."""
    conversation = RealtimeConversation()
    conversation.note_sent(InputAudioBufferAppend(audio=encode_base64(TONE)))
    told(conversation, committed("i1"), added(spoken("i1")))
    assert item(conversation, "i1").formatted.pcm == TONE


def test_57_a_transcript_that_came_before_its_item_waits_for_it():
    """In the reference it is read from the wrong object, and lost."""
    conversation = RealtimeConversation()
    assert told(conversation, transcribed("i1", "Hello!")) == [None]
    told(conversation, added(spoken("i1")))
    assert item(conversation, "i1").formatted.transcript == "Hello!"
    assert item(conversation, "i1").item.content[0].transcript == "Hello!"


def test_57_a_transcript_is_told_and_one_of_nothing_is_empty():
    """The reference says one space for nothing, so that it counts as true."""
    conversation = after(added(spoken("i1")), added(spoken("i2")))
    (update,) = told(conversation, transcribed("i1", "Hello!"))
    assert update is not None
    assert update.delta == Delta(transcript="Hello!")
    (update,) = told(conversation, transcribed("i2", ""))
    assert update is not None
    assert (update.item.id, update.delta, update.item.formatted.transcript) == ("i2", None, "")


def test_57_a_truncated_item_keeps_what_was_heard():
    """The reference empties the transcript; here the words that fit into what was heard stay."""
    conversation = after(added(assistant("i1")), sound("i1", TONE))
    told(conversation, delta("output_audio_transcript", "i1", "One two three four"))
    (update,) = told(conversation, truncated("i1", 501))
    assert update is not None
    cut = update.item
    assert cut.formatted.pcm == TONE[: ms_to_bytes(501)]
    assert (cut.formatted.transcript, cut.unheard_text, cut.truncated) == ("One two", " three four", True)


def test_57_a_deleted_item_is_told_as_it_was_and_gone():
    conversation = after(added(user("i1")), added(user("i2"), "i1"))
    (update,) = told(conversation, deleted("i1"))
    assert update is not None
    assert (update.item.id, update.item.formatted.text) == ("i1", "Hello!")
    assert conversation.get_item("i1") is None
    assert [each.id for each in conversation.get_items()] == ["i2"]


def test_57_responses_and_parts_are_noted_silently_and_a_part_has_its_own_place():
    """The reference appends a part wherever it belongs; here its index counts."""
    conversation = after(added(assistant("i1")))
    assert told(conversation, begun(), begun()) == [None, None]
    place = {"response_id": "r1", "item_id": "i1", "output_index": 0}
    second = {"type": "response.content_part.added", **place, "content_index": 1, "part": {"type": "output_text"}}
    assert told(conversation, second) == [None]
    told(conversation, delta("output_text", "i1", "two", content_index=1), sound("i1", TONE))
    told(conversation, delta("output_audio_transcript", "i1", "one", content_index=0))
    assert [part.type for part in item(conversation, "i1").item.content] == ["output_audio", "output_text"]


@pytest.mark.parametrize(
    ("name", "pieces", "field"),
    [
        ("output_audio_transcript", ["One", " two"], "transcript"),
        ("output_text", ["One", " two"], "text"),
        ("function_call_arguments", ['{"a"', ": 1}"], "arguments"),
    ],
)
def test_57_deltas_grow_what_they_are_of_and_are_told_one_by_one(name, pieces, field):
    beginning = call("i1", "clock", "", status="in_progress") if field == "arguments" else assistant("i1")
    conversation = after(added(beginning))
    updates = told(conversation, *(delta(name, "i1", piece) for piece in pieces))
    assert [update.delta for update in updates if update] == [Delta(**{field: piece}) for piece in pieces]
    made = item(conversation, "i1")
    if field == "arguments":
        assert made.formatted.tool is not None
        assert made.formatted.tool.arguments == made.item.arguments == "".join(pieces)
    else:
        assert getattr(made.formatted, field) == getattr(made.item.content[0], field) == "".join(pieces)


def test_57_sound_grows_the_sound_alone():
    conversation = after(added(assistant("i1")))
    updates = told(conversation, sound("i1", TONE[:10]), sound("i1", TONE[10:]))
    assert [update.delta for update in updates if update] == [Delta(audio=TONE[:10]), Delta(audio=TONE[10:])]
    made = item(conversation, "i1")
    assert made.formatted.audio.tolist() == np.frombuffer(TONE, "<i2").tolist()
    assert (made.formatted.transcript, made.audio_ms) == ("", 1000)


# --- 58 ---------------------------------------------------------------------------------------------------------


def test_58_clear_get_item_get_items_and_queue_input_audio():
    """The reference's fields, which its callers may change, are not to be seen; these four give values."""
    conversation = after(added(user("i1")), added(user("i2"), "i1"))
    assert conversation.get_item("nobody") is None
    items = conversation.get_items()
    assert [each.id for each in items] == ["i1", "i2"]
    items.clear()
    assert len(conversation.get_items()) == 2
    assert conversation.queue_input_audio(TONE) == TONE
    told(conversation, added(spoken("i3")), added(spoken("i4")))
    assert (item(conversation, "i3").formatted.pcm, item(conversation, "i4").formatted.pcm) == (TONE, b"")
    conversation.queue_input_audio(TONE)
    conversation.clear()
    assert conversation.get_items() == []
    told(conversation, added(spoken("i5")))
    assert item(conversation, "i5").formatted.pcm == b""
    assert not [name for name in vars(conversation) if not name.startswith("_")]


def test_58_an_item_that_somebody_holds_does_not_change():
    conversation = after(added(assistant("i1")))
    held = item(conversation, "i1")
    told(conversation, sound("i1", TONE), delta("output_audio_transcript", "i1", "Hi"))
    later = item(conversation, "i1")
    told(conversation, truncated("i1", 0), deleted("i1"))
    assert (held.formatted.pcm, held.formatted.transcript) == (b"", "")
    assert (later.formatted.pcm, later.formatted.transcript) == (TONE, "Hi")
    with pytest.raises(AttributeError):
        held.ended = True  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        later.formatted.audio[0] = 1


# --- L. decisions -----------------------------------------------------------------------------------------------


def test_l07_an_item_stands_after_the_one_that_it_follows():
    """In the reference always at the end."""
    events = [added(user("b"), "root"), added(user("d"), "b"), added(user("c"), "b"), added(user("a"), "root")]
    assert [each.id for each in after(*events, added(user("e"), None)).get_items()] == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize("ends", [item_done, done], ids=["output_item.done", "item.done"])
def test_l08_what_an_item_says_at_its_end_holds(ends):
    """The reference takes over the status alone, and keeps the words of the deltas that it got."""
    conversation = after(begun(), added(assistant("i1")), delta("output_audio_transcript", "i1", "Hallo wer"))
    asked = call("i2", "clock", "", status="in_progress")
    told(conversation, added(asked), delta("function_call_arguments", "i2", "{"))
    told(conversation, ends(assistant("i1", "Hello world.")), ends(call("i2", "clock", '{"a": 1}')), ended())
    assert item(conversation, "i1").formatted.transcript == "Hello world."
    assert item(conversation, "i2").arguments == '{"a": 1}'


def test_l09_an_item_that_goes_on_for_long_costs_no_more_for_each_piece():
    """In the reference every piece copies all the sound before it: 22 GB for these five minutes."""
    conversation = after(added(assistant("i1")))
    event = codec.decode(codec.encode(sound("i1", TONE[:4800])))
    began = time.process_time()
    for _ in range(3000):
        conversation.process_event(event)
    assert time.process_time() - began < 1.0
    assert item(conversation, "i1").formatted.pcm == TONE[:4800] * 3000
