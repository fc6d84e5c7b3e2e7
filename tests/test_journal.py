"""What a session remembers: what a new server is told, after a cut at any point of what a conversation does."""

from __future__ import annotations

from base64 import b64encode
from time import process_time
from typing import Any

import orjson
import pytest

from reelthyme_sync import codec
from reelthyme_sync.beta import Shape
from reelthyme_sync.events import Reconnected, ResponseDone
from reelthyme_sync.resume.journal import Journal

Json = dict[str, Any]

VAD: Json = {"audio": {"input": {"turn_detection": {"type": "server_vad"}}}}
VAD_WRITTEN: Json = {"audio": {"input": {"turn_detection": {"type": "server_vad"}, "transcription": {"model": "w"}}}}
PUSH_TO_TALK: Json = {"audio": {"input": {"turn_detection": None}}}


class Line:
    """A journal between a user and one server after the other."""

    def __init__(self, session: Json = PUSH_TO_TALK, *, shape: Shape = "ga") -> None:
        self.journal = Journal("t", shape=shape)
        self.shape = shape
        self.settings = session
        self.hear("session.created", session={"type": "realtime", **session})

    def say(self, name: str, **fields: Any) -> Json | None:
        message = self.journal.say(orjson.dumps({"type": name, **fields}))
        return None if message is None else orjson.loads(message.data())

    def write(self, item_id: str, **fields: Any) -> None:
        content = [{"type": "input_text", "text": item_id}]
        item = {"id": item_id, "type": "message", "role": "user", "content": content}
        self.say("conversation.item.create", item=item, **fields)

    def append(self, ms: int, byte: int = 0, bytes_per_ms: int = 48) -> None:
        self.say("input_audio_buffer.append", audio=b64encode(bytes([byte]) * (ms * bytes_per_ms)).decode())

    def hear(self, name: str, **fields: Any) -> bool:
        """One event of the server's; whether it is for the user."""
        return self.journal.hear(codec.decode(orjson.dumps({"type": name, **fields}), shape=self.shape))

    def add(self, item_id: str, previous: str | None = None, **fields: Any) -> list[bool]:
        """The server tells of an item, as it is and as it stays."""
        item = {"id": item_id, "type": "message", "role": "user", "content": [], **fields}
        names = ("conversation.item.added", "conversation.item.done")
        return [self.hear(name, item=item, previous_item_id=previous) for name in names]

    def turn(self, item_id: str, end_ms: int) -> None:
        """The server detects a turn, and makes an item of it."""
        self.hear("input_audio_buffer.speech_started", audio_start_ms=0, item_id=item_id)
        self.hear("input_audio_buffer.speech_stopped", audio_end_ms=end_ms, item_id=item_id)
        self.hear("input_audio_buffer.committed", item_id=item_id)
        self.add(item_id, content=[{"type": "input_audio", "transcript": None}])

    def cut(self) -> list[Json]:
        """The server is gone: what the next one is told."""
        self.journal.cut()
        return [orjson.loads(data) for data in self.journal.restore()]

    def report(self) -> Reconnected:
        """The new server confirms it all, and the user is told."""
        assert self.journal.restoration is not None
        assert not self.hear("session.created", session={"type": "realtime", **self.settings})
        for message in self.journal.restoration.messages:
            if message["type"] == "conversation.item.create":
                self.hear("conversation.item.added", item=message["item"])
            else:
                self.hear("session.updated", session={"type": "realtime", **self.settings})
        assert self.journal.restoration.complete
        return self.journal.restoration.report(planned=False, attempts=1)


def told(messages: list[Json]) -> list[str]:
    """The messages in short: the item's id, or the type."""
    return [message["item"]["id"] if "item" in message else message["type"] for message in messages]


def lost(report: Reconnected) -> dict[str, str]:
    return {item.item_id: item.reason for item in report.not_restored}


def transcribed(line: Line, item_id: str, text: str) -> None:
    line.hear("conversation.item.input_audio_transcription.completed", item_id=item_id, transcript=text)


def sound_in(message: Json) -> str:
    return str(message["item"]["content"][0]["audio"])


class TestItems:
    def test_own_items_come_back_as_they_were_made(self):
        line = Line()
        image = {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "news": 1}
        item = {"id": "a", "type": "message", "role": "user", "content": [image]}
        line.say("conversation.item.create", item=item)
        line.add("a")
        (message,) = line.cut()
        assert message["item"] == item

    @pytest.mark.parametrize(
        ("fields", "restored"),
        [
            ({"role": "system", "content": [{"type": "input_text", "text": "s"}]}, {"role": "system"}),
            ({"type": "function_call_output", "call_id": "c", "output": "o"}, {"call_id": "c", "output": "o"}),
            ({"type": "function_call", "name": "f", "call_id": "c", "arguments": "{}"}, {"arguments": "{}"}),
            ({"type": "brand_new", "depth": 3}, {"type": "brand_new", "depth": 3}),
            ({"role": "assistant", "content": [{"type": "output_audio", "transcript": "hi"}]}, {"role": "assistant"}),
        ],
    )
    def test_items_of_the_servers_come_back_without_what_only_a_server_says(self, fields, restored):
        line = Line()
        line.add("a", status="completed", object="realtime.item", **fields)
        (message,) = line.cut()
        assert message["item"].items() >= restored.items()
        assert not message["item"].keys() & {"status", "object"}

    def test_what_the_model_said_comes_back_as_text(self):
        line = Line()
        line.add("m", role="assistant", content=[{"type": "output_audio", "transcript": "hi"}])
        (message,) = line.cut()
        assert message["item"]["content"] == [{"type": "output_text", "text": "hi"}]

    @pytest.mark.parametrize(
        "fields",
        [
            {"type": "mcp_call", "server_label": "s", "name": "n", "arguments": "{}"},
            {"type": "mcp_list_tools", "server_label": "s", "tools": []},
            {"type": "function_call", "name": "f", "call_id": "c", "arguments": "{", "status": "incomplete"},
            {"role": "assistant", "content": []},
            {"content": [{"type": "input_audio", "transcript": None}]},
        ],
    )
    def test_what_cannot_come_back_is_told(self, fields):
        line = Line()
        line.add("a", **fields)
        assert line.cut() == []
        assert list(lost(line.report())) == ["a"]

    def test_a_beta_shaped_server_is_told_in_its_own_words(self):
        line = Line({}, shape="beta")
        item = {"id": "m", "type": "message", "role": "assistant", "content": [{"type": "audio", "transcript": "hi"}]}
        line.hear("conversation.item.created", item=item)
        (message,) = line.cut()
        assert message["item"]["content"] == [{"type": "text", "text": "hi"}]

    def test_the_order_is_that_of_the_conversation_and_pending_items_follow(self):
        line = Line()
        line.write("b")
        line.add("b")
        line.write("a", previous_item_id="root")
        line.add("a")
        line.write("c")
        assert told(line.cut()) == ["a", "b", "c"]

    @pytest.mark.parametrize(
        ("known", "gone", "place"), [(["a"], "m", "a"), ([], "m", "root"), (["a"], "ghost", None), (["a"], "a", "a")]
    )
    def test_a_pending_item_follows_what_is_left_of_what_was_before_it(self, known, gone, place):
        line = Line()
        for item_id in known:
            line.write(item_id)
            line.add(item_id)
        line.add("m", *known, type="mcp_call", server_label="s", name="n", arguments="{}")
        line.write("x", previous_item_id=gone)
        line.write("y", previous_item_id="x")
        *_, x, y = line.cut()
        assert (x.get("previous_item_id"), y["previous_item_id"]) == (place, "x")

    def test_an_own_item_of_a_kind_unknown_here_is_answered_like_any_other(self):
        line = Line()
        line.say("conversation.item.create", item={"id": "n", "type": "brand_new"})
        assert line.add("n", type="brand_new") == [True, True]
        assert line.journal.unanswered == 0


class TestWhatTheUserSees:
    def test_nothing_of_a_restoration(self):
        line = Line()
        line.write("a")
        line.add("a")
        line.cut()
        line.report()
        assert not line.hear("conversation.created", conversation={"id": "c"})
        assert line.add("a") == [False, False]

    def test_the_greeting_once_even_if_the_first_server_went_before_it(self):
        journal = Journal("t")
        journal.cut()
        journal.restore()
        greeting = codec.decode(b'{"type": "session.created", "session": {"type": "realtime"}}')
        assert [journal.hear(greeting), journal.hear(greeting)] == [True, False]

    @pytest.mark.parametrize("own", [True, False])
    def test_the_end_of_an_item_that_was_cut_off_between_its_events(self, own):
        line = Line()
        content = [{"type": "input_text", "text": "a"}]
        if own:
            line.write("a")
        line.hear("conversation.item.added", item={"id": "a", "type": "message", "role": "user", "content": content})
        line.cut()
        line.cut()
        assert line.add("a") == [False, True]
        assert line.add("a") == [False, False]

    def test_an_item_made_again_after_it_was_deleted(self):
        line = Line()
        line.write("a")
        line.add("a")
        line.cut()
        line.report()
        line.say("conversation.item.delete", item_id="a")
        assert line.hear("conversation.item.deleted", item_id="a")
        line.write("a")
        assert line.add("a") == [True, True]
        assert told(line.cut()) == ["a"]

    def test_what_a_server_refuses_is_told_and_not_shown_however_late(self):
        line = Line()
        line.write("a")
        line.add("a")
        (message,) = line.cut()
        refusal = {"type": "invalid_request_error", "message": "no", "event_id": message["event_id"]}
        assert not line.hear("session.created", session={"type": "realtime"})
        assert not line.hear("error", error=refusal)
        assert line.journal.restoration is not None
        assert lost(line.journal.restoration.report(planned=False, attempts=1)) == {"a": "no"}
        assert not line.hear("error", error=refusal)
        assert line.hear("error", error={**refusal, "event_id": "another"})

    def test_an_answer_that_comes_after_the_report(self):
        line = Line()
        line.write("a")
        line.add("a")
        line.cut()
        assert line.journal.restoration is not None
        report = line.journal.restoration.report(planned=False, attempts=1)
        assert (report.restored, list(lost(report))) == ([], ["a"])
        assert line.add("a") == [False, False]

    def test_responses_end_once(self):
        line = Line()
        line.hear("response.created", response={"id": "r", "conversation_id": "c"})
        line.hear("response.output_item.added", response_id="r", item={"id": "m", "type": "message", "content": []})
        (end,) = line.journal.cut()
        assert isinstance(end, ResponseDone)
        assert (end.response.id, end.response.status) == ("r", "failed")
        assert line.journal.cut() == []


class TestSettings:
    def test_updates_come_back_as_one_and_refused_ones_not(self):
        line = Line()
        for number, patch in enumerate([{"instructions": "a", "tools": [1]}, {"audio": {"input": {"x": 1}}}, {"b": 1}]):
            line.say("session.update", event_id=f"e{number}", session=patch)
        line.hear("session.updated", session={})
        line.hear("session.updated", session={})
        line.hear("error", error={"message": "no", "event_id": "e2"})
        line.say("session.update", session={"tools": [], "audio": {"input": {"y": None}, "output": {"voice": "v"}}})
        line.hear("session.updated", session={})
        (update,) = line.cut()
        assert update["session"] == {
            "instructions": "a",
            "tools": [],
            "audio": {"input": {"x": 1, "y": None}, "output": {"voice": "v"}},
        }

    def test_an_unanswered_update_comes_again_after_what_the_server_knew(self):
        line = Line()
        line.say("session.update", session={"a": 1})
        line.hear("session.updated", session={})
        line.write("i")
        line.add("i")
        line.say("session.update", session={"a": 2})
        assert [message.get("session") for message in line.cut()] == [{"a": 1}, None, {"a": 2}]

    def test_the_betas_update_keeps_its_name(self):
        line = Line({}, shape="beta")
        line.say("transcription_session.update", session={"input_audio_format": "pcm16"})
        line.hear("transcription_session.updated", session={"input_audio_format": "pcm16"})
        (update,) = line.cut()
        assert (update["type"], update["session"]) == (
            "transcription_session.update",
            {"input_audio_format": "pcm16"},
        )


class TestCalls:
    CALL = (("type", "function_call"), ("name", "f"), ("call_id", "c"))

    def begin(self) -> Line:
        line = Line()
        line.hear("response.created", response={"id": "r", "conversation_id": "c"})
        call = {"id": "f", **dict(self.CALL), "arguments": "", "status": "in_progress"}
        line.hear("conversation.item.added", item=call)
        return line

    def test_a_call_whose_response_was_cut_off_comes_back_with_its_output(self):
        line = self.begin()
        line.hear("response.function_call_arguments.done", item_id="f", arguments="{}")
        output = {"id": "o", "type": "function_call_output", "call_id": "c", "output": "1"}
        line.say("conversation.item.create", item=output)
        assert told(line.cut()) == ["f", "o"]

    def test_a_call_that_was_cut_off_does_not(self):
        line = self.begin()
        assert line.cut() == []
        assert list(lost(line.report())) == ["f"]


class TestTruncation:
    def spoken(self) -> Line:
        line = Line()
        line.hear("conversation.item.added", item={"id": "m", "type": "message", "role": "assistant", "content": []})
        about = {"item_id": "m", "content_index": 0}
        line.hear("response.output_audio_transcript.delta", **about, delta="one two three four")
        line.hear("response.output_audio.delta", **about, delta=b64encode(bytes(48_000)).decode())
        return line

    def said(self, message: Json) -> str:
        return str(message["item"]["content"][0]["text"])

    @pytest.mark.parametrize("answered", [True, False])
    def test_what_was_not_heard_does_not_come_back_whether_or_not_the_server_knew(self, answered):
        line = self.spoken()
        about = {"item_id": "m", "content_index": 0, "audio_end_ms": 500}
        line.say("conversation.item.truncate", **about)
        if answered:
            line.hear("conversation.item.truncated", **about)
        (message,) = line.cut()
        assert self.said(message) == "one two"

    def test_what_a_server_has_as_text_cannot_be_truncated_but_the_next_gets_less(self):
        line = self.spoken()
        assert self.said(line.cut()[0]) == "one two three four"
        assert line.say("conversation.item.truncate", item_id="m", content_index=0, audio_end_ms=500) is None
        assert self.said(line.cut()[0]) == "one two"


class TestResponses:
    def test_a_cancelled_question_is_asked_and_cancelled_again(self):
        line = Line()
        line.say("response.create")
        line.say("response.cancel")
        assert told(line.cut()) == ["response.create", "response.cancel"]

    def test_a_cancel_of_what_went_with_the_server_is_forgotten(self):
        line = Line()
        line.say("response.cancel")
        line.say("response.create")
        line.say("response.cancel", response_id="r")
        assert told(line.cut()) == ["response.create"]

    def test_a_cancel_is_answered_by_the_end_of_the_response(self):
        line = Line()
        line.say("response.cancel")
        line.hear("response.done", response={"id": "r", "status": "cancelled"})
        assert line.journal.between_turns

    def test_one_beside_the_conversation_is_not_answered_by_one_in_it(self):
        line = Line(VAD)
        line.say("response.create", response={"conversation": "none"})
        line.hear("response.created", response={"id": "r1", "conversation_id": "c"})
        assert line.journal.unanswered == 1
        line.hear("response.created", response={"id": "r2", "conversation_id": None})
        assert line.journal.unanswered == 0

    def test_each_goes_to_the_question_that_fits_and_older_servers_do_not_say(self):
        line = Line()
        line.say("response.create", response={"conversation": "none"}, event_id="beside")
        line.say("response.create", event_id="within")
        line.hear("response.created", response={"id": "r", "conversation_id": "c"})
        assert [message["event_id"] for message in line.cut()] == ["beside"]
        line.hear("response.created", response={"id": "r"})
        assert line.journal.unanswered == 0

    def test_the_answer_that_a_server_owes_is_asked_for_once(self):
        line = Line(VAD)
        line.append(200)
        line.turn("u", 100)
        assert told(line.cut())[-1] == "response.create"
        assert told(line.cut()).count("response.create") == 1
        line.hear("response.created", response={"id": "r", "conversation_id": "c"})
        assert "response.create" not in told(line.cut())

    @pytest.mark.parametrize("unasked", ["no create_response", "push to talk", "transcription"])
    def test_where_no_answer_is_owed_none_is_asked_for(self, unasked):
        quiet = {"audio": {"input": {"turn_detection": {"type": "server_vad", "create_response": False}}}}
        sessions = {"no create_response": quiet, "push to talk": PUSH_TO_TALK, "transcription": VAD}
        line = Line(sessions[unasked] | ({"type": "transcription"} if unasked == "transcription" else {}))
        line.append(200)
        line.turn("u", 100)
        assert "response.create" not in told(line.cut())


class TestTurns:
    def test_push_to_talk_without_an_answer_comes_again_as_it_was(self):
        line = Line()
        line.append(100)
        line.say("input_audio_buffer.commit")
        assert told(line.cut()) == ["input_audio_buffer.append", "input_audio_buffer.commit"]

    def test_a_clear_takes_what_came_before_it(self):
        line = Line()
        line.append(100, 1)
        line.say("input_audio_buffer.clear")
        line.append(100, 2)
        line.hear("input_audio_buffer.cleared")
        (message,) = line.cut()
        assert message["audio"] == b64encode(b"\2" * 4800).decode()

    def test_speech_under_way_comes_again_in_full(self):
        line = Line(VAD)
        line.append(1000)
        line.hear("input_audio_buffer.speech_started", audio_start_ms=0, item_id="u")
        for _ in range(100):
            line.append(100)
        line.hear("input_audio_buffer.speech_stopped", audio_end_ms=11_000, item_id="u")
        line.append(100)
        assert told(line.cut()) == ["input_audio_buffer.append"] * 102

    def test_a_turn_that_is_no_item_yet_is_said_again_before_what_waits(self):
        line = Line(PUSH_TO_TALK)
        line.append(100, 1)
        line.say("input_audio_buffer.commit")
        line.say("response.create")
        line.hear("input_audio_buffer.committed", item_id="u")
        turn, create = line.cut()
        assert (turn["item"]["id"], sound_in(turn)) == ("u", b64encode(b"\1" * 4800).decode())
        assert create["type"] == "response.create"
        assert line.add("u") == [True, True]

    def test_one_whose_sound_is_not_ours_is_told_as_lost(self):
        line = Line(VAD)
        line.hear("input_audio_buffer.committed", item_id="u")
        assert told(line.cut()) == ["response.create"]
        assert list(lost(line.report())) == ["u"]

    def test_a_turn_committed_after_its_item_was_told_is_not_said_twice(self):
        line = Line(VAD)
        line.append(100)
        line.add("u", content=[{"type": "input_audio"}])
        line.hear("input_audio_buffer.committed", item_id="u")
        assert told(line.cut()) == ["u", "response.create"]

    @pytest.mark.parametrize("by", ["speech_stopped", "timeout_triggered"])
    def test_the_rest_behind_a_turn_is_heard_again_and_no_more(self, by):
        line = Line(VAD_WRITTEN)
        line.append(1000)
        line.hear(f"input_audio_buffer.{by}", audio_start_ms=0, audio_end_ms=800, item_id="u")
        line.hear("input_audio_buffer.committed", item_id="u")
        line.add("u", content=[{"type": "input_audio", "transcript": None}])
        item, rest, create = line.cut()
        assert len(sound_in(item)) == 800 * 48 * 4 // 3
        assert (len(rest["audio"]), create["type"]) == (200 * 48 * 4 // 3, "response.create")

    def test_a_server_that_does_not_say_where_a_turn_ended_does_not_hear_it_twice(self):
        line = Line(VAD)
        line.append(1000)
        line.hear("input_audio_buffer.committed", item_id="u")
        line.add("u", content=[{"type": "input_audio", "transcript": None}])
        assert told(line.cut()) == ["u", "response.create"]

    def test_telephone_sound_is_counted_as_such(self):
        line = Line({"audio": {"input": {"format": {"type": "audio/pcmu"}, "turn_detection": {"type": "server_vad"}}}})
        line.append(500, 1, bytes_per_ms=8)
        line.append(500, 2, bytes_per_ms=8)
        line.turn("u", 500)
        item, rest, _ = line.cut()
        assert (sound_in(item), rest["audio"]) == tuple(b64encode(bytes([by]) * 4000).decode() for by in (1, 2))

    def test_a_commit_of_the_servers_is_no_answer_to_ours(self):
        line = Line(VAD)
        line.append(1000)
        line.hear("input_audio_buffer.speech_stopped", audio_end_ms=500, item_id="u")
        line.say("input_audio_buffer.commit")
        line.hear("input_audio_buffer.committed", item_id="u")
        assert line.journal.unanswered == 1

    @pytest.mark.parametrize("when", ["early", "late", "never"])
    def test_a_transcript_makes_text_of_a_turn(self, when):
        line = Line(VAD_WRITTEN)
        line.append(100)
        if when == "early":
            transcribed(line, "u", "hello")
        line.turn("u", 100)
        if when == "late":
            transcribed(line, "u", "hello")
        message = line.cut()[0]
        assert message["item"]["content"][0]["type"] == ("input_audio" if when == "never" else "input_text")

    def test_sound_that_is_no_base64_harms_nobody(self):
        line = Line(VAD)
        line.say("input_audio_buffer.append", audio="A")
        line.append(100)
        line.turn("u", 100)
        assert told(line.cut())[0] == "u"

    def test_what_has_been_translated_is_not_translated_again(self):
        line = Line({"type": "translation"})
        for _ in range(4):
            line.say("session.input_audio_buffer.append", audio=b64encode(bytes(200 * 48)).decode())
        line.hear("session.output_audio.delta", delta="AAAA", elapsed_ms=600)
        assert told(line.cut()) == ["session.input_audio_buffer.append"]


class TestLostSound:
    def test_is_told_once_even_if_a_server_went_before_that(self):
        line = Line()
        for _ in range(610):
            line.append(100)
        line.cut()
        line.cut()
        assert line.report().audio_lost_ms == 1000
        line.cut()
        assert line.report().audio_lost_ms == 0

    @pytest.mark.parametrize("session", [VAD, {"type": "translation"}], ids=["vad", "translation"])
    def test_hours_of_silence_are_none(self, session):
        line = Line(session)
        name = "session.input_audio_buffer.append" if session is not VAD else "input_audio_buffer.append"
        for _ in range(1000):
            line.say(name, audio="AAAA" * 1600)
        assert len(line.cut()) == 50
        assert line.report().audio_lost_ms == 0


class TestBetweenTurns:
    def test_a_quiet_line_is(self):
        assert Line().journal.between_turns

    @pytest.mark.parametrize(
        "under_way",
        [
            ("input_audio_buffer.speech_started", {"item_id": "u"}),
            ("input_audio_buffer.speech_stopped", {"item_id": "u"}),
            ("input_audio_buffer.committed", {"item_id": "u"}),
            ("response.created", {"response": {"id": "r"}}),
        ],
        ids=lambda event: event[0],
    )
    def test_while_a_server_is_busy_it_is_not(self, under_way):
        line = Line(VAD)
        line.hear(under_way[0], **under_way[1])
        assert not line.journal.between_turns

    @pytest.mark.parametrize("name", ["conversation.item.retrieve", "response.create", "response.cancel"])
    def test_while_a_question_waits_it_is_not(self, name):
        line = Line()
        line.say(name, item_id="a")
        assert not line.journal.between_turns

    def test_with_sound_that_no_turn_was_made_of_it_is_only_where_turns_are_detected(self):
        for session, moves in [(VAD, True), (PUSH_TO_TALK, False)]:
            line = Line(session)
            line.append(100)
            assert line.journal.between_turns == moves

    @pytest.mark.parametrize("end", ["completed", "failed"])
    def test_a_transcript_is_waited_for_until_it_comes_or_fails(self, end):
        line = Line(VAD_WRITTEN)
        line.append(100)
        line.turn("u", 100)
        line.hear("response.created", response={"id": "r"})
        line.hear("response.done", response={"id": "r"})
        assert not line.journal.between_turns
        line.hear(f"conversation.item.input_audio_transcription.{end}", item_id="u", transcript="x")
        assert line.journal.between_turns

    @pytest.mark.parametrize("end", ["clear", "commit", "no detection"])
    def test_speech_whose_end_never_comes_does_not_stand_in_the_way(self, end):
        line = Line(VAD)
        line.hear("input_audio_buffer.speech_started", audio_start_ms=0, item_id="u")
        if end == "no detection":
            line.hear("session.updated", session={"type": "realtime", **PUSH_TO_TALK})
        else:
            line.say(f"input_audio_buffer.{end}")
            line.hear("input_audio_buffer.cleared" if end == "clear" else "input_audio_buffer.committed", item_id="u")
            line.add("u")
        assert line.journal.between_turns


class TestUnsaid:
    def test_what_was_not_sent_is_not_sent_again(self):
        line = Line()
        line.append(100)
        for data in (b'{"type": "response.create"}', b'{"type": "input_audio_buffer.append", "audio": "AAAA"}'):
            message = line.journal.say(data)
            assert message is not None
            line.journal.unsay(message)
        assert told(line.cut()) == ["input_audio_buffer.append"]


def test_thousands_of_unanswered_items_cost_no_more_each_than_a_few():
    def cost(count: int) -> float:
        line = Line()
        for number in range(count):
            line.write(f"i{number}", **({"previous_item_id": f"i{number - 1}"} if number else {}))
        began = process_time()
        line.cut()
        for number in range(count):
            line.add(f"i{number}", f"i{number - 1}" if number else None)
        line.cut()
        return (process_time() - began) / count

    cost(50)
    assert min(cost(2000) for _ in range(2)) < 8 * min(cost(100) for _ in range(10))
