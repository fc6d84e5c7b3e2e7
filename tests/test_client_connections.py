"""One connection of a client after another: what ends one leaves the next alone, and both ends are whole."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from reference_peer import (
    Peer,
    added,
    assistant,
    begun,
    call,
    committed,
    done,
    ended,
    item_done,
    message,
    session_created,
    speech_started,
    speech_stopped,
    spoken,
    user,
)

from reelthyme_sync import Session
from reelthyme_sync.client import RealtimeAPI, RealtimeClient, dispatcher
from reelthyme_sync.errors import (
    AlreadyConnected,
    ConnectionClosed,
    ConnectionLost,
    ForkedSession,
    InvalidEvent,
    NotConnected,
)
from reelthyme_sync.events import ResponseCreate
from reelthyme_sync.testing import PATIENCE, FakeSpeaker, ScriptedTransport

CLOCK = {"name": "clock", "parameters": {"type": "object", "properties": {}}}


@pytest.fixture
def transports(monkeypatch) -> list[ScriptedTransport]:
    """Those of the sessions that clients open, in order."""
    opened: list[ScriptedTransport] = []

    def connect(**_: Any) -> Session:
        opened.append(ScriptedTransport())
        return Session(opened[-1], close_timeout=0.1)

    monkeypatch.setattr("reelthyme_sync.client.api.connect", connect)
    return opened


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """What each of them gave, or raised, on a thread of its own."""
    results: list[Any] = []
    ready = threading.Barrier(len(works))

    def run(work: Callable[[], Any]) -> None:
        ready.wait(PATIENCE)
        try:
            results.append(work())
        except Exception as error:
            results.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    return results


def lose(client: RealtimeClient, transport: ScriptedTransport) -> None:
    transport.hang_up(1011, "busy")
    client.wait_for_next("close", PATIENCE)


# --- from one to the next ---------------------------------------------------------------------------------------


def test_an_old_connection_that_ends_late_takes_nothing_from_the_new_one(transports):
    stuck, go_on, old_is_over = threading.Event(), threading.Event(), threading.Event()
    client = RealtimeClient(max_duration=0.5)
    ran = threading.Event()
    client.add_tool(CLOCK, lambda _: ran.set())
    client.connect()
    old = client.session
    old.intercept(lambda _: stuck.set() or not go_on.wait(PATIENCE))
    transports[0].push({"type": "x"}, added(user("late")))
    assert stuck.wait(PATIENCE)
    client.disconnect()  # gives up on it after a tenth of a second
    client.connect()
    old.on_end(old_is_over.set)
    go_on.set()
    assert old_is_over.wait(PATIENCE)
    assert client.conversation.get_items() == []
    clock = call("i1", "clock", "{}")
    transports[1].push(added(clock), begun(), item_done(clock), ended(clock))
    assert client.wait_for_next_item(PATIENCE).id == "i1"
    assert ran.wait(PATIENCE)
    assert "0.5 seconds" in str(client.wait_for_next("close", PATIENCE).cause)  # its own limit is in force
    client.disconnect()


def test_who_connects_as_soon_as_a_connection_is_lost_has_a_whole_new_one(transports):
    client, told = RealtimeClient(), []

    @client.on("close")
    def take_a_while(closed: Any) -> None:
        threading.Event().wait(0.01)
        told.append(closed)

    for number in range(10):
        client.connect()
        client.session._link.abort()
        while client.is_connected():
            pass
        client.connect()
        assert len(told) == 2 * number + 1  # the old end comes first
        client.realtime.send("mark")
        transports[-1].push({"type": "x"})
        assert client.wait_for_next("server.x", PATIENCE).type == "x", number
        assert client.is_connected()
        client.disconnect()


def test_a_connection_that_is_opened_by_a_handler_of_the_last_ones_end_waits_for_handlers_too(transports):
    client = RealtimeClient()
    again, ran = threading.Event(), []
    client.on_next("close", lambda _: client.connect() and again.set())
    client.connect()
    transports[0].hang_up(1001)
    assert again.wait(PATIENCE)

    @client.on("server.response.created")
    def take_a_while(_: Any) -> None:
        threading.Event().wait(0.05)
        ran.append(1)

    client.realtime.send("mark")
    transports[1].push(begun())
    client.wait_for_next("server.response.created", PATIENCE)
    assert ran == [1]
    client.disconnect()


def test_after_a_loss_the_conversation_goes_on_with_the_sound_of_the_new_connection(transports):
    first, second = b"\x01\x00" * 24_000, b"\x02\x00" * 24_000
    client = RealtimeClient()
    client.connect()
    client.append_input_audio(first)
    client.realtime.send("mark")
    transports[0].push(added(assistant("a0")))
    client.wait_for_next_item(PATIENCE)
    lose(client, transports[0])
    client.connect()
    assert [(item.id, item.status) for item in client.conversation.get_items()] == [("a0", "incomplete")]
    client.append_input_audio(second)
    client.realtime.send("mark")
    transports[1].push(speech_started("u", 0), speech_stopped("u", 500), committed("u"), added(spoken("u")))
    assert client.wait_for_next_item(PATIENCE).formatted.pcm == second[:24_000]
    client.disconnect()


def test_after_a_loss_the_devices_of_the_lost_connection_are_released(transports):
    client, speaker = RealtimeClient(), FakeSpeaker()
    client.connect()
    client.play(speaker)
    lose(client, transports[0])
    client.connect()
    assert speaker.closed
    client.realtime.send("mark")
    transports[1].push(begun("r1"))
    client.wait_for_next("server.response.created", PATIENCE)
    assert client.interrupt() is None
    assert transports[1].wait_sent("response.cancel")["response_id"] == "r1"
    client.disconnect()


def test_of_two_threads_that_connect_one_is_told_so(transports, monkeypatch):
    client, opening, go_on = RealtimeClient(), threading.Event(), threading.Event()
    connect = client.realtime._open

    def slowly(model: str | None) -> Session:
        opening.set()
        assert go_on.wait(PATIENCE)
        return connect(model)

    monkeypatch.setattr(client.realtime, "_open", slowly)
    first = threading.Thread(target=client.connect)
    first.start()
    assert opening.wait(PATIENCE)
    with pytest.raises(AlreadyConnected):
        client.connect()
    go_on.set()
    first.join(PATIENCE)
    client.disconnect()
    assert [transport.released for transport in transports] == [True]


def test_whoever_disconnects_at_the_same_time_waits_for_the_end_too():
    transport = ScriptedTransport(answers_close=False)
    client = RealtimeClient(Session(transport, close_timeout=0.2))
    client.connect()
    told: list[Any] = []
    client.on("close", told.append)

    def disconnect() -> tuple[bool, int]:
        client.disconnect()
        return transport.released, len(told)

    assert at_once(disconnect, disconnect) == [(True, 1), (True, 1)]


def test_a_session_that_was_given_is_not_replaced_by_another():
    with Peer() as peer:
        lose(peer.client, peer.transport)
        with pytest.raises(NotConnected, match="has been used"):
            peer.client.connect()


def test_tools_and_settings_that_come_while_a_connection_opens_are_told_to_the_server(transports, monkeypatch):
    client = RealtimeClient()
    connect = client.realtime._open

    def meanwhile(model: str | None) -> Session:
        client.add_tool(CLOCK, lambda _: 12)
        client.update_session(instructions="late")
        return connect(model)

    monkeypatch.setattr(client.realtime, "_open", meanwhile)
    client.connect()
    told = transports[0].wait_sent("session.update")["session"]
    assert (told["instructions"], [tool["name"] for tool in told["tools"]]) == ("late", ["clock"])
    client.disconnect()


# --- the end ----------------------------------------------------------------------------------------------------


def test_what_came_before_the_end_is_found_after_it():
    with Peer() as peer:
        pending = peer.client.say("Hi.")
        peer.transport.wait_sent("response.create")
        answer = message("assistant", "a1", {"type": "output_text", "text": "Yes."})
        peer.transport.push(begun(), added(answer), done(answer), ended(answer))
        over = threading.Event()
        peer.client.session.on_end(over.set)
        peer.transport.hang_up(1001, "expired")
        assert over.wait(PATIENCE)
        assert peer.client.wait_for_next_item(PATIENCE).id == "a1"
        assert pending.text(PATIENCE) == "Yes."
        with pytest.raises(ConnectionLost):
            peer.client.wait_for_next_item(PATIENCE)


def test_a_loop_that_begins_after_the_end_is_given_what_came():
    transport = ScriptedTransport()
    client, closed, over = RealtimeClient(Session(transport), threaded=False), [], threading.Event()
    client.on("close", closed.append)
    client.connect()
    client.session.on_end(over.set)
    transport.push(session_created(), begun())
    transport.hang_up(4001, "session_expired")
    assert over.wait(PATIENCE)
    events = client.events()
    assert [next(events).type, next(events).type] == ["session.created", "response.created"]
    with pytest.raises(ConnectionLost, match="4001"):
        next(events)
    assert [each.error for each in closed] == [True]
    client.disconnect()
    with pytest.raises(NotConnected):
        next(client.events())


def test_who_goes_on_after_the_end_is_told_how_it_ended():
    with Peer() as peer:
        lose(peer.client, peer.transport)
        for do in (lambda: peer.client.say("Hi."), lambda: peer.client.realtime.send("x"), lambda: peer.client.session):
            with pytest.raises(NotConnected, match=r"Not connected, use .connect\(\) first .*1011") as refused:
                do()
            assert isinstance(refused.value.__cause__, ConnectionLost)


def test_an_end_that_a_limit_brought_says_so():
    with Peer(max_duration=0.05) as peer:
        assert peer.client.wait_for_next("close", PATIENCE).error is False
        with pytest.raises(ConnectionClosed, match=r"limit of 0.05 seconds"):
            peer.client.wait_for_reply(PATIENCE)
        with pytest.raises(NotConnected, match=r"limit of 0.05 seconds"):
            peer.client.say("Hi.")


def test_a_limit_ends_the_session_although_a_hook_does_not_let_the_cancel_out():
    def refuses(event: Any) -> Any:
        raise LookupError

    transport = ScriptedTransport()
    client = RealtimeClient(Session(transport, outgoing=refuses), max_duration=0.1)
    client.connect()
    transport.push(begun())
    assert "0.1 seconds" in str(client.wait_for_next("close", PATIENCE).cause)


def test_a_client_says_in_a_child_that_it_is_its_parents(monkeypatch):
    with Peer() as peer:
        with monkeypatch.context() as child:
            child.setattr(peer.client.session.home, "_pid", 0)
            for do in (lambda: peer.client.say("Hi."), lambda: peer.client.wait_for_reply(0)):
                with pytest.raises(ForkedSession):
                    do()
            peer.client.disconnect()
            assert not peer.transport.released


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError])
def test_a_device_that_does_not_stop_leaves_no_session_open(failure):
    def fails() -> None:
        raise failure

    stopped: list[int] = []
    with Peer() as peer:
        peer.client._devices = (lambda: stopped.append(1), fails)
        with pytest.raises(failure):
            peer.client.disconnect()
        assert stopped == [1]
        assert peer.transport.released


# --- handlers and hooks -----------------------------------------------------------------------------------------


def test_a_handler_that_exits_ends_nothing_but_itself():
    told: list[Any] = []
    with Peer() as peer:
        peer.client.on("server.x", sys.exit)
        peer.client.on("server.x", told.append)
        peer.client.on("error", told.append)
        peer.client.on("close", told.append)
        peer.says({"type": "x"})
    assert [type(each).__name__ for each in told] == ["SystemExit", "UnknownEvent", "Closed"]


def test_debugging_shows_what_passes_in_both_directions(capsys):
    with Peer(debug=True) as peer:
        peer.says({"type": "x"})
        peer.client.realtime.send("y")
    printed = capsys.readouterr().err
    assert "received UnknownEvent" in printed
    assert "sent UnknownEvent" in printed


def test_debugging_without_a_stderr_loses_nothing(monkeypatch):
    with Peer(debug=True) as peer:
        monkeypatch.setattr(sys, "stderr", None)
        peer.says(added(user("u1")))
        assert peer.client.conversation.get_item("u1")


def test_events_that_nobody_takes_are_warned_of_once(monkeypatch, caplog):
    monkeypatch.setattr(dispatcher, "BACKLOG", 10)
    caplog.set_level(logging.WARNING)
    transport = ScriptedTransport()
    api = RealtimeAPI(Session(transport), threaded=False)
    api.connect()
    transport.push(*[{"type": "x"}] * 30)
    transport.hang_up()
    with pytest.raises(ConnectionClosed):
        api.wait_for_next("y", PATIENCE)
    assert [record.getMessage() for record in caplog.records] == ["10 events wait for handlers: iterate over events()"]
    api.disconnect()


@pytest.mark.parametrize("how", ["raises", "drops"])
def test_a_request_that_a_hook_does_not_let_out_stands_in_nobodys_way(how):
    refused: list[Any] = []

    def once(event: Any) -> Any:
        if not isinstance(event, ResponseCreate) or refused:
            return event
        refused.append(event)
        if how == "raises":
            raise LookupError
        return None

    transport = ScriptedTransport()
    client = RealtimeClient(Session(transport, outgoing=once))
    client.connect()
    if how == "raises":
        with pytest.raises(LookupError):
            client.create_response()
    else:
        client.create_response()
    client.say("Hi.")
    transport.wait_sent("response.create")
    client.disconnect()


def test_a_request_that_cannot_go_out_when_its_turn_comes_lets_the_next_one_through():
    failures: list[Any] = []
    with Peer() as peer:
        peer.client.on("error", failures.append)
        peer.client.create_response()
        peer.says(begun("r1"))
        peer.client.create_response({"tools": [{"type": "function", "name": "f", "parameters": {"x": {1, 2}}}]})
        peer.client.say("Hi.")
        peer.sent()
        peer.says(ended(response_id="r1"))
        assert peer.sent_types() == ["conversation.item.create", "response.create"]
    assert [type(failure) for failure in failures] == [InvalidEvent]


def test_a_question_goes_out_with_its_request_and_not_before():
    with Peer() as peer:
        first, second = peer.client.say("One?"), peer.client.say("Two?")
        assert peer.sent_types() == ["conversation.item.create", "response.create"]
        one = message("assistant", "a1", {"type": "output_text", "text": "One."})
        two = message("assistant", "a2", {"type": "output_text", "text": "Two."})
        peer.says(begun("r1"), added(one), ended(one, response_id="r1"))
        assert peer.sent_types() == ["conversation.item.create", "response.create"]
        peer.says(begun("r2"), added(two), ended(two, response_id="r2"))
        assert [first.text(PATIENCE), second.text(PATIENCE)] == ["One.", "Two."]


def test_what_is_asked_beside_the_conversation_does_not_end_the_users_turn():
    with Peer() as peer:
        peer.client.append_input_audio(bytes(48_000))
        peer.client.ask("Is the user content?", conversation="none")
        assert "input_audio_buffer.commit" not in peer.sent_types()
