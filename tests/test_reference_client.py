"""The reference client's behaviours 36 to 55: tools, settings, what is sent and told. L5, L6 and L10 with them."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
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
    error,
    exactly,
    item_done,
    output,
    session_created,
    sound,
    speech_started,
    speech_stopped,
    spoken,
    transcribed,
    user,
)

from reelthyme_sync import Session
from reelthyme_sync.client import RealtimeClient, RealtimeEvent
from reelthyme_sync.conversation import ConversationItem, Delta, Update
from reelthyme_sync.errors import RequestRefused
from reelthyme_sync.events import InputAudioBufferAppend, RealtimeSession
from reelthyme_sync.pcm import decode_base64, encode_base64, ms_to_bytes
from reelthyme_sync.testing import PATIENCE, ScriptedTransport
from reelthyme_sync.tools import Tool

TONE = (np.arange(24_000, dtype="<i2") % 999).tobytes()
"""A second in which no two neighbours are equal."""

CLOCK = {"name": "clock", "description": "The time.", "parameters": {"type": "object", "properties": {}}}

FUNCTION_CLOCK = {"type": "function", **CLOCK}


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Peer() as peer:
        yield peer


def outputs(sent: list[Wire]) -> dict[str, Any]:
    """The outputs of calls among what was sent, by the id of the call."""
    items = [each["item"] for each in sent if each["type"] == "conversation.item.create"]
    return {item["call_id"]: json.loads(item["output"]) for item in items if item["type"] == "function_call_output"}


def told_of(client: RealtimeClient, *names: str) -> list[tuple[str, Any]]:
    """Grows with whatever happens of these names."""
    told: list[tuple[str, Any]] = []
    for name in names:
        client.on(name, lambda payload, name=name: told.append((name, payload)))
    return told


# --- F. tools ---------------------------------------------------------------------------------------------------


def test_36_add_tool_refuses_what_is_none_and_tells_the_session_of_what_is(peer):
    with pytest.raises(ValueError, match=exactly("Missing tool name in definition")):
        peer.client.add_tool({"description": "The time."}, lambda _: 12)
    with pytest.raises(TypeError, match=exactly('Tool "clock" handler must be a function')):
        peer.client.add_tool(CLOCK, "no function")  # type: ignore[arg-type]
    assert peer.sent() == []
    made = peer.client.add_tool(CLOCK, lambda _: 12)
    assert isinstance(made, Tool)
    assert made.declaration.name == "clock"
    (update,) = peer.sent()
    assert update == {"type": "session.update", "session": {"type": "realtime", "tools": [FUNCTION_CLOCK]}}
    refusal = 'Tool "clock" already added. Please use .remove_tool("clock") before trying to add again.'
    with pytest.raises(ValueError, match=exactly(refusal)):
        peer.client.add_tool(CLOCK, lambda _: 12)
    assert peer.sent() == []


def test_37_and_l05_remove_tool_tells_the_session_too(peer):
    """In the reference the server goes on offering a tool that was removed, until the next update."""
    with pytest.raises(ValueError, match=exactly('Tool "clock" does not exist, can not be removed.')):
        peer.client.remove_tool("clock")
    peer.client.add_tool(CLOCK, lambda _: 12)
    peer.sent()
    assert peer.client.remove_tool("clock") is True
    (update,) = peer.sent()
    assert update["session"]["tools"] == []
    peer.client.update_session(instructions="Be brief.")
    peer.client.add_tool(CLOCK, lambda _: 12)  # there is room for it again
    peer.client.remove_tool("clock")
    *_, update = peer.sent()
    assert update["session"]["tools"] == []


def test_38_a_call_is_answered_with_what_the_function_gives_and_then_the_model_goes_on(peer):
    """The reference asks for a response after each call, the second of which is refused; here once, after the last."""
    given: list[Any] = []
    peer.client.add_tool(CLOCK, lambda arguments: given.append(arguments) or {"hour": 12})
    peer.sent()
    asked = call("i1", "clock", '{"zone": "CET"}')
    peer.says(added(call("i1", "clock", "", status="in_progress")), begun(), item_done(asked), ended(asked))
    peer.transport.wait_sent("response.create")
    create, respond = peer.sent()
    assert create["item"] == {"type": "function_call_output", "call_id": "c1", "output": '{"hour":12}'}
    assert respond == {"type": "response.create"}
    assert given == [{"zone": "CET"}]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [("{}", "ValueError: no such city"), ("{", "JSON"), ("[]", "object")],
    ids=["raises", "no-json", "no-object"],
)
def test_38_whatever_goes_wrong_is_told_to_the_model_which_goes_on(peer, arguments, told):
    def fails(_: object) -> None:
        raise ValueError("no such city")

    peer.client.add_tool(CLOCK, fails)
    asked = call("i1", "clock", arguments)
    peer.says(begun(), item_done(asked), ended(asked))
    peer.transport.wait_sent("response.create")
    assert told in outputs(peer.sent())["c1"]["error"]


def test_39_a_function_that_is_only_declared_is_the_applications_to_run(peer):
    """In the reference such a call is answered with an error; here, as its documents say, by you."""
    peer.client.update_session(tools=[FUNCTION_CLOCK])
    peer.sent()
    asked = call("i1", "clock", "{}")
    peer.says(begun(), item_done(asked), ended(asked))
    assert peer.sent() == []
    assert peer.client.send_tool_output("c1", '{"hour": 12}') is True
    peer.client.create_response()
    assert peer.sent_types() == ["conversation.item.create", "response.create"]


@pytest.mark.parametrize(("call_status", "status"), [("incomplete", "cancelled"), ("incomplete", "incomplete")])
def test_40_a_call_that_was_cut_off_is_not_run(peer, call_status, status):
    """The reference runs it, with half of its arguments."""
    ran: list[Any] = []
    peer.client.add_tool(CLOCK, ran.append)
    peer.sent()
    cut = call("i1", "clock", '{"zo', status=call_status)
    whole = call("i2", "clock", "{}", call_id="c2")
    peer.says(begun(), item_done(cut), ended(cut, status=status), begun("r2"), item_done(whole, "r2"))
    peer.says(ended(whole, response_id="r2"))
    peer.transport.wait_sent("response.create")
    assert outputs(peer.sent()).keys() == {"c2"}
    assert ran == [{}]


def test_l06_one_response_after_the_last_output_and_after_the_end_of_the_one_that_called(peer):
    slow = threading.Event()
    peer.client.add_tool({"name": "slow"}, lambda _: slow.wait(PATIENCE))
    peer.client.add_tool({"name": "quick"}, lambda _: 2)
    peer.sent()
    first = call("i1", "slow", "{}", call_id="c1")
    second = call("i2", "quick", "{}", call_id="c2")
    peer.says(begun(), item_done(first), item_done(second))
    peer.transport.wait_sent("conversation.item.create")
    slow.set()
    peer.transport.wait_sent("conversation.item.create", count=2)
    answers = peer.sent()
    assert outputs(answers) == {"c1": True, "c2": 2}
    assert len(answers) == 2  # the response that called is not done yet
    peer.says(ended(first, second))
    assert peer.sent_types() == ["response.create"]
    peer.says(begun("r2"), ended(response_id="r2"))
    assert peer.sent_types() == []  # nor does another one wait for its end


# --- G. the session ---------------------------------------------------------------------------------------------


def test_41_update_session_changes_what_is_given_and_puts_added_tools_last(peer):
    """In the reference a refused update is half made; here nothing has changed."""
    mine = {"type": "function", "name": "mine"}
    peer.client.add_tool(CLOCK, lambda _: 12)
    peer.client.update_session(instructions="Be brief.", turn_detection="semantic_vad", tools=[mine])
    peer.client.update_session(turn_detection=None)
    peer.client.update_session(RealtimeSession(max_output_tokens=7))
    *_, last = peer.sent()
    expected = {
        "type": "realtime",
        "instructions": "Be brief.",
        "max_output_tokens": 7,
        "audio": {"input": {"turn_detection": None}},
        "tools": [mine, FUNCTION_CLOCK],
    }
    assert last["session"] == expected
    with pytest.raises(ValueError, match=exactly('Tool "clock" has already been defined')):
        peer.client.update_session(instructions="Be long.", tools=[FUNCTION_CLOCK])
    assert peer.sent() == []
    peer.client.update_session()
    (same,) = peer.sent()
    assert same["session"] == expected


def test_42_tools_that_were_declared_stay_until_others_are(peer):
    """In the reference they are gone from the next update that does not name them again."""
    peer.client.update_session(tools=[FUNCTION_CLOCK])
    peer.client.update_session(instructions="Be brief.")
    peer.client.update_session(tools=[{"type": "function", "name": "other"}])
    tools = [[tool["name"] for tool in update["session"]["tools"]] for update in peer.sent()]
    assert tools == [["clock"], ["clock"], ["other"]]


def test_43_update_session_sends_only_when_connected_and_is_true_anyhow():
    transport = ScriptedTransport()
    client = RealtimeClient(Session(transport))
    assert client.update_session(instructions="Be brief.") is True
    assert transport.sent == []
    client.connect()
    assert client.update_session(voice="cedar") is True
    first, second = transport.wait_sent("session.update"), transport.wait_sent("session.update", count=2)
    client.disconnect()
    assert client.update_session(voice="marin") is True
    assert first["session"] == {"type": "realtime", "instructions": "Be brief."}
    assert second["session"] == {**first["session"], "audio": {"output": {"voice": "cedar"}}}
    assert len(transport.sent) == 2


# --- H. input and responses -------------------------------------------------------------------------------------


def test_44_a_users_message_is_sent_without_changing_what_was_given_and_a_response_asked_for(peer):
    """The reference puts base64 into the caller's objects."""
    samples = np.array([1, -2, 3], "<i2")
    content = [
        {"type": "input_text", "text": "Hello!"},
        {"type": "input_audio", "audio": samples},
        {"type": "input_audio", "audio": encode_base64(b"\1\0")},
        {"type": "input_audio", "audio": np.array([1.0, -1.0], np.float32)},
    ]
    assert peer.client.send_user_message_content(content) is True
    create, respond = peer.sent()
    assert (create["item"]["type"], create["item"]["role"]) == ("message", "user")
    text, *sounds = create["item"]["content"]
    assert text == {"type": "input_text", "text": "Hello!"}
    assert [np.frombuffer(decode_base64(part["audio"]), "<i2").tolist() for part in sounds] == [
        [1, -2, 3],
        [1],
        [32767, -32768],
    ]
    assert respond == {"type": "response.create"}
    assert content[1]["audio"] is samples
    peer.says(begun(), ended())
    assert peer.client.send_user_message_content() is True
    assert peer.sent_types() == ["response.create"]


def test_45_sound_is_appended_in_pieces_as_it_comes_and_no_sound_is_nothing(peer):
    assert peer.client.append_input_audio(b"") is True
    assert peer.client.append_input_audio(np.array([], "<i2")) is True
    assert peer.sent() == []
    for piece in (TONE, np.frombuffer(TONE, "<i2"), bytearray(TONE)):
        assert peer.client.append_input_audio(piece) is True
        (append,) = peer.sent()
        assert append == {"type": "input_audio_buffer.append", "audio": encode_base64(TONE)}


def test_l10_the_sound_that_was_sent_is_not_kept_without_bound(peer):
    """In the reference, with turn detection, it is kept to the end of the session."""
    import tracemalloc

    minute = InputAudioBufferAppend(audio=encode_base64(bytes(ms_to_bytes(60_000))))
    tracemalloc.start()
    for _ in range(20):
        peer.client.conversation.note_sent(minute)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 20 * ms_to_bytes(60_000) / 2


def test_46_create_response_ends_the_users_turn_if_the_service_does_not(peer):
    peer.says(session_created(audio={"input": {"turn_detection": None}}))
    peer.client.append_input_audio(TONE)
    assert peer.client.create_response() is True
    assert peer.sent_types() == ["input_audio_buffer.append", "input_audio_buffer.commit", "response.create"]
    peer.client.create_response()  # before the server has said that it is committed
    assert peer.sent_types() == []  # and waits for its turn
    peer.says(committed("i1"), added(spoken("i1")), begun(), ended())
    assert peer.sent_types() == ["response.create"]
    peer.says(begun("r2"), ended(response_id="r2"))
    item = peer.client.conversation.get_item("i1")
    assert item.formatted.pcm == TONE
    peer.client.create_response()
    assert peer.sent_types() == ["response.create"]  # there is nothing that is not committed
    peer.says(begun("r3"), ended(response_id="r3"))

    peer.client.update_session(turn_detection="server_vad")
    peer.client.append_input_audio(TONE)
    peer.client.create_response()
    assert peer.sent_types() == ["session.update", "input_audio_buffer.append", "response.create"]


def test_46_what_is_too_short_for_a_turn_is_not_committed_and_waits_for_more(peer):
    """The reference commits it, which the service refuses below 100 ms."""
    peer.client.append_input_audio(TONE[: ms_to_bytes(99)])
    peer.client.create_response()
    assert "input_audio_buffer.commit" not in peer.sent_types()
    peer.says(begun(), ended())
    peer.client.append_input_audio(TONE[: ms_to_bytes(1)])
    peer.client.create_response()
    assert "input_audio_buffer.commit" in peer.sent_types()


def test_47_cancel_response_stops_what_is_under_way(peer):
    """The reference sends it in any case, and the service refuses it when there is nothing to cancel."""
    assert peer.client.cancel_response() is None
    assert peer.sent() == []
    peer.says(begun("r1"))
    assert peer.client.cancel_response() is None
    assert peer.sent() == [{"type": "response.cancel", "response_id": "r1"}]


def test_47_cancel_response_cuts_the_item_at_the_sample_that_was_heard(peer):
    peer.says(begun(), added(assistant("i1")), delta("output_text", "i1", "Hm.", content_index=0))
    peer.says(sound("i1", TONE, content_index=1))
    item = peer.client.cancel_response("i1", 12_005)
    assert isinstance(item, ConversationItem)
    assert item.id == "i1"
    cut = {"type": "conversation.item.truncate", "item_id": "i1", "content_index": 1, "audio_end_ms": 500}
    assert peer.sent() == [{"type": "response.cancel", "response_id": "r1"}, cut]
    peer.client.cancel_response("i1", 10**9)
    assert peer.sent() == [{**cut, "audio_end_ms": 1000}]  # never past the end, which the service refuses


@pytest.mark.parametrize(
    ("item_id", "refusal"),
    [
        ("nobody", 'Could not find item "nobody"'),
        ("call", 'Can only cancel_response messages with type "message"'),
        ("user", 'Can only cancel_response messages with role "assistant"'),
        ("silent", "Could not find audio on item to cancel"),
    ],
)
def test_47_what_cannot_be_cut_is_refused_before_anything_is_sent(peer, item_id, refusal):
    """The reference finds out that there is no sound when it has cancelled the response already."""
    peer.says(added(call("call", "clock", "{}")), added(user("user")), begun(), added(assistant("silent")))
    with pytest.raises(ValueError, match=exactly(refusal)):
        peer.client.cancel_response(item_id, 5)
    assert peer.sent() == []


def quick(sent: Wire) -> list[Wire]:
    """A server that has answered before the call returns."""
    if sent["type"] == "conversation.item.create":
        return [added(user("i1")), done(user("i1"))]
    if sent["type"] == "response.create":
        said = assistant("i2", "Hi.")
        return [begun(), added(assistant("i2")), item_done(said), done(said), ended(said)]
    return []


def test_48_a_wait_finds_the_item_although_it_came_before_the_wait():
    """In the reference nothing can come in between; here a wait counts from what its thread did last."""
    transport = ScriptedTransport(quick)
    client = RealtimeClient(Session(transport))
    closed = threading.Event()
    client.on("reply", lambda _: closed.set())
    client.connect()
    client.send_user_message_content(["Hello!"])
    assert closed.wait(PATIENCE)  # all has come, and its handlers have been told
    first, second = client.wait_for_next_item(PATIENCE), client.wait_for_next_item(PATIENCE)
    assert [(item.id, item.role, item.status) for item in (first, second)] == [
        ("i1", "user", "completed"),
        ("i2", "assistant", "in_progress"),
    ]
    assert second.formatted.transcript == ""  # as it was when it came
    with pytest.raises(TimeoutError):
        client.wait_for_next_item(timeout=0.01)
    client.disconnect()


def test_48_an_item_that_is_complete_is_waited_for_likewise():
    client = RealtimeClient(Session(ScriptedTransport(quick)))
    client.connect()
    client.send_user_message_content(["Hello!"])
    assert client.wait_for_next_completed_item(PATIENCE).id == "i1"
    second = client.wait_for_next_completed_item(PATIENCE)
    assert (second.id, second.formatted.transcript) == ("i2", "Hi.")
    with pytest.raises(TimeoutError):
        client.wait_for_next_completed_item(timeout=0.01)
    client.disconnect()


def test_48_a_wait_ends_when_the_server_refuses_what_was_asked_for():
    """The reference waits for ever."""
    refuse = lambda sent: [error("No.", about=sent["event_id"])] if "item" in sent else []  # noqa: E731
    client = RealtimeClient(Session(ScriptedTransport(refuse)))
    client.connect()
    client.send_user_message_content(["Hello!"])
    with pytest.raises(RequestRefused, match=r"No\."):
        client.wait_for_next_item(PATIENCE)
    client.disconnect()


# --- I. what is told --------------------------------------------------------------------------------------------


def test_49_realtime_event_tells_of_both_sides_with_the_time_after_the_handlers_of_each(peer):
    names = ("server.response.created", "conversation.interrupted", "server.*", "client.x", "client.*")
    told = told_of(peer.client, *names, "realtime.event")
    peer.client.realtime.send("x")
    peer.says(begun(), speech_started("i1"))
    seen = [
        (name, payload.event.type if name == "realtime.event" else getattr(payload, "type", None))
        for name, payload in told
        if "test." not in (payload.event.type if isinstance(payload, RealtimeEvent) else getattr(payload, "type", ""))
    ]
    assert seen == [
        ("client.x", "x"),
        ("client.*", "x"),
        ("realtime.event", "x"),
        ("server.response.created", "response.created"),
        ("server.*", "response.created"),
        ("realtime.event", "response.created"),
        ("conversation.interrupted", None),
        ("server.*", "input_audio_buffer.speech_started"),
        ("realtime.event", "input_audio_buffer.speech_started"),
    ]
    events = [payload for _, payload in told if isinstance(payload, RealtimeEvent)]
    assert {(each.event.type, each.source) for each in events} > {("x", "client"), ("response.created", "server")}
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", each.time) for each in events)


@pytest.mark.parametrize(
    ("event", "item_id", "piece"),
    [
        (added(user("new")), "new", None),
        (
            {
                "type": "conversation.item.truncated",
                "item_id": "said",
                "content_index": 0,
                "audio_end_ms": 5,
            },
            "said",
            None,
        ),
        ({"type": "conversation.item.deleted", "item_id": "said"}, "said", None),
        (transcribed("heard", "Hello!"), "heard", Delta(transcript="Hello!")),
        (delta("output_audio_transcript", "said", "Hi"), "said", Delta(transcript="Hi")),
        (sound("said", b"\1\0\2\0"), "said", Delta(audio=b"\1\0\2\0")),
        (delta("output_text", "said", "Hi", content_index=1), "said", Delta(text="Hi")),
        (delta("function_call_arguments", "asked", "{"), "asked", Delta(arguments="{")),
        (item_done(assistant("said", "Hi.")), "said", None),
    ],
    ids=lambda value: value.get("type") if isinstance(value, dict) else "",
)
def test_50_conversation_updated_tells_the_item_and_what_was_added(peer, event, item_id, piece):
    peer.says(begun(), added(assistant("said")), added(spoken("heard")))
    peer.says(added(call("asked", "clock", "", status="in_progress")), sound("said", TONE))
    told = told_of(peer.client, "conversation.updated")
    peer.says(event)
    ((_, update),) = told
    assert isinstance(update, Update)
    assert (update.item.id, update.delta) == (item_id, piece)


def test_50_words_for_an_item_that_is_not_known_are_not_told(peer):
    told = told_of(peer.client, "conversation.updated", "error")
    peer.says(transcribed("nobody", "Hello!"), sound("nobody", TONE), item_done(assistant("nobody", "Hi.")))
    assert told == []


def test_50_what_a_handler_was_given_does_not_change_afterwards(peer):
    """In the reference it is the cache's own object."""
    told = told_of(peer.client, "conversation.updated")
    peer.says(begun(), added(assistant("i1")))
    peer.says(*[delta("output_audio_transcript", "i1", piece) for piece in ("One", ", two", ", three")])
    words = [update.item.formatted.transcript for _, update in told]
    assert words == ["", "One", "One, two", "One, two, three"]


def test_51_appended_is_told_after_updated_once_for_each_item(peer):
    told = told_of(peer.client, "conversation.item.appended", "conversation.updated")
    peer.says(added(assistant("i1")), done(assistant("i1", "Hi.")), added(assistant("i1")))
    names = [name for name, _ in told]
    assert names[:2] == ["conversation.updated", "conversation.item.appended"]
    assert names.count("conversation.item.appended") == 1
    assert isinstance(told[1][1], ConversationItem)


def test_52_completed_is_told_once_after_appended_by_whatever_says_so_first(peer):
    told = told_of(peer.client, "conversation.item.appended", "conversation.item.completed")
    for item in (user("i1"), output("i2", "12")):
        peer.says(added(item))
        assert told[-1][0] == "conversation.item.completed"
        peer.says(done(item))
    for order in ((item_done, done), (done, item_done)):
        said = assistant(f"i{len(told)}", "Hi.")
        peer.says(begun(), added({**said, "content": [], "status": "in_progress"}))
        assert told[-1][0] == "conversation.item.appended"
        peer.says(*(each(said) for each in order), ended(said))
    assert [name for name, _ in told] == ["conversation.item.appended", "conversation.item.completed"] * 4
    assert [item.status for name, item in told if name.endswith("completed")] == ["completed"] * 4
    assert [item.id for _, item in told] == ["i1", "i1", "i2", "i2", "i4", "i4", "i6", "i6"]


def test_52_an_item_that_was_cut_off_is_not_completed(peer):
    told = told_of(peer.client, "conversation.item.completed")
    cut = {**assistant("i1", "Hi"), "status": "incomplete"}
    peer.says(begun(), added(assistant("i1")), item_done(cut), done(cut), ended(cut, status="cancelled"))
    assert told == []


def test_53_interrupted_is_told_whenever_the_user_begins_to_speak_and_can_be_waited_for(peer):
    """In the reference it has no payload, and can therefore never be waited for."""
    told = told_of(peer.client, "conversation.interrupted")
    peer.says(speech_started("i1"), speech_started("i2"))
    assert told == [("conversation.interrupted", None)] * 2
    peer.client.realtime.send("mark")
    peer.transport.push(speech_started("i3"))
    assert peer.client.wait_for_next("conversation.interrupted", PATIENCE) is None


def test_54_error_is_told_of_the_servers_and_of_yours_and_not_of_what_only_crossed(peer):
    """The reference's documents list ``error``, and nothing emits it."""
    told = told_of(peer.client, "error", "server.error")
    peer.says(error("Oops"))
    assert [(name, event.error.message) for name, event in told] == [("server.error", "Oops"), ("error", "Oops")]
    told.clear()

    def fails(_: object) -> None:
        raise LookupError

    peer.client.on_next("server.x", fails)
    peer.says({"type": "x"})
    assert [(name, type(event)) for name, event in told] == [("error", LookupError)]
    told.clear()

    peer.says(begun())
    peer.client.cancel_response()
    cancel = peer.transport.wait_sent("response.cancel")
    peer.says(ended(), error("none", code="response_cancel_not_active", about=cancel["event_id"]))
    assert told == []


def test_55_what_changes_nothing_in_an_item_is_not_told_of_the_conversation(peer):
    names = ("conversation.updated", "conversation.item.appended", "conversation.item.completed")
    peer.says(added(assistant("i1")))
    told = told_of(peer.client, *names)
    part = {"type": "output_audio", "transcript": ""}
    place = {"response_id": "r1", "item_id": "i1", "output_index": 0, "content_index": 0}
    peer.says(
        session_created(),
        {"type": "session.updated", "session": {"type": "realtime"}},
        begun(),
        {"type": "response.output_item.added", "response_id": "r1", "output_index": 0, "item": assistant("i1")},
        {"type": "response.content_part.added", **place, "part": part},
        {"type": "response.content_part.done", **place, "part": part},
        {"type": "response.output_audio.done", **place},
        speech_started("i2"),
        speech_stopped("i2", 100),
        committed("i2"),
        {"type": "input_audio_buffer.cleared"},
        {"type": "rate_limits.updated", "rate_limits": []},
        ended(),
        {"type": "newer.than.this"},
    )
    assert told == []
