"""What ``update_session`` takes, and what becomes of an update that is refused: it is taken back, and nothing else."""

import logging
import sys
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference_peer import PATIENCE, Peer, error, exactly, session_created

from reelthyme_sync import InvalidEvent, RealtimeClient, RequestRefused, Session, connect, endpoints, schema
from reelthyme_sync.client.patches import patch_of
from reelthyme_sync.client.updates import Updates
from reelthyme_sync.codec import unstructure
from reelthyme_sync.events import ErrorDetail, RealtimeSession, TranscriptionSession, UnknownPart
from reelthyme_sync.testing import ScriptedTransport

Wire = dict[str, Any]


def the_update(peer: Peer, count: int) -> Wire:
    """The how-manieth ``session.update``, with its ``event_id``."""
    return peer.transport.wait_sent("session.update", count=count)


def refusal(update: Wire, param: str | None = None) -> Wire:
    wire = error("no", code="invalid_value", about=update["event_id"])
    wire["error"]["param"] = param
    return wire


@pytest.fixture
def peer():
    with Peer() as peer:
        yield peer


@pytest.fixture
def busy_switching():
    """Threads take turns after every few instructions."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


# --- what is taken ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "fields", "patch"),
    [
        ({"voice": "cedar"}, {}, {"audio": {"output": {"voice": "cedar"}}}),
        ({"turn_detection": {"type": "none"}}, {}, {"audio": {"input": {"turn_detection": None}}}),
        ({"instructions": "a"}, {"instructions": "b"}, {"instructions": "b"}),
        ({"audio": {"output": {"voice": "a"}}}, {"speed": 1.5}, {"audio": {"output": {"voice": "a", "speed": 1.5}}}),
        (RealtimeSession(instructions="a"), {}, {"type": "realtime", "instructions": "a"}),
        (UnknownPart(raw={"voice": "Ara"}), {}, {"voice": "Ara"}),
        ({}, {"reasoning": {"effort": "low"}}, {"reasoning": {"effort": "low"}}),
    ],
)
def test_names_find_their_places(given: Any, fields: Any, patch: Wire):
    assert patch_of(given, fields) == patch


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"instruction": "x"}, "a session has no setting instruction; did you mean instructions?"),
        ({"modalities": ["text"]}, "a session has no setting modalities; did you mean output_modalities?"),
        (
            {"max_response_output_tokens": 7},
            "a session has no setting max_response_output_tokens; did you mean max_output_tokens?",
        ),
        ({"temperature": 1}, "a session has no setting temperature; there is no temperature any more"),
        ({"turn_detections": None}, "a session has no setting turn_detections; did you mean turn_detection?"),
        ({"audio": {"inputs": {}}}, "a session has no setting audio.inputs; did you mean input?"),
        ({"audio": {"output": {"voices": "a"}}}, "a session has no setting audio.output.voices; did you mean voice?"),
        ({"id": "sess_1"}, "the id of a session is the server's to say"),
    ],
)
@pytest.mark.parametrize("as_fields", [True, False])
def test_a_name_that_no_session_has_is_refused_where_it_is_written(given: Any, message: str, as_fields: bool):
    client = RealtimeClient()
    with pytest.raises(TypeError, match=exactly(message)):
        client.update_session(**given) if as_fields else client.update_session(given)
    client.update_session()


@pytest.mark.parametrize("fields", [{"turn_detection": "servr_vad"}, {"input_audio_noise_reduction": "far"}])
def test_a_word_that_stands_for_nothing_is_refused_where_it_is_written(fields: Any):
    with pytest.raises(ValueError, match="is one of"):
        RealtimeClient().update_session(**fields)


# --- what is refused --------------------------------------------------------------------------------------------


def test_what_the_server_refuses_is_wanted_no_more(peer):
    peer.client.update_session(instructions="Be brief.")
    peer.client.update_session(voice="alloy")
    peer.says(refusal(the_update(peer, 2), "session.audio.output.voice"))
    peer.client.add_tool({"name": "clock"}, lambda _: 12)
    last = the_update(peer, 3)["session"]
    assert "audio" not in last
    assert last["instructions"] == "Be brief."
    assert [tool["name"] for tool in last["tools"]] == ["clock"]


def test_what_was_refused_with_it_is_said_again(peer):
    """Each update says all that is wanted: one that was under way already is refused for what is at fault before it."""
    peer.client.update_session(voice="alloy")
    peer.client.update_session(instructions="Be brief.")
    peer.client.add_tool({"name": "clock"}, lambda _: 12)
    for count in (1, 2, 3):
        peer.says(refusal(the_update(peer, count), "session.audio.output.voice"))
    last = the_update(peer, 4)["session"]
    assert "audio" not in last
    assert last["instructions"] == "Be brief."
    assert [tool["name"] for tool in last["tools"]] == ["clock"]
    assert peer.sent_types() == ["session.update"] * 4


def test_a_refusal_of_something_else_changes_nothing(peer):
    peer.client.update_session(voice="alloy")
    peer.says(error("no", about="evt_of_somebody"), error("no"))
    peer.client.update_session()
    assert the_update(peer, 2)["session"]["audio"] == {"output": {"voice": "alloy"}}
    assert peer.sent_types() == ["session.update"] * 2


def test_of_what_was_wanted_before_connecting_only_what_is_at_fault_is_taken_back():
    transport = ScriptedTransport()
    client = RealtimeClient(Session(transport))
    client.update_session(instructions="Be brief.")
    client.update_session(turn_detection={"type": "servr_vad"})
    client.connect()
    first = transport.wait_sent("session.update")
    transport.push(refusal(first, "session.audio.input.turn_detection.type"))
    second = transport.wait_sent("session.update", count=2)
    client.disconnect()
    assert second["session"] == {"type": "realtime", "instructions": "Be brief."}


def test_a_setting_that_cannot_be_sent_is_forgotten_and_so_is_a_tool():
    transport = ScriptedTransport()
    client = RealtimeClient(Session(transport, outgoing=schema.validate))
    client.connect()
    with pytest.raises(InvalidEvent, match="speed"):
        client.update_session(speed=7)
    with pytest.raises(InvalidEvent):
        client.add_tool({"name": "clock", "parameters": {"type": "object", "x": float("nan")}}, lambda _: 12)
    assert client.update_session(instructions="Be brief.") is True
    assert client.add_tool({"name": "clock"}, lambda _: 12)
    update = transport.wait_sent("session.update", count=2)
    client.disconnect()
    assert "audio" not in update["session"]
    assert len(transport.sent) == 2


def test_a_refused_setting_is_not_told_to_the_next_connection(realtime_server):
    client = RealtimeClient(url=realtime_server.url)
    client.on("error", lambda _: None)
    with client:
        client.say("Hello!").wait(PATIENCE)
        client.update_session(voice="alloy")
        assert client.wait_for_next("error", PATIENCE).error.code == "cannot_update_voice"
    with client:
        updated = client.wait_for_next("server.session.updated", PATIENCE)
        assert updated.session.audio.output.voice == "marin"


@given(
    bad=st.lists(st.booleans(), min_size=1, max_size=6),
    named=st.booleans(),
    late=st.booleans(),
)
def test_whatever_is_refused_and_when_the_server_ends_with_all_that_is_good(bad, named, late):
    """A server that takes an update as a whole or refuses it, and answers at once or after the last.

    Where it answers late and names no parameter, what was said meanwhile is refused together.
    """
    updates, known = Updates({"instructions": ""}), {}
    waiting: list[Wire] = []

    def send() -> None:
        if (update := updates.update("realtime", ())) is not None:
            waiting.append(unstructure(update))

    def answer() -> None:
        while waiting:
            update = waiting.pop(0)
            fault = next((name for name, value in update["session"].items() if value == "bad"), None)
            if fault is None:
                known.update(update["session"])
                continue
            detail = ErrorDetail(
                type="", message="", event_id=update["event_id"], param=f"session.{fault}" if named else None
            )
            if updates.refused(detail, "realtime"):
                send()

    for number, is_bad in enumerate(bad):
        updates.add({f"field{number}": "bad" if is_bad else "good"})
        send()
        if not late:
            answer()
    answer()
    good = {f"field{number}": "good" for number, is_bad in enumerate(bad) if not is_bad}
    told = {name: value for name, value in known.items() if name.startswith("field")}
    assert told == {name: value for name, value in updates.settings.wanted.items() if name.startswith("field")}
    assert told == good or (late and not named and told.items() <= good.items())


def test_changes_of_several_threads_are_all_wanted_and_the_last_update_has_them_all(busy_switching):
    changes: list[Any] = [{"instructions": "a"}, {"max_output_tokens": 7}, {"tool_choice": "none"}, {"voice": "cedar"}]
    for _ in range(20):
        with Peer() as peer:
            start = threading.Barrier(len(changes))

            def change(fields: Any, start: threading.Barrier = start, peer: Peer = peer) -> None:
                start.wait(PATIENCE)
                peer.client.update_session(**fields)
                # no builtin: its signature would be parsed, which CPython 3.11 cannot do on several threads at once
                peer.client.add_tool({"name": next(iter(fields))}, lambda _: None)

            threads = [threading.Thread(target=change, args=[fields]) for fields in changes]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(PATIENCE)
            last = peer.sent()[-1]["session"]
        assert {tool["name"] for tool in last.pop("tools")} == {next(iter(fields)) for fields in changes}
        assert last.pop("audio") == {"output": {"voice": "cedar"}}
        assert last == {"type": "realtime", "instructions": "a", "max_output_tokens": 7, "tool_choice": "none"}


def test_what_was_good_for_the_last_server_is_taken_back_if_the_next_one_refuses_it():
    updates = Updates({"instructions": ""})
    updates.add({"voice": "cedar"})
    updates.update("realtime", ())
    updates.begin()
    opening = updates.update("realtime", ())
    assert opening is not None
    assert updates.refused(ErrorDetail(event_id=str(opening.event_id), param="session.voice"), "realtime") is True
    assert updates.settings.wanted == {"instructions": ""}


def test_a_wait_counts_from_the_update_and_ends_when_that_is_refused(peer):
    def says_so(instructions: str) -> Wire:
        return {"type": "session.updated", "session": {"type": "realtime", "instructions": instructions}}

    told = [threading.Event(), threading.Event()]
    peer.client.on("server.session.updated", lambda event: told[int(event.session.instructions)].set())
    peer.transport.push(says_so("0"))
    assert told[0].wait(PATIENCE)
    peer.client.update_session(instructions="1")
    peer.transport.push(says_so("1"))
    assert told[1].wait(PATIENCE)
    assert peer.client.wait_for_next("server.session.updated", PATIENCE).session.instructions == "1"
    peer.client.update_session(voice="alloy")
    peer.transport.push(refusal(the_update(peer, 2)))
    with pytest.raises(RequestRefused):
        peer.client.wait_for_next_item(PATIENCE)


# --- what a session is for --------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["intent", "url", "endpoint", "session", "session-that-has-not-said"])
def test_a_transcription_session_is_told_its_settings_as_one(realtime_server, how):
    url = realtime_server.url
    if how == "intent":
        client = RealtimeClient(url=url, intent="transcription")
    elif how == "url":
        client = RealtimeClient(url=f"{url}?intent=transcription")
    elif how == "endpoint":
        client = RealtimeClient(endpoint=endpoints.relay(url, intent="transcription"))
    else:
        session = connect(url=url, intent="transcription")
        if how == "session":
            session.receive(PATIENCE)
        client = RealtimeClient(session)
    client.on("error", lambda _: None)
    client.update_session(input_audio_transcription="whisper-1")
    with client:
        updated = client.wait_for_next("server.session.updated", PATIENCE).session
    assert isinstance(updated, TranscriptionSession)
    assert updated.audio.input.transcription.model == "whisper-1"


def test_a_session_that_says_what_it_is_for_is_believed():
    transport = ScriptedTransport()
    client = RealtimeClient(Session(transport), intent="transcription")
    transport.push(session_created())
    with client:
        client.wait_for_session_created(PATIENCE)
        client.update_session(instructions="Be brief.")
        assert transport.wait_sent("session.update")["session"]["type"] == "realtime"


# --- what nobody takes ------------------------------------------------------------------------------------------


def test_an_error_of_the_server_that_nobody_takes_is_on_the_log_without_its_words(peer, caplog):
    with caplog.at_level(logging.WARNING, "reelthyme_sync"):
        wire = error("The secret word is plum.", code="invalid_value")
        wire["error"]["param"] = "session.voice"
        peer.says(wire)
        (record,) = caplog.records
        assert "invalid_value" in record.getMessage()
        assert "session.voice" in record.getMessage()
        assert "plum" not in caplog.text


@pytest.mark.parametrize("name", ["error", "server.error", "server.*", "realtime.event"])
def test_an_error_that_a_handler_takes_is_not(peer, caplog, name):
    peer.client.on(name, lambda _: None)
    peer.says(error("no"))
    assert caplog.records == []
