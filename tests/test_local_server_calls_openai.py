"""OpenAI's own package as the web server of a browser that calls the local server."""

import asyncio
import re

import openai
import pytest
from call_lines import PATIENCE
from webrtc_peer import calling

from reelthyme_sync import pcm
from reelthyme_sync.local_server import serve
from reelthyme_sync.local_server.webrtc import peer

KEY = "sk-right-0123456789"


@pytest.fixture
def server():
    with serve(api_key=KEY) as server:
        yield server


@pytest.fixture
def client(server):
    base = re.sub("^ws", "http", server.url).removesuffix("/realtime")
    with openai.OpenAI(api_key=KEY, base_url=base, max_retries=0, timeout=PATIENCE) as client:
        yield client


def calling_by(ask):
    """A peer whose offer is answered by a function that blocks; with the id of its call."""
    found = []

    async def asking(offer):
        answer = await asyncio.to_thread(ask, offer)
        found.append(answer.response.headers["Location"].rpartition("/")[2])
        return answer.text

    return calling(asking), found


def test_it_makes_a_call_follows_it_and_hangs_up(client, monkeypatch):
    monkeypatch.setattr(peer, "_FLUSH_WITHIN", PATIENCE)  # 0.5 s pass when a machine stands still

    def ask(offer):
        return client.realtime.calls.create(sdp=offer, session={"type": "realtime", "instructions": "Be brief."})

    def follow(call_id):
        with client.realtime.connect(call_id=call_id) as connection:
            assert connection.recv().session.instructions == "Be brief."
            connection.session.update(session={"type": "realtime", "instructions": "Be long."})
            assert connection.recv().session.instructions == "Be long."
            text = {"type": "input_text", "text": "what is seven times six"}
            connection.conversation.item.create(item={"type": "message", "role": "user", "content": [text]})
            connection.response.create()
            told = []
            for event in connection:
                told.append(event.type)
                if event.type == "output_audio_buffer.stopped":
                    break
            client.realtime.calls.hangup(call_id)
            assert list(connection) == []
        return told

    async def call():
        connecting, found = calling_by(ask)
        async with connecting as far_side:
            told = await asyncio.to_thread(follow, found[0])
            assert told.index("output_audio_buffer.started") < len(told) - 1 > told.index("response.done")
            assert "response.output_audio.delta" not in told
            await asyncio.wait_for(far_side.closed.wait(), PATIENCE)
            assert [event["type"] for event in far_side.events if event["type"] in told] == told
            assert len(bytes(far_side.heard).replace(b"\0\0", b"")) > pcm.ms_to_bytes(1000)

    asyncio.run(call())


def test_a_browser_calls_with_its_secret(client):
    secret = client.realtime.client_secrets.create(session={"type": "realtime", "instructions": "Be brief."})

    def ask(offer):
        with openai.OpenAI(api_key=secret.value, base_url=client.base_url, max_retries=0) as browser:
            return browser.realtime.calls.create(sdp=offer)

    async def call():
        connecting, found = calling_by(ask)
        async with connecting as far_side:
            created = await far_side.event("session.created")
            assert created["session"]["instructions"] == "Be brief."
            assert found[0].startswith("rtc_")

    asyncio.run(call())


def test_it_understands_the_refusals(client):
    with pytest.raises(openai.BadRequestError) as garbage:
        client.realtime.calls.create(sdp="garbage")
    assert garbage.value.code == "invalid_offer"
    with pytest.raises(openai.NotFoundError) as unknown:
        client.realtime.calls.hangup("rtc_unknown")
    assert unknown.value.code == "call_id_not_found"
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="sk-wrong-0123456789").realtime.calls.hangup("rtc_unknown")
