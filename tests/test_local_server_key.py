import json
import logging

import pytest
import websocket

from reelthyme_sync import codec, connect
from reelthyme_sync.errors import ConnectionLost
from reelthyme_sync.local_server import serve
from reelthyme_sync.local_server.api_keys import key_error, presented_key

KEY = "sk-right-0123456789"
WRONG = "sk-wrong-secret-abcd"
PATIENCE = 20


@pytest.fixture(scope="module")
def server():
    with serve(api_key=KEY) as server:
        yield server


def test_the_right_key_is_taken(server):
    with connect(url=server.url, api_key=KEY) as session:
        assert session.receive(timeout=PATIENCE).type == "session.created"


def test_a_wrong_key_gets_the_services_error_and_then_the_end(server, caplog):
    with caplog.at_level(logging.DEBUG), connect(url=server.url, api_key=WRONG) as session:
        error = session.receive(timeout=PATIENCE)
        assert (error.error.type, error.error.code) == ("invalid_request_error", "invalid_api_key")
        assert error.error.message == "Incorrect API key provided: sk-…abcd."
        with pytest.raises(ConnectionLost) as end:
            session.receive(timeout=PATIENCE)
    assert end.value.code == 3000
    assert WRONG not in caplog.text
    assert KEY not in caplog.text


@pytest.mark.parametrize(("key", "first"), [(KEY, "session.created"), (WRONG, "error")])
def test_a_browser_presents_its_key_as_a_subprotocol(server, key, first):
    subprotocols = ["realtime", f"openai-insecure-api-key.{key}"]
    socket = websocket.create_connection(server.url, timeout=PATIENCE, subprotocols=subprotocols)
    assert json.loads(socket.recv())["type"] == first
    socket.close()


def test_a_key_that_would_be_logged_is_refused_before_it_is(server, caplog):
    with caplog.at_level(logging.DEBUG), pytest.raises(websocket.WebSocketBadStatusException):
        websocket.create_connection(server.url, timeout=PATIENCE, subprotocols=[f"openai-insecure-api-key.{WRONG}"])
    assert WRONG not in caplog.text


def test_no_key_is_no_right_key(server):
    with connect(url=server.url) as session:
        assert session.receive(timeout=PATIENCE).error.message == "Incorrect API key provided: there is none."


def test_a_server_without_a_key_takes_any():
    assert key_error(None, {"Authorization": f"Bearer {WRONG}"}) is None
    assert key_error(None, {}) is None


@pytest.mark.parametrize("key", ["x", "short-key", "fifteen-letters"])
def test_a_short_key_is_not_shown_at_all(key):
    error = key_error(KEY, {"Authorization": f"Bearer {key}"})
    assert error is not None
    assert error.error.message == "Incorrect API key provided: …."


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Basic x"}, {"Authorization": "Bearer "}, {"Authorization": ""}]
)
def test_what_is_no_key(headers):
    assert presented_key(headers) is None


@pytest.mark.parametrize("wanted", [None, KEY])
def test_a_key_that_is_no_text_is_a_wrong_one(wanted):
    key = b"ek_local_\xff\xfe0123456789\xff".decode(errors="surrogateescape")  # as aiohttp gives it
    for headers in ({"Authorization": f"Bearer {key}"}, {"Sec-WebSocket-Protocol": f"openai-insecure-api-key.{key}"}):
        error = key_error(wanted, headers)
        assert error is not None
        assert b"Incorrect API key" in codec.encode(error)


def test_the_server_does_not_show_its_key(server):
    assert KEY not in repr(server)
    assert KEY not in repr(server._options)
