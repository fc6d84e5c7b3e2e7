"""The reference client's behaviours 16 to 35: the connection, and the client that has it. L4 and L11 with them."""

from __future__ import annotations

import contextlib
import json
import logging
import queue
import re
import threading
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
import websocket
from keys import TEST_KEY
from peers import close_frame, peer
from reference_peer import Peer, added, exactly, session_created, user, without_id

from reelthyme_sync import Session, endpoints
from reelthyme_sync.client import Closed, RealtimeAPI, RealtimeClient
from reelthyme_sync.client.settings import Settings
from reelthyme_sync.codec import unstructure
from reelthyme_sync.errors import AlreadyConnected, ConnectFailed, ConnectionLost, MissingApiKey, NotConnected
from reelthyme_sync.events import UnknownEvent
from reelthyme_sync.local_server import serve
from reelthyme_sync.testing import PATIENCE, ScriptedTransport


@pytest.fixture
def api(transport: ScriptedTransport) -> Iterator[RealtimeAPI]:
    """Connected, over ``transport``."""
    api = RealtimeAPI(Session(transport))
    api.connect()
    yield api
    api.disconnect()


@contextlib.contextmanager
def requests() -> Iterator[tuple[str, queue.Queue[str]]]:
    """A server that notes the request, and says goodbye."""
    noted: queue.Queue[str] = queue.Queue()

    def behave(far: Any) -> None:
        far.handshake()
        noted.put(far.request.decode())
        far.send(close_frame(1000))
        far.read_until_gone()

    with peer(behave) as url:
        yield url, noted


@pytest.fixture
def nobody() -> str:
    """An address at which nobody listens."""
    with serve() as server:
        return server.url


# --- D. the connection ------------------------------------------------------------------------------------------


def test_16_an_api_is_made_without_connecting_and_shows_no_key(caplog, nobody):
    """The reference refuses a key in a browser; there is no browser here, and the key is shown nowhere."""
    caplog.set_level(logging.DEBUG)
    api = RealtimeAPI(url=nobody, api_key=TEST_KEY)
    assert api.debug is False
    assert api.is_connected() is False
    for shown in (api, RealtimeClient(url=nobody, api_key=TEST_KEY)):
        with pytest.raises(ConnectFailed) as refused:
            shown.connect()
        with_variables = traceback.TracebackException.from_exception(refused.value, capture_locals=True)
        assert TEST_KEY not in "".join(with_variables.format()) + repr(shown) + repr(vars(shown)) + caplog.text
    assert endpoints.openai(api_key=TEST_KEY).url.startswith("wss://api.openai.com/v1/realtime")


@pytest.mark.parametrize("kind", [RealtimeAPI, RealtimeClient])
def test_16_an_option_that_there_is_not_is_refused_at_once(kind):
    """The reference ignores it; ``dangerouslyAllowAPIKeyInBrowser`` is one, for there is no browser here."""
    with pytest.raises(TypeError, match="dangerouslyAllowAPIKeyInBrowser"):
        kind(dangerouslyAllowAPIKeyInBrowser=True)


def test_16_a_client_that_cannot_be_made_shows_no_key():
    with pytest.raises(ValueError, match="no amount") as refused:
        RealtimeClient(api_key=TEST_KEY, headers={"Authorization": f"Bearer {TEST_KEY}"}, max_duration=-1)
    inside = refused.traceback[1:]  # the first is this test, which knows the key
    assert TEST_KEY not in "".join(repr(entry.frame.f_locals) for entry in inside)


@pytest.mark.parametrize("end", ["disconnect", "goodbye", "loss"])
def test_17_is_connected_holds_from_the_opening_to_the_end(transport, end):
    api = RealtimeAPI(Session(transport))
    assert api.is_connected() is False
    api.connect()
    assert api.is_connected() is True
    if end == "disconnect":
        api.disconnect()
    else:
        transport.hang_up(1000 if end == "goodbye" else None)
        api.wait_for_next("close", PATIENCE)
    assert api.is_connected() is False


def test_18_log_prints_only_when_debugging_with_the_time(capsys, transport):
    assert RealtimeAPI().log("nothing") is True
    assert capsys.readouterr() == ("", "")
    assert RealtimeAPI(debug=True).log("a thing", 1) is True
    printed = capsys.readouterr()
    assert printed.out == ""
    assert re.fullmatch(r"\[Websocket/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\] a thing 1\n", printed.err)


def test_19_connect_gives_true_once_and_says_where_it_could_not_connect(nobody, realtime_server):
    """The reference warns of a missing key and goes on; the one address that needs a key is not tried without."""
    api = RealtimeAPI(url=realtime_server.url)
    assert api.connect() is True
    with pytest.raises(AlreadyConnected, match=exactly("Already connected")):
        api.connect()
    api.disconnect()
    elsewhere = RealtimeAPI(url=nobody)
    with pytest.raises(ConnectFailed, match=re.escape(nobody)):
        elsewhere.connect()
    assert elsewhere.is_connected() is False


def test_19_the_default_address_needs_a_key_before_anything_connects(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(MissingApiKey):
        RealtimeAPI().connect()


def test_20_the_model_is_in_the_query_and_the_key_in_a_header_without_words_of_the_beta():
    with requests() as (url, noted):
        api = RealtimeAPI(url=url, api_key=TEST_KEY)
        api.connect("gpt-realtime-mini")
        request = noted.get(timeout=PATIENCE)
        api.disconnect()
    assert "/v1/realtime?model=gpt-realtime-mini HTTP/1.1" in request.splitlines()[0]
    assert f"Authorization: Bearer {TEST_KEY}" in request
    assert "beta" not in request.lower()


def test_20_the_local_server_takes_the_key_that_a_browser_presents():
    """Python sends a header; a page cannot, and its key among the subprotocols is the local server's to accept."""
    with serve(api_key=TEST_KEY) as server:
        subprotocols = ["realtime", f"openai-insecure-api-key.{TEST_KEY}", "openai-beta.realtime-v1"]
        page = websocket.create_connection(server.url, timeout=PATIENCE, subprotocols=subprotocols)
        assert json.loads(page.recv())["type"] == "session.created"
        page.close()


def test_21_a_missing_key_is_the_servers_to_refuse(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", TEST_KEY)  # is for OpenAI, and stays at home
    with serve(api_key=TEST_KEY) as server:
        api = RealtimeAPI(url=server.url)
        assert api.connect() is True
        told = api.wait_for_next("server.error", PATIENCE)
        assert "Incorrect API key provided" in told.error.message
        api.disconnect()


@pytest.mark.parametrize(("code", "failed"), [(1000, False), (1011, True), (None, True)])
def test_22_close_is_told_once_and_says_whether_that_was_an_error(transport, code, failed):
    """The reference tells a lost connection twice, and gives no reason."""
    told: list[Closed] = []
    api = RealtimeAPI(Session(transport))
    api.on("close", told.append)
    api.connect()
    transport.hang_up(code, "why")
    assert api.wait_for_next("close", PATIENCE).error is failed
    api.disconnect()
    assert [(each.error, each.cause.code, each.cause.reason) for each in told] == [(failed, code, "why")]
    assert isinstance(told[0].cause, ConnectionLost) is failed


def test_23_disconnect_ends_in_one_close_and_an_old_connection_does_not_end_a_new_one(realtime_server):
    told: list[Closed] = []
    api = RealtimeAPI(url=realtime_server.url)
    api.on("close", told.append)
    assert api.disconnect() is True  # from nothing
    api.connect()
    old = api.session
    assert api.disconnect() is True
    assert api.disconnect() is True
    assert [each.error for each in told] == [False]
    api.connect()
    old.close()
    assert api.is_connected() is True
    api.disconnect()
    assert [each.error for each in told] == [False, False]


def test_24_what_comes_is_told_by_its_type_and_then_to_all(api, transport):
    told: list[tuple[str, str]] = []
    for name in ("server.*", "server.session.created", "server.x"):
        api.on(name, lambda event, name=name: told.append((name, event.type)))
    api.send("mark")
    transport.push(session_created(), {"type": "x"})
    api.wait_for_next("server.x", PATIENCE)
    both = [("server.session.created", "session.created"), ("server.*", "session.created")]
    assert told == [*both, ("server.x", "x"), ("server.*", "x")]
    told.clear()
    assert api.receive("x", UnknownEvent(type="x")) is True
    assert told == [("server.x", "x"), ("server.*", "x")]


def test_25_send_fills_in_an_id_and_tells_before_it_writes():
    """In the reference handlers have run before the bytes leave; here they run behind, in the order of the wire."""
    transport = ScriptedTransport(lambda sent: [{"type": "answer", "to": sent["event_id"]}])
    api = RealtimeAPI(Session(transport))
    told: list[tuple[str, Any]] = []
    for name in ("client.x", "client.*", "server.answer"):
        api.on(name, lambda event, name=name: told.append((name, event.raw)))
    with pytest.raises(NotConnected, match="RealtimeAPI is not connected"):
        api.send("x")
    api.connect()
    with pytest.raises(TypeError, match="data must be an object"):
        api.send("x", ["no", "object"])  # type: ignore[arg-type]
    for number in range(100):
        assert api.send("x", {"n": number} if number else None) is True
    assert api.send("x", {"event_id": "mine", "type": "x"}) is True
    while api.wait_for_next("server.answer", PATIENCE).raw["to"] != "mine":
        pass
    api.disconnect()
    steps: dict[str, list[str]] = {}
    for name, raw in told:
        steps.setdefault(raw["to"] if name == "server.answer" else raw["event_id"], []).append(name)
    assert list(steps.values()) == [["client.x", "client.*", "server.answer"]] * 101
    assert [without_id(sent) for sent in transport.sent[1:3]] == [{"type": "x", "n": 1}, {"type": "x", "n": 2}]
    assert all(re.fullmatch(r"evt_\w{17}", sent["event_id"]) for sent in transport.sent[:-1])
    assert transport.sent[-1]["event_id"] == "mine"
    assert list(steps) == [sent["event_id"] for sent in transport.sent]


def test_26_nothing_is_validated_or_kept_for_later_and_a_loss_is_the_end(api, transport):
    """The reference has no heartbeat either; here a session pings, and ``reconnect=`` is there for who asks."""
    api.send("response.create", {"response": {"output_modalities": ["smell"], "voice": 5}})
    assert transport.wait_sent("response.create")["response"] == {"output_modalities": ["smell"], "voice": 5}
    transport.hang_up(None)
    api.wait_for_next("close", PATIENCE)
    with pytest.raises(NotConnected):
        api.send("response.create")
    assert [each["type"] for each in transport.sent] == ["response.create"]


# --- E. the client and its connection ---------------------------------------------------------------------------


def test_27_the_defaults_are_the_references_in_the_words_of_today(realtime_server):
    told: list[Any] = []
    client = RealtimeClient(url=realtime_server.url, debug=False)
    client.on("client.session.update", told.append)
    with client:
        client.wait_for_session_created(PATIENCE)
    (update,) = told
    assert unstructure(update)["session"] == {
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": "",
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "transcription": None,
                "turn_detection": None,
            },
            "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin"},
        },
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": 4096,
    }


def test_28_short_words_stand_for_the_references_voice_detection_and_transcription():
    with Peer() as peer:
        assert peer.client.get_turn_detection_type() is None
        peer.client.update_session(turn_detection="server_vad", input_audio_transcription="whisper-1")
        (update,) = peer.sent()
    detection = {"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 200}
    assert update["session"]["audio"]["input"] == {
        "turn_detection": detection,
        "transcription": {"model": "whisper-1"},
    }


def test_29_and_30_reset_forgets_handlers_tools_and_settings_and_works_again(realtime_server):
    told: list[Any] = []
    client = RealtimeClient(url=realtime_server.url)
    client.update_session(instructions="Be brief.", turn_detection="server_vad")
    client.add_tool({"name": "clock"}, lambda _: 12)
    client.on("conversation.updated", told.append)
    client.realtime.on("server.*", told.append)
    client.on_next("close", told.append)
    client.connect()
    assert client.is_connected() is client.realtime.is_connected() is True
    client.wait_for_session_created(PATIENCE)
    client.on("realtime.event", told.append)
    assert client.reset() is True
    told.clear()
    assert client.is_connected() is client.realtime.is_connected() is False
    assert client.get_turn_detection_type() is None
    assert client.conversation.get_items() == []
    with pytest.raises(NotConnected):
        client.wait_for_session_created(0)

    updates: list[Any] = []
    client.on("client.session.update", updates.append)
    client.connect()
    client.send_user_message_content(["Hello!"])
    assert client.wait_for_next_item(PATIENCE).role == "user"  # what keeps the books is there again
    client.disconnect()
    assert without_id(unstructure(updates[0])) == unstructure(Settings().update())
    assert told == []


def test_31_connect_sends_the_settings_before_the_session_is_created(realtime_server):
    seen: list[str] = []
    client = RealtimeClient(url=realtime_server.url, outgoing=lambda event: seen.append(event.type) or event)
    client.on("realtime.event", lambda told: seen.append(told.event.type))
    client.add_tool({"name": "clock"}, lambda _: 12)
    assert client.connect() is True
    assert seen[0] == "session.update"
    with pytest.raises(AlreadyConnected, match=exactly("Already connected, use .disconnect() first")):
        client.connect()
    client.wait_for_session_created(PATIENCE)
    updated = client.realtime.wait_for_next("server.session.updated", PATIENCE)
    client.disconnect()
    assert [name for name in seen if not name.startswith("client")][:3] == [
        "session.update",  # to the wire
        "session.update",  # to the handlers
        "session.created",
    ]
    assert [tool.name for tool in updated.session.tools] == ["clock"]


def test_31_a_server_that_ends_the_session_at_once_is_told_as_any_end():
    transport = ScriptedTransport()
    session = Session(transport)
    transport.push(session_created())
    transport.hang_up(3000, "no")
    ended = threading.Event()
    session.on_end(ended.set)
    assert ended.wait(PATIENCE)
    told: list[Any] = []
    client = RealtimeClient(session)
    client.update_session(instructions="Be brief.")
    client.on("server.*", told.append)
    client.on("close", told.append)
    assert client.connect() is True
    client.disconnect()
    assert [type(each).__name__ for each in told] == ["SessionCreated", "Closed"]


def test_31_settings_that_cannot_be_sent_leave_no_connection(realtime_server):
    def refuses(event: Any) -> Any:
        raise LookupError

    client = RealtimeClient(url=realtime_server.url, outgoing=refuses, max_duration=60)
    with pytest.raises(LookupError):
        client.connect()
    assert client.is_connected() is False


def test_32_wait_for_session_created_needs_a_connection_and_comes_back_at_once_when_it_is():
    client = RealtimeClient()
    with pytest.raises(NotConnected, match=exactly("Not connected, use .connect() first")):
        client.wait_for_session_created()
    with Peer() as peer:
        with pytest.raises(TimeoutError):
            peer.client.wait_for_session_created(timeout=0.01)
        peer.says(session_created())
        assert peer.client.wait_for_session_created(timeout=0) is True
        assert peer.client.wait_for_session_created(timeout=0) is True


def test_32_it_comes_back_when_handlers_have_been_told_and_not_as_soon_as_the_session_knows(transport, session):
    looking, go_on, told = threading.Event(), threading.Event(), []

    def looks(event: Any) -> bool:
        looking.set()
        return not go_on.wait(PATIENCE)

    client = RealtimeClient(session)
    client.realtime.on("server.session.created", told.append)
    client.connect()
    session.intercept(looks)
    transport.push(session_created())
    assert looking.wait(PATIENCE)
    with pytest.raises(TimeoutError):
        client.wait_for_session_created(timeout=0.01)
    go_on.set()
    client.wait_for_session_created(PATIENCE)
    assert len(told) == 1
    client.disconnect()


def test_32_a_session_that_was_created_before_the_client_had_it_is_not_waited_for(transport, session):
    transport.push(session_created())
    session.receive(PATIENCE)
    client = RealtimeClient(session)
    client.connect()
    assert client.wait_for_session_created(timeout=0) is True
    client.disconnect()


def test_33_disconnect_keeps_tools_and_settings_and_what_was_said_until_the_next_connection(realtime_server):
    """The reference forgets what was said at once, and nobody can export it after the end of a ``with`` block."""
    client = RealtimeClient(url=realtime_server.url)
    client.update_session(instructions="Be brief.")
    client.add_tool({"name": "clock"}, lambda _: 12)
    updates: list[Any] = []
    client.on("client.session.update", updates.append)
    client.connect()
    client.send_user_message_content(["Hello!"])
    client.wait_for_next_item(PATIENCE)
    assert client.conversation.get_items()
    assert client.disconnect() is None  # type: ignore[func-returns-value]
    assert client.disconnect() is None  # type: ignore[func-returns-value]
    assert "Hello!" in client.export()
    client.connect()
    assert not any(item.formatted.text == "Hello!" for item in client.conversation.get_items())
    client.wait_for_session_created(PATIENCE)
    assert client.conversation.get_items() == []
    client.disconnect()
    first, second = (without_id(unstructure(update)) for update in updates)
    assert first == second
    assert second["session"]["instructions"] == "Be brief."
    assert [tool["name"] for tool in second["session"]["tools"]] == ["clock"]


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (None, None),
        ("none", None),
        ({"type": "none"}, None),
        ("server_vad", "server_vad"),
        ({"type": "semantic_vad", "eagerness": "low"}, "semantic_vad"),
    ],
)
def test_34_the_type_of_turn_detection_or_none_also_by_the_name_of_none(given, kind):
    """In the reference a type of ``none``, which its documents show, counts as detection by the server."""
    client = RealtimeClient()
    client.update_session(turn_detection=given)
    assert client.get_turn_detection_type() == kind


def test_35_delete_item_asks_the_server_to_forget_it():
    with Peer() as peer:
        peer.says(added(user("i1")))
        assert peer.client.delete_item("i1") is True
        assert peer.sent() == [{"type": "conversation.item.delete", "item_id": "i1"}]
        assert peer.client.conversation.get_item("i1")  # until the server says so
        peer.says({"type": "conversation.item.deleted", "item_id": "i1"})
        assert peer.client.conversation.get_item("i1") is None


# --- L. decisions -----------------------------------------------------------------------------------------------


def test_l04_address_and_model_are_followed_everywhere():
    """In the reference they are hard-coded outside of a browser, and the client passes no model on."""
    for connect, model in ((lambda client: client.connect(), "made-with"), (lambda c: c.connect("told"), "told")):
        with requests() as (url, noted):
            client = RealtimeClient(url=url, model="made-with")
            connect(client)
            assert f"?model={model} " in noted.get(timeout=PATIENCE)
            client.disconnect()


def test_l11_errors_and_the_end_are_told_to_the_clients_own_handlers():
    """The reference's documents promise ``error``, which nothing emits, and its client does not pass ``close`` on."""
    told: list[Any] = []
    with Peer() as peer:
        peer.client.on("error", told.append)
        peer.client.on("close", told.append)
        peer.says({"type": "error", "error": {"type": "server_error", "code": None, "message": "Oops"}})
        assert [each.error.message for each in told] == ["Oops"]
        told.clear()
        peer.transport.hang_up(1011, "busy")
        assert peer.client.wait_for_next("close", PATIENCE).error is True
    lost, closed = told
    assert isinstance(lost, ConnectionLost)
    assert (closed.error, lost.code, closed.cause.code) == (True, 1011, 1011)
