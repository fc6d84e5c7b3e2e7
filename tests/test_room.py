import gc
import weakref

import pytest
from echo_fakes import Subtracting

from reelthyme_sync import Session, capture_audio, stream
from reelthyme_sync.audio import full_duplex
from reelthyme_sync.room import Room
from reelthyme_sync.testing import FakeMicrophone, FakeSpeaker, ScriptedTransport

SOUND = bytes(range(100))


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
    ear = room.listen(microphone, Subtracting())
    first, second, another = FakeSpeaker(), FakeSpeaker(), FakeMicrophone()
    room.play(first)
    room.play(second)
    ear.close()
    room.listen(another, Subtracting())
    assert joined == [(first, microphone), (second, microphone), (second, another)]


def test_nothing_is_joined_for_a_microphone_that_may_hear_the_speaker(joined):
    room = Room()
    room.play(FakeSpeaker())
    assert not joined


def test_every_microphone_is_told_what_the_speaker_is_given():
    room = Room()
    played = room.play(FakeSpeaker())
    played.write(SOUND)  # nobody listens
    one, other = (room.listen(FakeMicrophone(), Subtracting()) for _ in range(2))
    played.write(SOUND)
    assert one.far_end.take(100) == other.far_end.take(100) == SOUND
    played.write(SOUND)
    played.clear()
    assert one.far_end.take(100) == bytes(100)


def test_of_two_speakers_the_latest_counts():
    room = Room()
    ear = room.listen(FakeMicrophone(), Subtracting())
    first, second = room.play(FakeSpeaker()), room.play(FakeSpeaker())
    first.write(SOUND)
    second.write(SOUND[::-1])
    first.clear()
    assert ear.far_end.take(100) == SOUND[::-1]


def test_only_another_speaker_makes_a_microphone_forget():
    room, microphone, echo = Room(), FakeMicrophone(), Subtracting()
    ear = room.listen(microphone, echo)
    for rests in (0, 1):
        room.play(FakeSpeaker())
        microphone.push(SOUND)
        ear.read()
        assert echo.rests == rests


def test_a_microphone_begins_without_what_was_played_before_it():
    room = Room()
    played = room.play(FakeSpeaker())
    first = room.listen(FakeMicrophone(), Subtracting())
    played.write(SOUND)
    first.close()
    assert room.listen(FakeMicrophone(), Subtracting()).far_end.take(100) == bytes(100)


def test_a_session_goes_although_its_devices_know_it():
    session = Session(ScriptedTransport())
    speaker, microphone = FakeSpeaker(), FakeMicrophone()
    speaker.session = microphone.session = session
    with session, stream(session, speaker=speaker), capture_audio(session, microphone=microphone, echo=Subtracting()):
        assert session.shared(Room) is session.shared(Room)
    gone = weakref.ref(session)
    del session, speaker, microphone
    gc.collect()
    assert gone() is None
