"""The local server's calls: begun, told of and ended over HTTP, and followed by sidebands."""

import asyncio
import json
import logging
import re
import socket
import ssl
import time
from types import SimpleNamespace

import pytest
import requests
import trustme
import websocket
from call_lines import ANSWER, OFFER, PATIENCE, Lines, on_loop
from hypothesis import given
from hypothesis import strategies as st
from test_vad import recording

from reelthyme_sync import RealtimeClient, codec, connect, pcm
from reelthyme_sync.errors import ConnectFailed, ConnectionClosed, ConnectionLost, RequestFailed
from reelthyme_sync.events import (
    ConversationItemCreate,
    InputText,
    RealtimeSession,
    ResponseCreate,
    SessionUpdate,
    UserMessage,
)
from reelthyme_sync.local_server import listener, serve
from reelthyme_sync.local_server import server as server_module
from reelthyme_sync.local_server.app import App
from reelthyme_sync.local_server.call_request import CallRequest, call_request
from reelthyme_sync.local_server.refusal import Refusal
from reelthyme_sync.rest import calls, create_client_secret

KEY = "sk-right-0123456789"
SDP = {"Content-Type": "application/sdp"}
BRIEF = RealtimeSession(instructions="Be brief.")
LONG = SessionUpdate(session=RealtimeSession(instructions="Be long. " * 4000))


@pytest.fixture
def lines(monkeypatch):
    lines = Lines()
    monkeypatch.setattr("reelthyme_sync.local_server.webrtc.Peers", lambda: lines)
    return lines


@pytest.fixture
def opening(monkeypatch, lines):
    """Starts servers whose application can be got at."""
    apps, servers = [], []

    class Remembered(App):
        def __init__(self, options):
            super().__init__(options)
            apps.append(self)

    monkeypatch.setattr(server_module, "App", Remembered)

    def start(**options):
        server = serve(**options)
        server.app = apps[-1]
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def server(opening):
    return opening(api_key=KEY)


def http(server):
    return server.url.replace("ws", "http", 1) + "/calls"


def bearer(key):
    return {} if key is None else {"Authorization": f"Bearer {key}"}


def secret_of(server, **options):
    return create_client_secret(url=server.url, api_key=options.pop("api_key", KEY), **options)


def begin(server, secret):
    return calls.create(OFFER, client_secret=secret, url=server.url).call_id


def ring(server):
    return on_loop(server, lambda app: app.calls.place_call())


def until(session, kind):
    """All events up to the first of this kind."""
    events = [session.receive(timeout=PATIENCE)]
    while events[-1].type != kind:
        events.append(session.receive(timeout=PATIENCE))
    return events


def wait_for(true):
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def not_reading(server, query):
    """A client that leaves what it is sent where it is, and has little room for it."""
    place = socket.socket()
    place.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    place.settimeout(PATIENCE)
    host, port = re.fullmatch(r"ws://(.*):(\d+)/.*", server.url).groups()
    place.connect((host, int(port)))
    return websocket.create_connection(server.url + query, timeout=PATIENCE, header=bearer(KEY), socket=place)


def posting(server, path, headers):
    """A connection on which a body may now be sent."""
    host, port = re.fullmatch(r"ws://(.*):(\d+)/.*", server.url).groups()
    peer = socket.create_connection((host, int(port)), timeout=PATIENCE)
    head = f"POST /v1/realtime{path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {KEY}\r\n"
    peer.sendall(f"{head}Content-Type: application/sdp\r\n{headers}\r\n\r\n".encode())
    return peer


def flood(server, call_id, times):
    """Have much told to all who follow a call; ends when one who reads has been told it."""
    with connect(url=server.url, call_id=call_id, api_key=KEY) as session:
        session.receive(timeout=PATIENCE)
        for _ in range(times):
            session.send(LONG)
            assert session.receive(timeout=PATIENCE).type == "session.updated"


def refusal_of(attempt):
    with pytest.raises(RequestFailed) as caught:
        attempt()
    return caught.value.status, caught.value.code


class TestBeginning:
    def test_a_browser_calls_with_a_secret(self, server, lines):
        secret = secret_of(server, session=BRIEF)
        answer = requests.post(http(server), OFFER, headers={**SDP, **bearer(secret.value)}, timeout=PATIENCE)
        assert (answer.status_code, answer.headers["Content-Type"]) == (201, "application/sdp")
        assert answer.content.decode() == ANSWER
        location = answer.headers["Location"]
        assert re.fullmatch(r"/v1/realtime/calls/rtc_[0-9a-f]{32}", location)
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Access-Control-Expose-Headers"] == "Location"
        with connect(url=server.url, call_id=location.rpartition("/")[2], api_key=secret.value) as session:
            assert session.receive(timeout=PATIENCE).session.instructions == "Be brief."

    def test_a_web_server_calls_with_its_key_and_says_what_the_session_is(self, server):
        call = calls.create(OFFER, session=BRIEF, url=server.url, api_key=KEY)
        assert call.sdp == ANSWER
        with connect(url=server.url, call_id=call.call_id, api_key=KEY) as session:
            created = session.receive(timeout=PATIENCE).session
        assert (created.instructions, created.model) == ("Be brief.", "gpt-realtime-2.1")
        assert created.expires_at > time.time()

    def test_a_secret_may_come_with_a_form_too_and_the_session_with_changes(self, server):
        secret = secret_of(server, session=BRIEF)
        form = {
            "sdp": (None, OFFER, "application/sdp"),
            "session": (None, '{"type":"realtime","audio":{"output":{"voice":"ash"}}}'),
        }
        answer = requests.post(http(server), files=form, headers=bearer(secret.value), timeout=PATIENCE)
        assert answer.status_code == 201
        call_id = answer.headers["Location"].rpartition("/")[2]
        with connect(url=server.url, call_id=call_id, api_key=KEY) as session:
            created = session.receive(timeout=PATIENCE).session
        assert (created.instructions, created.audio.output.voice) == ("Be brief.", "ash")

    def test_no_two_calls_are_the_same(self, server):
        secret = secret_of(server)
        assert len({begin(server, secret) for _ in range(5)}) == 5

    @pytest.mark.parametrize("path", ["", "/rtc_1/hangup"])
    def test_the_page_of_another_server_may_ask(self, server, path):
        allowed = requests.options(http(server) + path, headers={"Origin": "https://a.test"}, timeout=PATIENCE)
        assert (allowed.status_code, allowed.headers["Access-Control-Allow-Origin"]) == (204, "*")
        assert "Authorization" in allowed.headers["Access-Control-Allow-Headers"]

    @pytest.mark.parametrize(
        ("kind", "body", "status", "code"),
        [
            ("application/sdp", b"", 400, "invalid_offer"),
            ("application/sdp", b"hello", 400, "invalid_offer"),
            ("application/sdp", b"v=0\r\n\xff", 400, "invalid_offer"),
            ("application/sdp", OFFER.replace("audio", "video").encode(), 400, "invalid_offer"),
            ("application/sdp", OFFER.encode().ljust(2**20 + 1, b" "), 413, "request_too_large"),
            ("application/json", b'{"sdp": "v=0"}', 400, "unsupported_content_type"),
            ("", OFFER.encode(), 400, "unsupported_content_type"),
            ("multipart/form-data", OFFER.encode(), 400, "missing_required_parameter"),
            ("multipart/form-data; boundary=x", b"--y\r\n", 400, "missing_required_parameter"),
        ],
    )
    def test_what_is_no_call_is_refused(self, server, lines, kind, body, status, code):
        headers = {"Content-Type": kind, **bearer(secret_of(server).value)}
        answer = requests.post(http(server), body, headers=headers, timeout=PATIENCE)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert lines.calls == []

    @pytest.mark.parametrize(
        ("session", "code"),
        [
            ("{", None),
            ("[]", "invalid_type"),
            ('{"model": "m"}', "missing_required_parameter"),
            ('{"type": "dance"}', "invalid_value"),
            ('{"type": "realtime", "output_modalities": ["smell"]}', "invalid_value"),
        ],
    )
    def test_a_session_that_is_none_is_refused(self, server, lines, session, code):
        form = {"sdp": (None, OFFER, "application/sdp"), "session": (None, session, "application/json")}
        answer = requests.post(http(server), files=form, headers=bearer(KEY), timeout=PATIENCE)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
        assert lines.calls == []

    @pytest.mark.parametrize("key", [None, "sk-wrong-0123456789", "ek_local_unknown0123456789"])
    def test_without_the_key_there_is_no_call(self, server, key):
        answer = requests.post(http(server), OFFER, headers={**SDP, **bearer(key)}, timeout=PATIENCE)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")
        assert answer.headers["Access-Control-Allow-Origin"] == "*"

    def test_a_secret_that_has_expired_begins_no_call(self, server, monkeypatch):
        secret = secret_of(server, expires_after=10)
        now = time.time()
        monkeypatch.setattr("reelthyme_sync.local_server.call_routes.time.time", lambda: now + 11)
        assert refusal_of(lambda: begin(server, secret)) == (401, "invalid_api_key")

    def test_an_offer_that_webrtc_does_not_take_leaves_no_call(self, server, lines):
        lines.refuse = True
        assert refusal_of(lambda: calls.create(OFFER, url=server.url, api_key=KEY)) == (400, "invalid_offer")
        assert lines.calls[0].state == "ended"

    def test_without_aiortc_it_says_what_to_install(self, server, monkeypatch):
        monkeypatch.setattr("reelthyme_sync.local_server.call_routes._has_webrtc", lambda: False)
        with pytest.raises(RequestFailed, match=r'pip install "reelthyme_sync\[webrtc\]"') as caught:
            calls.create(OFFER, url=server.url, api_key=KEY)
        assert caught.value.status == 501

    @pytest.mark.parametrize("path", ["/calls", "/client_secrets"])
    def test_ten_megabytes_are_answered_and_not_cut_off(self, server, path):
        """By a client that reads only when it has sent everything."""
        with posting(server, path, f"Content-Length: {10 * 2**20}") as peer:
            peer.sendall(bytes(10 * 2**20))
            assert peer.recv(12) == b"HTTP/1.1 413"

    def test_a_body_that_cannot_be_read_is_refused(self, server):
        with posting(server, "/calls", "Content-Encoding: gzip\r\nContent-Length: 3") as peer:
            peer.sendall(b"abc")
            assert peer.recv(12) == b"HTTP/1.1 400"

    def test_who_goes_in_the_middle_of_a_body_leaves_nothing_behind(self, server, caplog):
        with posting(server, "/calls", "Content-Length: 100") as peer:
            peer.sendall(b"v=0")
        assert begin(server, secret_of(server))
        assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@given(
    st.sampled_from(["application/sdp", "multipart/form-data; boundary=x", 'Multipart/Form-Data; Boundary="x"'])
    | st.text(max_size=30),
    st.binary(max_size=60)
    | st.lists(
        st.sampled_from([b"--x\r\n", b"--x--", b'Content-Disposition: form-data; name="sdp"\r\n', b"\r\n", b"v=0\r\n"])
        | st.sampled_from([b"m=audio 9 x", b'Content-Disposition: form-data; name="session"\r\n', b"{}", b"\xff", b"="])
        | st.sampled_from([b"Content-Transfer-Encoding: base64\r\n", b"Content-Type: multipart/mixed\r\n"]),
        max_size=14,
    ).map(b"".join),
)
def test_whatever_is_sent_is_a_call_or_refused(kind, body):
    try:
        asked = call_request(kind, body)
    except Refusal:
        return
    assert isinstance(asked, CallRequest)
    assert asked.sdp.startswith("v=0")


def test_no_form_takes_long_to_read():
    """A head of a megabyte took ten minutes, in which the server answered nobody."""
    start = time.process_time()
    with pytest.raises(Refusal):
        call_request("multipart/form-data; boundary=x", b"--x\r\n" + b"content-disposition:" * 50_000)
    assert time.process_time() - start < 5


def test_a_boundary_that_is_no_text_is_one():
    kind = b"multipart/form-data; boundary=\xff".decode(errors="surrogateescape")  # as aiohttp gives it
    body = b'--\xff\r\nContent-Disposition: form-data; name="sdp"\r\n\r\n' + OFFER.encode() + b"\r\n--\xff--\r\n"
    assert call_request(kind, body).sdp == OFFER


def test_a_form_keeps_its_lines_and_its_letters():
    body = (
        '--x\r\nContent-Disposition: form-data; name="sdp"\r\nContent-Type: application/sdp\r\n\r\n'
        f'{OFFER}\r\n--x\r\nContent-Disposition: form-data; name="session"; filename="blob"\r\n\r\n'
        '{"type": "realtime", "instructions": "Sprich schön, 你好"}\r\n--x--\r\n'
    )
    asked = call_request("multipart/form-data; boundary=x", body.encode())
    assert asked.sdp == OFFER
    assert asked.session == {"type": "realtime", "instructions": "Sprich schön, 你好"}


class TestSidebands:
    def test_it_steers_the_call_and_hears_all_of_it(self, server, lines):
        secret = secret_of(server)
        call_id = begin(server, secret)
        with connect(url=server.url, call_id=call_id, api_key=secret.value) as session:
            assert session.receive(timeout=PATIENCE).type == "session.created"
            session.send(SessionUpdate(session=BRIEF))
            assert session.receive(timeout=PATIENCE).session.instructions == "Be brief."
            item = UserMessage(content=[InputText(text="what is seven times six")])
            session.send(ConversationItemCreate(item=item))
            session.send(ResponseCreate())
            told = [event.type for event in until(session, "output_audio_buffer.stopped")]
            assert "response.output_audio.delta" not in told
            assert told.index("response.content_part.added") < told.index("output_audio_buffer.started")
            assert told.index("response.done") < told.index("output_audio_buffer.stopped")
        assert lines.heard[call_id] > pcm.ms_to_bytes(500)

    def test_it_hears_what_the_caller_says(self, server, lines):
        call_id = begin(server, secret_of(server))
        with connect(url=server.url, call_id=call_id, api_key=KEY) as session:
            session.receive(timeout=PATIENCE)
            on_loop(server, lambda _: lines.calls[0].hear(recording(3) + pcm.silence(700)))
            told = until(session, "response.done")
            assert told[0].type == "input_audio_buffer.speech_started"
            assert told[-1].response.output[0].content[0].transcript == "6 times 7 is 42."

    def test_a_client_with_tools_works_beside_a_browser(self, server, lines):
        def get_weather(city: str) -> str:
            """Tell the weather of a city."""
            cities.append(city)
            return "It is sunny."

        cities = []
        call_id = begin(server, secret_of(server))
        with RealtimeClient(url=server.url, call_id=call_id, api_key=KEY) as client:
            client.tool(get_weather)
            assert "sunny" in client.say("What is the weather in Paris?").text(timeout=PATIENCE)
        assert cities == ["Paris"]
        wait_for(lambda: lines.heard[call_id] > 0)

    def test_several_are_told_the_same_and_may_leave(self, server, lines):
        secret = secret_of(server)
        call_id = begin(server, secret)
        with connect(url=server.url, call_id=call_id, api_key=KEY) as one:
            with connect(url=server.url, call_id=call_id, api_key=secret.value) as other:
                one.receive(timeout=PATIENCE)
                other.receive(timeout=PATIENCE)
                one.send(SessionUpdate(session=BRIEF))
                told = one.receive(timeout=PATIENCE)
                assert told.event_id
                assert other.receive(timeout=PATIENCE) == told
            assert lines.calls[0].state == "answered"
            one.send(SessionUpdate(session=RealtimeSession(instructions="Be long.")))
            assert one.receive(timeout=PATIENCE).session.instructions == "Be long."
        with connect(url=server.url, call_id=call_id, api_key=KEY) as late:
            assert late.receive(timeout=PATIENCE).session.instructions == "Be long."

    def test_hanging_up_ends_them_with_1000(self, server):
        secret = secret_of(server)
        call_id = begin(server, secret)
        with connect(url=server.url, call_id=call_id, api_key=KEY) as session:
            session.receive(timeout=PATIENCE)
            calls.hangup(call_id, url=server.url, api_key=secret.value)
            with pytest.raises(ConnectionClosed) as end:
                session.receive(timeout=PATIENCE)
        assert (end.value.code, end.value.reason) == (1000, "the call has ended")
        assert refusal_of(lambda: calls.hangup(call_id, url=server.url, api_key=KEY)) == (404, "call_id_not_found")

    def test_a_key_of_a_telephone_is_told_without_an_id(self, server):
        call = ring(server)
        calls.accept(call.id, url=server.url, api_key=KEY)
        peer = websocket.create_connection(f"{server.url}?call_id={call.id}", timeout=PATIENCE, header=bearer(KEY))
        assert json.loads(peer.recv())["type"] == "session.created"
        on_loop(server, lambda _: call.press("#"))
        told = json.loads(peer.recv())
        assert set(told) == {"type", "event", "received_at"}
        assert (told["type"], told["event"]) == ("input_audio_buffer.dtmf_event_received", "#")
        assert abs(told["received_at"] - time.time()) < PATIENCE
        peer.close()

    def test_nonsense_is_answered_and_ends_nothing(self, server):
        call_id = begin(server, secret_of(server))
        peer = websocket.create_connection(f"{server.url}?call_id={call_id}", timeout=PATIENCE, header=bearer(KEY))
        peer.recv()
        for nonsense in ("{", "[]", '{"type": "dance"}', '{"type": "response.cancel"}'):
            peer.send(nonsense)
            assert json.loads(peer.recv())["type"] == "error"
        peer.close()

    def test_who_does_not_read_holds_up_nobody_and_is_let_go(self, server, monkeypatch, caplog):
        monkeypatch.setattr(listener, "BACKLOG", 300)
        call_id = begin(server, secret_of(server))
        lazy = not_reading(server, f"?call_id={call_id}")
        flood(server, call_id, 500)
        assert "events behind" in caplog.text
        wait_for(lambda: not on_loop(server, lambda app: app._sockets))
        lazy.shutdown()

    def test_who_does_not_read_is_not_let_behind_by_a_few_events_of_any_length(self, server, monkeypatch):
        monkeypatch.setattr(listener, "BACKLOG_LENGTH", 8 * 2**20)
        call_id = begin(server, secret_of(server))
        lazy = not_reading(server, f"?call_id={call_id}")
        flood(server, call_id, 500)  # 16 MiB
        wait_for(lambda: not on_loop(server, lambda app: app._sockets))
        lazy.shutdown()

    def test_who_does_not_read_cannot_hold_up_the_end_of_the_call(self, server):
        call_id = begin(server, secret_of(server))
        lazy = not_reading(server, f"?call_id={call_id}")
        flood(server, call_id, 300)
        calls.hangup(call_id, url=server.url, api_key=KEY)
        wait_for(lambda: not on_loop(server, lambda app: app._sockets))
        lazy.shutdown()

    @pytest.mark.parametrize("to_a_call", [True, False])
    def test_who_does_not_read_cannot_hold_up_the_end_of_the_server(self, server, to_a_call, monkeypatch):
        monkeypatch.setattr(server_module, "_CLOSE_WITHIN", PATIENCE)  # it ends by itself
        if to_a_call:
            call_id = begin(server, secret_of(server))
            lazy = not_reading(server, f"?call_id={call_id}")
            flood(server, call_id, 300)
        else:
            lazy = not_reading(server, "")
            lazy.settimeout(1)
            with pytest.raises(websocket.WebSocketTimeoutException):  # its own responses are held up
                while True:
                    lazy.send(codec.encode(LONG).decode())
        start = time.monotonic()
        server.close()
        assert time.monotonic() - start < 8
        lazy.shutdown()

    def test_who_vanishes_is_forgotten(self, server, lines):
        call_id = begin(server, secret_of(server))
        peer = websocket.create_connection(f"{server.url}?call_id={call_id}", timeout=PATIENCE, header=bearer(KEY))
        peer.recv()
        peer.sock.close()
        with connect(url=server.url, call_id=call_id, api_key=KEY) as session:
            session.receive(timeout=PATIENCE)
            session.send(SessionUpdate(session=BRIEF))
            until(session, "session.updated")
        assert lines.calls[0].state == "answered"


class TestWhoMay:
    def refused(self, server, call_id, key):
        with pytest.raises(ConnectFailed) as caught, connect(url=server.url, call_id=call_id, api_key=key):
            pass
        return caught.value.status, json.loads(caught.value.body)["error"]["code"]

    def test_nobody_follows_what_is_not_theirs_or_is_no_call(self, server):
        own, other = secret_of(server), secret_of(server)
        call_id = begin(server, own)
        unknown = (404, "call_id_not_found")
        assert self.refused(server, call_id, other.value) == unknown
        assert self.refused(server, "rtc_unknown", KEY) == unknown
        assert refusal_of(lambda: calls.hangup(call_id, url=server.url, api_key=other.value)) == unknown
        calls.hangup(call_id, url=server.url, api_key=own.value)
        assert self.refused(server, call_id, KEY) == unknown

    @pytest.mark.parametrize("key", ["sk-wrong-0123456789", None, "ek_local_unknown0123456789"])
    def test_a_wrong_key_is_told_so_as_ever(self, server, key):
        call_id = begin(server, secret_of(server))
        with connect(url=server.url, call_id=call_id, api_key=key) as session:
            assert session.receive(timeout=PATIENCE).error.code == "invalid_api_key"
            with pytest.raises(ConnectionLost) as end:
                session.receive(timeout=PATIENCE)
        assert end.value.code == 3000
        assert refusal_of(lambda: calls.hangup(call_id, url=server.url, api_key=key)) == (401, "invalid_api_key")

    def test_where_any_key_is_taken_a_call_is_still_its_owners(self, opening):
        server = opening()
        secret = create_client_secret(url=server.url, api_key="sk-mine-0123456789")
        call_id = begin(server, secret)
        for key in (secret.value, "sk-mine-0123456789"):
            with connect(url=server.url, call_id=call_id, api_key=key) as session:
                assert session.receive(timeout=PATIENCE).type == "session.created"
        for key in ("sk-other-0123456789", None, create_client_secret(url=server.url).value):
            assert self.refused(server, call_id, key) == (404, "call_id_not_found")

    def test_a_telephone_call_is_for_every_key_and_for_no_secret(self, opening):
        server = opening()
        call = ring(server)
        assert self.refused(server, call.id, "sk-any-0123456789") == (404, "call_id_not_found")  # it rings
        calls.accept(call.id, url=server.url, api_key="sk-one-0123456789")
        with connect(url=server.url, call_id=call.id, api_key="sk-two-0123456789") as session:
            assert session.receive(timeout=PATIENCE).type == "session.created"
        secret = create_client_secret(url=server.url)
        assert self.refused(server, call.id, secret.value) == (404, "call_id_not_found")

    def test_no_secret_and_no_key_is_logged(self, server, caplog):
        with caplog.at_level(logging.DEBUG):
            secret = secret_of(server)
            call_id = begin(server, secret)
            with connect(url=server.url, call_id=call_id, api_key=secret.value) as session:
                session.receive(timeout=PATIENCE)
        assert secret.value not in caplog.text
        assert KEY not in caplog.text


class TestTelephones:
    def test_one_is_accepted_with_its_session(self, server):
        call = ring(server)
        assert call.state == "ringing"
        calls.accept(call.id, session=BRIEF, url=server.url, api_key=KEY)
        assert call.state == "answered"
        with connect(url=server.url, call_id=call.id, api_key=KEY) as session:
            assert session.receive(timeout=PATIENCE).session.instructions == "Be brief."
        assert refusal_of(lambda: calls.accept(call.id, url=server.url, api_key=KEY)) == (400, "call_not_ringing")
        assert refusal_of(lambda: calls.reject(call.id, url=server.url, api_key=KEY)) == (400, "call_not_ringing")

    def test_one_is_rejected(self, server):
        call = ring(server)
        calls.reject(call.id, status_code=486, url=server.url, api_key=KEY)
        assert (call.state, call.sip_code) == ("ended", 486)
        assert refusal_of(lambda: calls.accept(call.id, url=server.url, api_key=KEY)) == (404, "call_id_not_found")

    def test_one_is_passed_on_when_it_has_been_accepted(self, server):
        call = ring(server)

        def refer():
            calls.refer(call.id, "tel:+14155550123", url=server.url, api_key=KEY)

        assert refusal_of(refer) == (400, "call_not_referable")
        calls.accept(call.id, url=server.url, api_key=KEY)
        refer()
        assert (call.state, call.target_uri) == ("ended", "tel:+14155550123")

    def test_one_rings_off(self, server):
        call = ring(server)
        on_loop(server, lambda _: call.hang_up())
        assert refusal_of(lambda: calls.accept(call.id, url=server.url, api_key=KEY)) == (404, "call_id_not_found")

    def test_the_call_of_a_browser_is_none(self, server):
        call_id = begin(server, secret_of(server))
        assert refusal_of(lambda: calls.accept(call_id, url=server.url, api_key=KEY)) == (400, "call_not_ringing")
        refusal = refusal_of(lambda: calls.refer(call_id, "tel:+1", url=server.url, api_key=KEY))
        assert refusal == (400, "call_not_referable")

    @pytest.mark.parametrize(
        ("verb", "body", "status", "code"),
        [
            ("accept", "{", 400, None),
            ("accept", "[]", 400, "invalid_type"),
            ("accept", "{}", 400, "missing_required_parameter"),
            ("accept", '{"type": "transcription"}', 400, "invalid_value"),
            ("accept", '{"type": "realtime", "model": 5}', 400, "invalid_type"),
            ("reject", '{"status_code": 200}', 400, "invalid_value"),
            ("reject", '{"status_code": "486"}', 400, "invalid_value"),
            ("refer", "{}", 400, "missing_required_parameter"),
            ("refer", '{"target_uri": 5}', 400, "invalid_value"),
            ("refer", '{"target_uri": "https://a.test"}', 400, "invalid_value"),
            ("dance", "{}", 404, "invalid_value"),
        ],
    )
    def test_what_is_refused(self, server, verb, body, status, code):
        call = ring(server)
        answer = requests.post(f"{http(server)}/{call.id}/{verb}", body, headers=bearer(KEY), timeout=PATIENCE)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
        assert call.state == "ringing"


class TestEnds:
    def test_the_time_of_a_call_is_up(self, opening, monkeypatch):
        up = asyncio.Event()

        async def sleep(seconds):
            assert seconds == 1800.0
            await up.wait()

        quick = SimpleNamespace(**{**vars(asyncio), "sleep": sleep})
        monkeypatch.setattr("reelthyme_sync.local_server.call.asyncio", quick)
        server = opening(lifetime=1800.0)
        secret = create_client_secret(url=server.url)
        call_id = begin(server, secret)
        with connect(url=server.url, call_id=call_id, api_key=secret.value) as session:
            assert session.receive(timeout=PATIENCE).type == "session.created"
            on_loop(server, lambda _: up.set())
            assert session.receive(timeout=PATIENCE).error.code == "session_expired"
            with pytest.raises(ConnectionClosed) as end:
                session.receive(timeout=PATIENCE)
        assert end.value.code == 1000

    def test_the_end_of_the_server_is_the_end_of_its_calls(self, opening, lines, monkeypatch):
        monkeypatch.setattr(server_module, "_CLOSE_WITHIN", PATIENCE)  # it ends by itself
        server = opening()
        secret = create_client_secret(url=server.url)
        ids = [begin(server, secret) for _ in range(3)]
        with connect(url=server.url, call_id=ids[0], api_key=secret.value) as session:
            session.receive(timeout=PATIENCE)
            session.send(ConversationItemCreate(item=UserMessage(content=[InputText(text="Tell me a story")])))
            session.send(ResponseCreate())
            until(session, "output_audio_buffer.started")
            start = time.monotonic()
            server.close()
            assert time.monotonic() - start < 8
            with pytest.raises(ConnectionLost):
                until(session, "nothing")
        assert {call.state for call in lines.calls} == {"ended"}

    def test_a_sideband_that_fails_says_so_and_ends_alone(self, server, lines, monkeypatch, caplog):
        call_id = begin(server, secret_of(server))
        with connect(url=server.url, call_id=call_id, api_key=KEY) as session:
            session.receive(timeout=PATIENCE)

            def fail(_):
                raise ZeroDivisionError

            monkeypatch.setattr(lines.calls[0], "receive", fail)
            session.send(ResponseCreate())
            with pytest.raises(ConnectionLost):
                until(session, "nothing")
        wait_for(lambda: "ZeroDivisionError" in caplog.text)
        assert lines.calls[0].state == "answered"

    def test_a_call_that_fails_ends(self, server, lines, monkeypatch, caplog):
        call_id = begin(server, secret_of(server))

        async def fail(*_):
            raise ZeroDivisionError

        monkeypatch.setattr("reelthyme_sync.local_server.speech.Speech.speak", fail)
        with connect(url=server.url, call_id=call_id, api_key=KEY) as session:
            session.receive(timeout=PATIENCE)
            session.send(ResponseCreate())
            with pytest.raises(ConnectionLost) as end:
                until(session, "nothing")
        assert end.value.code == 1011
        assert "the local server failed" in caplog.text


def test_all_of_it_over_tls(opening):
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    server = opening(tls=context)
    secret = create_client_secret(url=server.url, ssl_context=trusting)
    call = calls.create(OFFER, client_secret=secret, url=server.url, ssl_context=trusting)
    with connect(url=server.url, call_id=call.call_id, api_key=secret.value, ssl_context=trusting) as session:
        assert session.receive(timeout=PATIENCE).type == "session.created"
        calls.hangup(call.call_id, url=server.url, api_key=secret.value, ssl_context=trusting)
        with pytest.raises(ConnectionClosed) as end:
            session.receive(timeout=PATIENCE)
    assert end.value.code == 1000
