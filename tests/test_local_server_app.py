"""The local server over real sockets, as a client meets it."""

import base64
import contextlib
import importlib.util
import json
import logging
import math
import socket
import ssl
import struct
import threading
import time

import numpy as np
import pytest
import trustme
import websocket
from test_vad import recording

from reelthyme_sync import local_server, pcm
from reelthyme_sync.local_server import LocalServer, LocalServerUnavailable, serve

PATIENCE = 20


class Client:
    """A bare WebSocket that speaks JSON."""

    def __init__(self, url, **options):
        self.socket = websocket.create_connection(url, timeout=PATIENCE, **options)

    def send(self, kind, **fields):
        self.socket.send(json.dumps({"type": kind, **fields}))

    def receive(self):
        return json.loads(self.socket.recv())

    def until(self, kind):
        """All events up to the first of this type."""
        events = [self.receive()]
        while events[-1]["type"] != kind:
            events.append(self.receive())
        return events

    def ask(self, text):
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        self.send("conversation.item.create", item=item)
        self.send("response.create")

    def say(self, sound):
        for start in range(0, len(sound), 4800):
            self.send("input_audio_buffer.append", audio=pcm.encode_base64(sound[start : start + 4800]))


@pytest.fixture
def server():
    with serve(speed=math.inf) as server:
        yield server


@pytest.fixture
def connect():
    with contextlib.ExitStack() as stack:

        def connecting(server, query="", **options):
            client = Client(server.url + query, **options)
            stack.callback(client.socket.shutdown)
            return client

        yield connecting


def kinds(events):
    return [event["type"] for event in events]


def spoken(events):
    return b"".join(base64.b64decode(event["delta"]) for event in events if event["type"].endswith("audio.delta"))


def transcript(events):
    return next(event["transcript"] for event in events if event["type"].endswith("transcript.done"))


def test_a_conversation_by_voice_with_a_tool_and_an_interruption(connect):
    with serve(speed=8) as server:
        client = connect(server, "?model=gpt-realtime-mini")
        assert client.receive()["session"]["model"] == "gpt-realtime-mini"
        parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
        client.send(
            "session.update",
            session={
                "type": "realtime",
                "audio": {"input": {"transcription": {"model": "whisper-1"}}},
                "tools": [{"type": "function", "name": "get_weather", "parameters": parameters}],
            },
        )

        client.say(recording(1) + pcm.silence(700))
        events = client.until("rate_limits.updated")
        assert kinds(events)[:7] == [
            "session.updated",
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
            "response.created",
        ]
        completed = next(event for event in events if event["type"].endswith("transcription.completed"))
        assert completed["transcript"] == "hello how are you today"
        assert transcript(events).startswith("Hello! I am fine")
        sound = np.frombuffer(spoken(events), np.int16).astype(np.float64)
        assert 2 < len(sound) / 24_000 < 8
        assert np.sqrt(np.mean(sound**2)) > 500

        client.say(recording(2) + pcm.silence(700))
        (call,) = client.until("response.done")[-1]["response"]["output"]
        assert (call["name"], json.loads(call["arguments"])) == ("get_weather", {"city": "Paris"})
        forecast = "It will be sunny in the morning, and cloudy in the afternoon. " * 20  # 12 s to be interrupted in
        output = {"type": "function_call_output", "call_id": call["call_id"], "output": forecast}
        client.send("conversation.item.create", item=output)
        client.send("response.create")
        client.until("response.output_audio.delta")

        client.say(recording(3) + pcm.silence(700))
        cancelled = client.until("response.done")[-1]["response"]
        assert (cancelled["status"], cancelled["status_details"]["reason"]) == ("cancelled", "turn_detected")
        client.send(
            "conversation.item.truncate", item_id=cancelled["output"][0]["id"], content_index=0, audio_end_ms=100
        )
        events = client.until("response.done")
        assert "conversation.item.truncated" in kinds(events)
        assert transcript(events) == "6 times 7 is 42."


def test_responses_stream_faster_than_real_time_but_not_at_once(connect):
    with serve(speed=4) as server:
        client = connect(server)
        start = time.monotonic()
        client.ask("what is seven times six")
        ms = pcm.bytes_to_ms(len(spoken(client.until("response.output_audio.done"))))
        assert time.monotonic() - start > 0.5 * ms / 1000 / 4
        client.ask("Tell me a story")
        client.until("response.output_audio.delta")
        client.send("response.cancel")
        assert client.until("response.done")[-1]["response"]["status"] == "cancelled"


def test_nonsense_does_not_end_the_session(server, connect):
    client = connect(server)
    client.until("session.created")
    for nonsense in ("{", "[]", '{"no": "type"}'):
        client.socket.send(nonsense)
        assert client.receive()["error"]["code"] == "invalid_event"
    client.socket.send_binary(b'{"type": "response.cancel"}')
    assert client.receive()["error"]["code"] == "response_cancel_not_active"


def test_fifteen_mebibytes_of_audio_in_one_event(server, connect):
    client = connect(server, "?intent=transcription")
    assert client.receive()["session"]["type"] == "transcription"
    off = {"type": "transcription", "audio": {"input": {"turn_detection": None}}}
    client.send("session.update", session=off)
    client.send("input_audio_buffer.append", audio=pcm.encode_base64(bytes(15 * 2**20)))
    client.send("input_audio_buffer.clear")
    assert kinds(client.until("input_audio_buffer.cleared")) == ["session.updated", "input_audio_buffer.cleared"]


def test_a_message_that_is_too_long_ends_only_its_own_session(server, connect):
    client, other = connect(server), connect(server)
    client.until("session.created")
    with contextlib.suppress(ConnectionError):  # the server may close before all of it has been sent
        client.send("input_audio_buffer.append", audio="A" * 25 * 2**20)
        opcode, data = client.socket.recv_data()
        assert (opcode, struct.unpack("!H", data[:2])) == (websocket.ABNF.OPCODE_CLOSE, (1009,))
    other.ask("hello")
    assert other.until("response.done")


def test_pings_and_the_close_are_answered(server, connect):
    client = connect(server, subprotocols=["realtime"])
    client.until("session.created")
    client.socket.ping("still there?")
    opcode, frame = client.socket.recv_data_frame(control_frame=True)
    assert (opcode, frame.data) == (websocket.ABNF.OPCODE_PONG, b"still there?")
    client.socket.send_close(1000)
    opcode, data = client.socket.recv_data()
    assert (opcode, data[:2]) == (websocket.ABNF.OPCODE_CLOSE, struct.pack("!H", 1000))


def test_a_client_that_vanishes_leaves_nothing_behind(connect, caplog):
    with serve(speed=8) as server:
        gone = connect(server)
        gone.ask("Tell me a story")
        gone.say(recording(3) + pcm.silence(700))
        gone.until("response.output_audio.delta")
        reset = struct.pack("ii", 1, 0)
        gone.socket.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        gone.socket.sock.close()
        other = connect(server)
        other.ask("hello")
        assert other.until("response.done")
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_close_ends_every_session_soon_and_may_be_repeated(connect, monkeypatch):
    monkeypatch.setattr("reelthyme_sync.local_server.server._CLOSE_WITHIN", PATIENCE)  # it ends by itself
    server = serve()
    clients = [connect(server) for _ in range(3)]
    clients[0].say(recording(2) + pcm.silence(700))
    clients[0].until("response.created")  # the ears are at work
    clients[1].ask("Tell me a story")
    clients[1].until("response.output_audio.delta")
    start = time.monotonic()
    closers = [threading.Thread(target=server.close) for _ in range(4)]
    for closer in closers:
        closer.start()
    for closer in closers:
        closer.join()
    assert time.monotonic() - start < 8
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("reelthyme-")]
    server.close()
    opcode, data = clients[2].socket.recv_data()
    while opcode == websocket.ABNF.OPCODE_TEXT:
        opcode, data = clients[2].socket.recv_data()
    assert struct.unpack("!H", data[:2]) == (1001,)
    with pytest.raises(ConnectionError):
        Client(server.url)


def test_it_listens_on_loopback_and_says_where(server):
    assert server.url.startswith("ws://127.0.0.1:")
    assert server.url.endswith("/v1/realtime")
    assert server.url in repr(server)
    assert isinstance(server, LocalServer)


def test_tls(connect):
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with serve(tls=context) as server:
        assert server.url.startswith("wss://")
        client = connect(server, sslopt={"context": trusting})
        assert client.receive()["type"] == "session.created"


def test_a_script_answers(tmp_path, connect):
    script = tmp_path / "script.json"
    script.write_text('[{"when": "hours", "say": "Nine to five."}]')
    with serve(script=script, speed=math.inf) as server:
        client = connect(server)
        client.ask("What are your hours?")
        assert transcript(client.until("response.done")) == "Nine to five."


def test_a_port_that_is_taken_is_the_callers_error(server):
    port = int(server.url.split(":")[2].split("/")[0])
    with pytest.raises(OSError, match="address already in use"):
        serve(port=port)


def test_a_job_that_fails_ends_the_session(server, connect, caplog, monkeypatch):
    monkeypatch.setattr("reelthyme_sync.local_server.voice.Voice.speak", lambda *_: 1 / 0)
    client = connect(server)
    client.ask("hello")
    client.until("response.created")
    opcode, data = client.socket.recv_data()
    assert (opcode, struct.unpack("!H", data[:2])) == (websocket.ABNF.OPCODE_CLOSE, (1011,))
    assert "the local server failed" in caplog.text


def test_without_aiohttp_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(LocalServerUnavailable, match=r"pip install .*\[local\]") as caught:
        serve()
    assert isinstance(caught.value, ImportError)


def test_the_package_has_no_other_names():
    with pytest.raises(AttributeError, match="no_such_name"):
        local_server.no_such_name  # noqa: B018 - the access is the test


def updated_with(server, **session):
    client = Client(server.url)
    with contextlib.closing(client.socket):
        client.receive()
        client.send("session.update", event_id="mine", session={"type": "realtime", **session})
        return client.receive()


@pytest.mark.parametrize(
    ("session", "param"),
    [
        ({"voice": "cedar"}, "session.voice"),
        ({"audio": {"input": {"turn_detection": {"type": "server_vad", "patience": 3}}}}, "turn_detection.patience"),
        (
            {"tools": [{"type": "function", "name": "a"}, {"type": "function", "name": "b", "x": 1}]},
            "session.tools[1].x",
        ),
    ],
)
def test_a_parameter_that_there_is_not_is_refused_by_its_path(server, session, param):
    refused = updated_with(server, **session)
    assert (refused["type"], refused["error"]["code"]) == ("error", "unknown_parameter")
    assert refused["error"]["param"].endswith(param)
    assert refused["error"]["event_id"] == "mine"


def test_whatever_a_session_may_be_told_is_known(server):
    schema = {"type": "object", "properties": {"x": {"anything": [{"goes": None}]}}}
    turn_detection = {"type": "semantic_vad", "eagerness": "low"}
    told = updated_with(
        server,
        instructions="Be brief.",
        audio={"input": {"turn_detection": turn_detection, "transcription": None}, "output": {"speed": 1}},
        tools=[{"type": "function", "name": "a", "parameters": schema}, {"type": "new", "of": {"them": 1}}],
        tracing={"metadata": {"a": {"b": 1}}},
        prompt={"id": "p", "variables": {"name": "x"}},
        include=["item.input_audio_transcription.logprobs"],
    )
    assert told["type"] == "session.updated"
