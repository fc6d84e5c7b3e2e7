"""Whoever asks gets the answer to that, through all the functions that are called for it, or hears that none comes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from reference_peer import Peer, Wire, added, begun, call, done, ended, error, item_done, message, user

from reelthyme_sync import RequestCancelled, RequestRefused, Session
from reelthyme_sync.client import RealtimeClient
from reelthyme_sync.client.chronicle import KEPT
from reelthyme_sync.testing import PATIENCE, ScriptedTransport


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Peer() as peer:
        peer.says({"type": "session.created", "session": {"type": "realtime", "tools": []}})
        yield peer


def said(text: str, item_id: str = "i1") -> Wire:
    return message("assistant", item_id, {"type": "output_text", "text": text})


def answers(peer: Peer, response_id: str, *items: Wire, status: str = "completed") -> None:
    """A whole response."""
    peer.says(begun(response_id), ended(*items, response_id=response_id, status=status))


def response(response_id: str, **fields: Any) -> list[Wire]:
    """One as a server tells it that says just this."""
    wire = {"id": response_id, "output": [], **fields}
    return [
        {"type": "response.created", "response": {**wire, "status": "in_progress"}},
        {"type": "response.done", "response": {**wire, "status": "completed"}},
    ]


APPROVAL = {
    "type": "mcp_approval_request",
    "id": "mcpr_1",
    "server_label": "files",
    "name": "delete_all",
    "arguments": "{}",
}


@pytest.fixture
def slow(peer: Peer) -> Iterator[threading.Event]:
    """The assistant has called a tool, which runs until this is set."""
    go_on, began = threading.Event(), threading.Event()

    def run(_: dict[str, Any]) -> str:
        began.set()
        assert go_on.wait(PATIENCE)
        return "done"

    peer.client.add_tool({"name": "slow"}, run)
    peer.sent()
    yield go_on
    go_on.set()


# --- whose answer -----------------------------------------------------------------------------------------------


def test_an_answer_is_found_however_many_have_come_since(peer):
    pending = peer.client.say("first?")
    answers(peer, "r0", said("first"))
    for number in range(1, 2 * KEPT):
        answers(peer, f"r{number}", said("other"))
    assert pending.text(PATIENCE) == "first"


def test_after_an_interruption_the_answer_to_the_new_question_is_waited_for(peer):
    peer.client.say("one?")
    peer.says(begun("r1"))
    peer.client.say("two?", interrupt=True)
    peer.transport.push(ended(said("o"), response_id="r1", status="cancelled"), begun("r2"))
    peer.transport.push(ended(said("two"), response_id="r2"), ended(said("three"), response_id="r3"))
    assert peer.client.wait_for_reply(PATIENCE).text == "two"
    assert peer.client.wait_for_reply(PATIENCE).text == "three"


def test_a_server_that_names_no_conversation_is_waited_for_too():
    spoken = iter(["r1", "r2"])
    reply = lambda sent: response(next(spoken)) if sent["type"] == "response.create" else []  # noqa: E731
    with RealtimeClient(Session(ScriptedTransport(reply))) as client:
        assert client.say("Hello!").wait(PATIENCE).response_id == "r1"
        client.create_response()
        assert client.wait_for_reply(PATIENCE).response_id == "r2"


# --- through functions ------------------------------------------------------------------------------------------


def test_the_answer_to_what_the_service_had_to_be_allowed_is_waited_for(peer):
    peer.client.approve(lambda request: True)
    pending = peer.client.say("Delete all.")
    peer.says(begun("r1"), item_done(APPROVAL, "r1"), ended(APPROVAL, response_id="r1"))
    peer.transport.wait_sent("response.create", count=2)
    answers(peer, "r2", said("Deleted."))
    assert pending.text(PATIENCE) == "Deleted."


def test_without_an_approver_a_reply_that_asks_for_one_is_the_last(peer):
    pending = peer.client.say("Delete all.")
    answers(peer, "r1", APPROVAL)
    assert pending.wait(PATIENCE).response_id == "r1"


def test_a_function_that_nobody_has_is_answered_for_and_the_reply_follows(peer):
    pending = peer.client.say("What is the time?")
    peer.sent()
    answers(peer, "r1", call("i1", "ghost", "{}"))
    peer.transport.wait_sent("response.create", count=2)
    answer, create = peer.sent()
    assert json.loads(answer["item"]["output"]) == {"error": 'Tool "ghost" has not been added'}
    assert create["type"] == "response.create"
    answers(peer, "r2", said("I do not know."))
    assert pending.text(PATIENCE) == "I do not know."


def test_a_function_that_was_taken_away_meanwhile_is_nobodys(peer):
    peer.client.add_tool({"name": "clock"}, lambda _: 1)
    peer.says(
        {"type": "session.updated", "session": {"type": "realtime", "tools": [{"type": "function", "name": "clock"}]}}
    )
    peer.client.remove_tool("clock")
    peer.sent()
    answers(peer, "r1", call("i1", "clock", "{}"))
    peer.transport.wait_sent("response.create")
    assert "has not been added" in peer.sent()[0]["item"]["output"]


@pytest.mark.parametrize("of", ["session", "response"])
def test_a_function_that_was_declared_is_the_applications(peer, of):
    clock = {"type": "function", "name": "clock"}
    if of == "session":
        peer.client.update_session(tools=[clock])
        peer.client.create_response()
    else:
        peer.client.create_response({"tools": [clock]})
    called = call("i1", "clock", "{}")
    peer.transport.push(begun("r1"), item_done(called, "r1"), ended(called, response_id="r1"))
    assert [each.name for each in peer.client.wait_for_reply(PATIENCE).calls] == ["clock"]
    assert "conversation.item.create" not in peer.sent_types()


# --- cancelled --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["cancel_response", "interrupt", "pending.cancel"])
def test_what_is_cancelled_while_a_function_runs_does_not_go_on(peer, slow, how):
    pending = peer.client.say("Do it.")
    peer.sent()
    answers(peer, "r1", call("i1", "slow", "{}"))
    assert pending.reply is None
    {
        "cancel_response": peer.client.cancel_response,
        "interrupt": peer.client.interrupt,
        "pending.cancel": pending.cancel,
    }[how]()
    with pytest.raises(RequestCancelled):
        pending.wait(PATIENCE)
    slow.set()
    peer.transport.wait_sent("conversation.item.create", count=2)
    assert peer.sent_types() == ["conversation.item.create"]  # the output
    following = peer.client.say("And now?")
    answers(peer, "r2", said("Now."))
    assert following.text(PATIENCE) == "Now."


def test_a_reply_that_goes_on_is_cancelled_where_it_is(peer, slow):
    pending = peer.client.say("Do it.")
    answers(peer, "r1", call("i1", "slow", "{}"))
    slow.set()
    peer.transport.wait_sent("response.create", count=2)
    peer.says(begun("r2"))
    peer.sent()
    pending.cancel()
    (cancel,) = peer.sent()
    assert (cancel["type"], cancel["response_id"]) == ("response.cancel", "r2")
    peer.says(ended(said("I"), response_id="r2", status="cancelled"))
    assert (pending.wait(PATIENCE).status, pending.text(PATIENCE)) == ("cancelled", "I")


def test_a_question_that_is_cancelled_before_its_turn_is_never_sent(peer):
    peer.client.say("one?")
    pending = peer.client.say("two?")
    peer.sent()
    pending.cancel()
    with pytest.raises(RequestCancelled) as raised:
        pending.wait(PATIENCE)
    assert raised.value.error is None
    answers(peer, "r1", said("one"))
    assert peer.sent() == []


# --- refused ----------------------------------------------------------------------------------------------------


def test_a_refusal_is_told_once(peer):
    peer.client.send_user_message_content(["Hello!"])
    peer.transport.wait_sent("response.create")
    about = next(each["event_id"] for each in peer.transport.sent if each["type"] == "conversation.item.create")
    peer.transport.push(error("No.", about=about))
    with pytest.raises(RequestRefused, match="No"):
        peer.client.wait_for_next_item(PATIENCE)
    peer.transport.push(added(user("i1")), done(user("i1")))
    assert peer.client.wait_for_next_item(PATIENCE).id == "i1"


def test_a_reply_that_is_refused_is_not_waited_for_again(peer):
    peer.client.say("Hello!")
    create = peer.transport.wait_sent("response.create")
    peer.transport.push(error("No.", about=create["event_id"]))
    with pytest.raises(RequestRefused, match="No"):
        peer.client.wait_for_reply(PATIENCE)
    peer.transport.push(begun("r1"), ended(said("Hello."), response_id="r1"))
    assert peer.client.wait_for_reply(PATIENCE).text == "Hello."


def test_who_has_no_time_left_may_wait_for_the_same_answer_again(peer):
    peer.client.say("Hello!")
    with pytest.raises(TimeoutError, match=r"^no reply for 0\.01 s$"):
        peer.client.wait_for_reply(0.01)
    peer.transport.push(begun("r1"), ended(said("Hello."), response_id="r1"))
    assert peer.client.wait_for_reply(PATIENCE).text == "Hello."


def test_a_client_that_is_reset_approves_nothing(monkeypatch):
    transports = [ScriptedTransport(), ScriptedTransport()]
    left = iter(transports)
    monkeypatch.setattr("reelthyme_sync.client.api.connect", lambda **_: Session(next(left)))
    client, asked = RealtimeClient(), []
    client.approve(asked.append)
    client.connect()
    client.reset()
    client.connect()
    transports[1].push(begun("r1"), item_done(APPROVAL, "r1"), ended(APPROVAL, response_id="r1"))
    assert client.wait_for_reply(PATIENCE).response_id == "r1"  # so nothing follows it by itself
    client.disconnect()
    assert asked == []
