"""What the reference client's own tests assert, against the local server: the same sixteen, in the same order.

They were written for an event loop, in which nothing comes between a request and the wait for its answer. Here a
thread reads meanwhile, and they hold all the same.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from reelthyme_sync.cli.recordings import questions
from reelthyme_sync.client import RealtimeAPI, RealtimeClient
from reelthyme_sync.local_server import serve
from reelthyme_sync.testing import PATIENCE

KEY = "sk-test-right"


@pytest.fixture
def url() -> Iterator[str]:
    with serve(api_key=KEY) as server:
        yield server.url


def test_t1_an_api_without_a_key_can_be_made(url):
    assert isinstance(RealtimeAPI(url=url), RealtimeAPI)


def test_t2_and_t3_it_connects_without_a_key_and_is_told_that_it_is_wrong(url):
    api = RealtimeAPI(url=url)
    assert api.connect() is True
    error = api.wait_for_next("server.error", timeout=PATIENCE)
    assert "Incorrect API key provided" in error.error.message
    api.disconnect()


def test_t4_to_t6_with_the_key_it_connects_and_disconnects(url):
    api = RealtimeAPI(url=url, api_key=KEY)
    assert KEY not in repr(vars(api)) + repr(api)  # it is kept, where nobody sees it
    assert api.connect() is True
    assert api.is_connected() is True
    api.disconnect()
    assert api.is_connected() is False


@pytest.mark.parametrize("headers", [{}, {"Sec-WebSocket-Protocol": "realtime"}], ids=["t7-t14", "t15-subprotocol"])
def test_t7_to_t15_a_conversation_in_writing(url, headers):
    client = RealtimeClient(url=url, api_key=KEY, headers=headers)
    assert client.update_session(instructions="Say hello to the user.") is True
    told = []
    client.on("realtime.event", told.append)
    assert client.realtime
    assert client.conversation

    assert client.connect() is True
    assert client.is_connected() is True

    assert client.wait_for_session_created(PATIENCE) is True
    assert [(each.source, each.event.type) for each in told[:2]] == [
        ("client", "session.update"),
        ("server", "session.created"),
    ]

    before = len([each for each in told if each.source == "client"])
    assert client.send_user_message_content([{"type": "input_text", "text": "Repeat: I like San Francisco."}]) is True
    item = client.wait_for_next_item(PATIENCE)
    assert (item.type, item.role, item.status) == ("message", "user", "completed")
    assert item.formatted.text == "Repeat: I like San Francisco."
    sent = [each.event.type for each in told if each.source == "client"][before:]
    assert sent == ["conversation.item.create", "response.create"]

    item = client.wait_for_next_item(PATIENCE)
    assert (item.type, item.role, item.status) == ("message", "assistant", "in_progress")
    assert item.formatted.text == ""

    item = client.wait_for_next_completed_item(PATIENCE)
    assert (item.type, item.role, item.status) == ("message", "assistant", "completed")
    assert "san francisco" in item.formatted.transcript.lower()

    client.disconnect()
    assert client.is_connected() is False


def test_t16_a_message_that_is_spoken(url):
    with RealtimeClient(url=url, api_key=KEY) as client:
        sound = np.frombuffer(questions()[2], "<i2").astype(np.float32) / 0x8000
        client.send_user_message_content([{"type": "input_audio", "audio": sound}])
        item = client.wait_for_next_item(PATIENCE)
        assert (item.type, item.role, item.status) == ("message", "user", "completed")
        assert item.formatted.text == ""
        item = client.wait_for_next_item(PATIENCE)
        assert (item.type, item.role, item.status) == ("message", "assistant", "in_progress")
        item = client.wait_for_next_completed_item(PATIENCE)
        assert (item.type, item.role, item.status) == ("message", "assistant", "completed")
        assert "42" in item.formatted.transcript
