"""What the client takes, shows and says: its arguments, its reprs, and the advice of its errors and its log."""

import datetime
from typing import Any

import pytest
from reference_peer import Peer, added, begun, call, user

from reelthyme_sync import RealtimeClient
from reelthyme_sync.client import RealtimeAPI
from reelthyme_sync.client.narration import NAMES
from reelthyme_sync.testing import FakeSpeaker

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)


@pytest.fixture
def peer():
    with Peer() as peer:
        yield peer


# --- what is taken ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("made", [RealtimeClient, RealtimeAPI])
@pytest.mark.parametrize("given", ["ws://127.0.0.1/", "sk-test-0123456789"])
def test_an_address_or_a_key_is_no_session(made: Any, given: str):
    with pytest.raises(TypeError, match="an address is url=, a key api_key=") as refused:
        made(given)
    assert given not in str(refused.value)


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_the_timeout_of_a_tool_is_above_zero(timeout: float):
    with pytest.raises(ValueError, match="must be above zero"):
        RealtimeClient(tool_timeout=timeout)
    client = RealtimeClient()
    with pytest.raises(ValueError, match="must be above zero"):
        client.add_tool({"name": "clock"}, print, timeout=timeout)
    client.add_tool({"name": "clock"}, print, timeout=None)


def test_a_message_of_one_part_needs_no_list(peer):
    peer.client.send_user_message_content({"type": "input_text", "text": "Hello!"})
    create, _ = peer.sent()
    assert create["item"]["content"] == [{"type": "input_text", "text": "Hello!"}]


@pytest.mark.parametrize(
    ("given", "told"),
    [("noon", "noon"), ({"hour": 12}, '{"hour":12}'), (datetime.date(2026, 11, 21), '"2026-11-21"'), (None, "null")],
)
def test_the_output_of_a_tool_is_a_text_or_becomes_json(peer, given: object, told: str):
    assert peer.client.send_tool_output("c1", given) is True
    (create,) = peer.sent()
    assert create["item"] == {"type": "function_call_output", "call_id": "c1", "output": told}


def test_an_output_that_has_no_json_form_is_refused_where_it_is_given(peer):
    with pytest.raises(TypeError):
        peer.client.send_tool_output("c1", object())
    assert peer.sent() == []


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_picture_without_a_text_is_shown_and_not_answered(peer, kind: Any):
    assert peer.client.send_image(kind(PNG)) is None
    (create,) = peer.sent()
    assert create["item"]["content"][0]["image_url"].startswith("data:image/png;base64,")


def test_what_is_played_is_played_once(peer):
    first, second = FakeSpeaker(), FakeSpeaker()
    earlier = peer.client.play(first)
    later = peer.client.play(second)
    with pytest.raises(ValueError, match="has been stopped"):
        earlier.reopen(FakeSpeaker())
    later.reopen(FakeSpeaker())


# --- what is shown ----------------------------------------------------------------------------------------------


def test_a_client_shows_whether_it_is_connected_and_how_much_was_said():
    client = RealtimeClient(api_key="sk-test-0123456789")
    assert repr(client) == "<RealtimeClient not connected, 0 items>"
    assert repr(client.realtime) == "<RealtimeAPI not connected>"
    with Peer() as peer:
        peer.says(added(user("i1")))
        assert repr(peer.client) == "<RealtimeClient connected, 1 items>"
        assert repr(peer.client.realtime) == "<RealtimeAPI connected>"


def test_an_item_shows_what_it_is(peer):
    peer.says(added(user("i1", "Hello!")), begun(), added(call("i2", "clock", "{}")))
    assert [repr(item) for item in peer.client.conversation.get_items()] == [
        "<ConversationItem 'i1' user, completed, 'Hello!'>",
        "<ConversationItem 'i2' function_call, completed, clock>",
    ]


# --- names ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("conversation.item.complete", "did you mean conversation.item.completed?"),
        ("response.done", "did you mean server.response.done?"),
        ("response.create", "did you mean client.response.create?"),
        ("reelthyme.budget_warning", "did you mean server.reelthyme.budget_warning?"),
        ("server", "happens by itself"),
    ],
)
@pytest.mark.parametrize("register", ["on", "on_next"])
def test_a_handler_of_what_never_happens_is_told_so_on_the_log(caplog, name: str, advice: str, register: str):
    client = RealtimeClient()
    getattr(client, register)(name, print)
    (record,) = caplog.records
    assert advice in record.getMessage()


@pytest.mark.parametrize(
    "name",
    [*NAMES, "server.*", "client.*", "server.response.done", "server.reelthyme.budget_warning", "server.of.another"],
)
def test_a_handler_of_what_may_happen_is_not(caplog, name: str):
    RealtimeClient().on(name, print)
    assert caplog.records == []


def test_handlers_of_an_interruption_are_given_none(peer):
    given: list[Any] = []
    peer.client.on("conversation.interrupted", lambda nothing: given.append(nothing))
    peer.says({"type": "input_audio_buffer.speech_started", "audio_start_ms": 0, "item_id": "i1"})
    assert given == [None]
