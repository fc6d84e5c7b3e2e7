"""An interruption before the answer has begun to sound: nothing of it is heard, whatever came with its beginning."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reelthyme_sync import Session
from reelthyme_sync.client import RealtimeClient
from reelthyme_sync.events import (
    AssistantMessage,
    ConversationItemAdded,
    Response,
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioDone,
)
from reelthyme_sync.pcm import encode_base64, ms_to_bytes
from reelthyme_sync.testing import PATIENCE, FakeSpeaker, ScriptedTransport

LOUD = b"\x11\x11" * (ms_to_bytes(40) // 2)


def spoken(number: int) -> list:
    """An answer from its beginning to the end of its sound."""
    item = AssistantMessage(id=f"item_{number}", status="in_progress", content=[])
    place = {"response_id": f"resp_{number}", "item_id": f"item_{number}"}
    return [
        ResponseCreated(response=Response(id=f"resp_{number}", status="in_progress", conversation_id="conv_1")),
        ConversationItemAdded(item=item, previous_item_id=None),
        ResponseOutputAudioDelta(**place, delta=encode_base64(LOUD)),
        ResponseOutputAudioDone(**place),
    ]


def done(number: int, status: str) -> ResponseDone:
    return ResponseDone(response=Response(id=f"resp_{number}", status=status, conversation_id="conv_1"))


@pytest.fixture
def speaker() -> FakeSpeaker:
    return FakeSpeaker()


@pytest.fixture
def client(transport: ScriptedTransport, speaker: FakeSpeaker) -> Iterator[RealtimeClient]:
    with RealtimeClient(Session(transport)) as client:
        client.play(speaker)
        yield client


@pytest.mark.parametrize("interrupt", ["interrupt", "cancel"])
def test_what_is_not_wanted_before_it_begins_is_never_heard(client, transport, speaker, interrupt):
    pending = client.say("Tell me a tale.")
    if interrupt == "interrupt":
        client.interrupt()
    else:
        pending.cancel()
    transport.push(*spoken(1))
    assert transport.wait_sent("response.cancel")["response_id"] == "resp_1"
    assert transport.wait_sent("conversation.item.delete")["item_id"] == "item_1"
    transport.push(done(1, "cancelled"))
    assert pending.wait(PATIENCE).status == "cancelled"

    client.say("Go on.")
    transport.wait_sent("response.create", count=2)
    transport.push(*spoken(2), done(2, "completed"))
    speaker.wait_waiting(40)
    assert speaker.advance(40) == LOUD
    assert not speaker.waiting


def test_a_question_beside_that_is_not_wanted_any_more_silences_nobody(client, transport, speaker):
    client.say("Tell me a tale.")
    transport.push(*spoken(1))
    beside = client.ask("Is the user content?", conversation="none")
    beside.cancel()
    metadata = transport.wait_sent("response.create", count=2)["response"]["metadata"]
    transport.push(ResponseCreated(response=Response(id="resp_2", status="in_progress", metadata=metadata)))
    assert transport.wait_sent("response.cancel")["response_id"] == "resp_2"
    transport.push(done(1, "completed"))
    assert client.wait_for_next("reply", PATIENCE).status == "completed"
    speaker.wait_waiting(40)
    assert speaker.advance(40) == LOUD
