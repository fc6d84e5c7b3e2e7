"""A conversation, told by the events of a session: in any order that servers are known to choose."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from reelthyme_sync import codec
from reelthyme_sync.conversation import RealtimeConversation
from reelthyme_sync.events import FunctionCall, UnknownPart
from reelthyme_sync.pcm import encode_base64

PCM_SECOND = "A" * (48_000 * 4 // 3)
G711_SECOND = encode_base64(bytes(8_000))


def item(item_id: str, **fields: Any) -> dict[str, Any]:
    return {"id": item_id, "type": "message", "role": "user", "content": [], **fields}


def added(item_id: str, previous: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"type": "conversation.item.added", "item": item(item_id, **fields), "previous_item_id": previous}


def done(item_id: str, **fields: Any) -> dict[str, Any]:
    return {"type": "conversation.item.done", "item": item(item_id, **fields)}


def spoke(item_id: str, words: str, audio: str = "") -> list[dict[str, Any]]:
    """A message of the model's in progress, and what it has said so far."""
    about = {"item_id": item_id, "content_index": 0}
    return [
        added(item_id, role="assistant", status="in_progress"),
        {"type": "response.content_part.added", **about, "part": {"type": "audio"}},
        {"type": "response.output_audio_transcript.delta", **about, "delta": words},
        {"type": "response.output_audio.delta", **about, "delta": audio},
    ]


def truncated(item_id: str, ms: int) -> dict[str, Any]:
    return {"type": "conversation.item.truncated", "item_id": item_id, "content_index": 0, "audio_end_ms": ms}


def transcript(item_id: str, text: str) -> dict[str, Any]:
    name = "conversation.item.input_audio_transcription.completed"
    return {"type": name, "item_id": item_id, "content_index": 0, "transcript": text}


def after(*events: dict[str, Any]) -> RealtimeConversation:
    conversation = RealtimeConversation()
    for event in events:
        conversation.process_event(codec.decode(orjson.dumps(event)))
    return conversation


def ids(conversation: RealtimeConversation) -> list[str]:
    return [known.id for known in conversation.get_items()]


def words(conversation: RealtimeConversation) -> str:
    (message,) = conversation.get_items()
    return str(message.item.content[0].transcript)


class TestOrder:
    @pytest.mark.parametrize(
        ("previous", "expected"),
        [(None, ["a", "b", "c"]), ("b", ["a", "b", "c"]), ("a", ["a", "c", "b"]), ("root", ["c", "a", "b"])],
    )
    def test_an_item_goes_where_the_server_says(self, previous, expected):
        assert ids(after(added("a"), added("b", "a"), added("c", previous))) == expected

    def test_after_an_item_that_nobody_announced_means_at_the_end(self):
        assert ids(after(added("a"), added("b", "ghost"))) == ["a", "b"]

    def test_an_item_told_twice_is_one_item_in_its_first_place(self):
        assert ids(after(added("a"), added("b"), added("a", "b"), done("a"))) == ["a", "b"]

    def test_a_deleted_item_is_gone_even_if_its_end_comes_later(self):
        gone = {"type": "conversation.item.deleted", "item_id": "a"}
        assert ids(after(added("a"), gone, gone, transcript("a", "late"), done("a"))) == []
        assert ids(after(added("a"), gone, added("a"))) == ["a"]

    def test_an_item_of_an_unknown_kind_has_its_place(self):
        news = {"type": "conversation.item.added", "item": {"id": "n", "type": "brand_new"}}
        conversation = after(added("a"), news, added("b", "n"))
        assert ids(conversation) == ["a", "n", "b"]
        assert isinstance(conversation.get_items()[1].item, UnknownPart)


class TestTheUsersSpeech:
    CONTENT = (("content", [{"type": "input_audio", "transcript": None}]),)

    @pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (2, 0, 1)], ids=["late", "between", "early"])
    def test_the_transcript_may_come_at_any_time(self, order):
        events = [added("a", **dict(self.CONTENT)), done("a", **dict(self.CONTENT)), transcript("a", "hello")]
        assert words(after(*(events[at] for at in order))) == "hello"

    def test_without_a_transcript_there_is_none(self):
        assert words(after(added("a", **dict(self.CONTENT)))) == "None"


class TestTheModelsSpeech:
    def test_words_join_until_the_item_is_told_as_a_whole(self):
        more = {"type": "response.output_audio_transcript.delta", "item_id": "m", "delta": "there"}
        whole = done("m", role="assistant", content=[{"type": "output_audio", "transcript": "hi there!"}])
        assert words(after(*spoke("m", "hi "), more)) == "hi there"
        assert words(after(*spoke("m", "hi "), more, whole)) == "hi there!"

    def test_a_description_without_words_takes_none_away(self):
        whole = done("m", role="assistant", content=[{"type": "output_audio"}])
        assert words(after(*spoke("m", "hi"), whole)) == "hi"

    @pytest.mark.parametrize(
        ("said", "heard_ms", "heard"),
        [
            ("one two three four", 500, "one two"),
            ("one two three four", 390, "one two"),
            ("one two three four", 380, "one"),
            ("one two", 0, ""),
            ("one two", 5000, "one two"),
            ("今日はいい天気ですね", 500, "今日はいい"),
        ],
    )
    def test_of_what_was_cut_off_as_many_words_remain_as_were_heard(self, said, heard_ms, heard):
        assert words(after(*spoke("m", said, PCM_SECOND), truncated("m", heard_ms))) == heard

    def test_what_was_cut_off_stays_off_when_the_item_is_told_as_a_whole_or_truncated_less(self):
        whole = done("m", role="assistant", content=[{"type": "output_audio", "transcript": "one two"}])
        events = [*spoke("m", "one two", PCM_SECOND), truncated("m", 500), truncated("m", 900), whole]
        assert words(after(*events)) == "one"

    def test_telephone_sound_is_six_times_as_long(self):
        audio = {"output": {"format": {"type": "audio/pcmu"}}}
        created = {"type": "session.created", "session": {"type": "realtime", "audio": audio}}
        assert words(after(created, *spoke("m", "one two", G711_SECOND), truncated("m", 500))) == "one"

    def test_what_is_in_progress_at_a_cut_is_incomplete(self):
        conversation = after(*spoke("m", "hi"), added("u", status="completed"))
        conversation.cut_off()
        assert [each.status for each in conversation.get_items()] == ["incomplete", "completed"]


class TestCalls:
    BEGUN = (("type", "function_call"), ("name", "f"), ("call_id", "c"), ("arguments", ""), ("status", "in_progress"))
    ARGUMENTS = (("type", "response.function_call_arguments.done"), ("item_id", "f"), ("arguments", "{}"))
    WHOLE = (("id", "f"), *BEGUN[:3], ("arguments", "{}"), ("status", "completed"))

    @pytest.mark.parametrize(
        "end",
        [
            dict(ARGUMENTS),
            {"type": "response.output_item.done", "item": dict(WHOLE)},
            {"type": "conversation.item.done", "item": dict(WHOLE)},
        ],
        ids=lambda event: event["type"],
    )
    @pytest.mark.parametrize("begin", ["added", "created"])
    def test_a_call_is_complete_with_whatever_tells_its_arguments_first(self, begin, end):
        begun = {"type": f"conversation.item.{begin}", "item": item("f", **dict(self.BEGUN))}
        assert not after(begun).get_items()[0].ended
        (known,) = after(begun, end).get_items()
        assert isinstance(call := known.item, FunctionCall)
        assert (known.ended, call.arguments) == (True, "{}")


class TestWhatNobodyAnnounced:
    @pytest.mark.parametrize(
        "event",
        [
            {"type": "response.output_text.delta", "item_id": "x", "delta": "a"},
            {"type": "response.output_audio.delta", "item_id": "x", "delta": "AAAA"},
            {"type": "response.content_part.added", "item_id": "x", "part": {"type": "audio"}},
            {"type": "response.output_item.done", "item": item("x")},
            {"type": "response.function_call_arguments.done", "item_id": "x", "arguments": "{}"},
            {"type": "conversation.item.deleted", "item_id": "x"},
            {"type": "conversation.item.added", "item": {"type": "message", "role": "user", "content": []}},
            transcript("x", "a"),
            truncated("x", 1),
        ],
        ids=lambda event: event["type"],
    )
    def test_is_not_made_up(self, event):
        assert after(event).get_items() == []
