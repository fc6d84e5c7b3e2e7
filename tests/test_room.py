import gc
import weakref

import pytest
from echo_fakes import Subtracting

from reelthyme_sync import Session
from reelthyme_sync.audio import full_duplex
from reelthyme_sync.room import Room, room_of
from reelthyme_sync.testing import FakeMicrophone, FakeSpeaker, ScriptedTransport


@pytest.fixture
def joined(monkeypatch):
    """The pairs that were to become one stream."""
    pairs = []
    monkeypatch.setattr(full_duplex, "join", lambda speaker, microphone: pairs.append((speaker, microphone)))
    return pairs


def test_speaker_and_microphone_are_joined_whichever_comes_first(joined):
    for order in (0, 1):
        room, speaker, microphone = Room(), FakeSpeaker(), FakeMicrophone()
        steps = [lambda room=room, it=speaker: room.play(it)]
        steps.insert(order, lambda room=room, it=microphone: room.listen(it, Subtracting()))
        for step in steps:
            step()
        assert joined.pop() == (speaker, microphone)
        assert not joined


def test_another_speaker_and_another_microphone_are_joined_too(joined):
    room, microphone = Room(), FakeMicrophone()
    room.listen(microphone, Subtracting())
    first, second, another = FakeSpeaker(), FakeSpeaker(), FakeMicrophone()
    room.play(first)
    room.play(second)
    room.listen(another, Subtracting())
    assert joined == [(first, microphone), (second, microphone), (second, another)]


def test_nothing_is_joined_for_a_microphone_that_may_hear_the_speaker(joined):
    room = Room()
    room.play(FakeSpeaker())
    assert not joined


def test_a_session_has_one_room_which_goes_with_it():
    transport = ScriptedTransport()
    with Session(transport) as session, Session(ScriptedTransport()) as another:
        assert room_of(session) is room_of(session)
        assert room_of(session) is not room_of(another)
    room = weakref.ref(room_of(session))
    del session, another, transport
    gc.collect()
    assert room() is None
