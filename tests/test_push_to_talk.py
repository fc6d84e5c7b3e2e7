import threading
from typing import TypeVar

import pytest
from test_vad import noise, recording

from reelthyme_sync import AudioUnavailable, ConnectionClosed, Session, connect, stream
from reelthyme_sync.events import (
    ConversationItemAdded,
    ConversationItemDone,
    DeviceLost,
    Error,
    ErrorDetail,
    InputAudioBufferCleared,
    InputAudioBufferCommitted,
    Response,
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioDone,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputAudioTranscriptDone,
    ResponseOutputItemAdded,
    ServerEvent,
)
from reelthyme_sync.local_server import serve
from reelthyme_sync.pcm import decode_base64, encode_base64, ms_to_bytes, silence
from reelthyme_sync.push_to_talk import PushToTalk
from reelthyme_sync.testing import PATIENCE, FakeMicrophone, FakeSpeaker, ScriptedTransport
from reelthyme_sync.vad import TurnDetector

UPDATE = "session.update"
APPEND = "input_audio_buffer.append"
CLEAR = "input_audio_buffer.clear"
COMMIT = "input_audio_buffer.commit"
CANCEL = "response.cancel"
CREATE = "response.create"
TRUNCATE = "conversation.item.truncate"


class Microphone(FakeMicrophone):
    """One that knows when a block has gone its whole way."""

    def __init__(self) -> None:
        super().__init__()
        self._reading = threading.Semaphore(0)

    def read(self) -> bytes:
        self._reading.release()
        return super().read()

    def hear(self, pcm: bytes) -> None:
        assert self._reading.acquire(timeout=PATIENCE)
        self.push(pcm)
        assert self._reading.acquire(timeout=PATIENCE)  # for the next
        self._reading.release()


@pytest.fixture
def microphone():
    return Microphone()


@pytest.fixture
def push_to_talk(session, microphone):
    """Makes one at this session and microphone; it is stopped at the end."""
    made = []

    def make(*arguments, **options) -> PushToTalk:
        made.append(PushToTalk(session, *arguments, microphone=microphone, interval_ms=20, **options))
        return made[-1]

    yield make
    for talk in made:
        talk.stop()


@pytest.fixture
def talk(push_to_talk):
    return push_to_talk()


def sound(ms: float, value: int = 0x11) -> bytes:
    return bytes([value]) * ms_to_bytes(ms)


def created(response: str) -> ResponseCreated:
    return ResponseCreated(response=Response(id=response, conversation_id="conv_1"))


def done(response: str) -> ResponseDone:
    return ResponseDone(response=Response(id=response, conversation_id="conv_1"))


def see(session: Session, transport: ScriptedTransport, *events) -> None:
    """Let the server say that, until the user has got it."""
    transport.push(*events)
    for event in events:
        assert session.receive(timeout=PATIENCE) == event


def said(session: Session, transport: ScriptedTransport) -> list[str]:
    """All that was sent, but for the sound; ends the session."""
    session.close()
    return [message["type"] for message in transport.sent if message["type"] != APPEND]


def heard(transport: ScriptedTransport) -> bytes:
    """All sound that was sent."""
    return b"".join(decode_base64(message["audio"]) for message in transport.sent if message["type"] == APPEND)


def test_a_turn_that_was_not_released_is_not_answered_after_stop(transport, session, microphone, talk):
    talk.press()
    microphone.hear(sound(210))
    talk.stop()
    assert not talk.held
    assert not talk.release()
    assert said(session, transport) == ["session.update", "input_audio_buffer.clear"]


class TestATurn:
    def test_is_cleared_sent_committed_and_answered(self, transport, session, microphone, talk):
        assert not talk.held
        talk.press()
        assert talk.held
        microphone.hear(sound(210))
        assert talk.release()
        assert not talk.held
        assert said(session, transport) == [UPDATE, CLEAR, COMMIT, CREATE]
        assert heard(transport) == sound(210)
        assert [message["type"] for message in transport.sent][-3:] == [APPEND, COMMIT, CREATE]
        assert transport.sent[0]["session"]["audio"]["input"] == {"turn_detection": None}

    def test_begins_with_what_was_heard_just_before(self, transport, session, microphone, push_to_talk):
        talk = push_to_talk(pre_roll_ms=40, configure=False)
        microphone.hear(sound(100, 1))
        talk.press()
        microphone.hear(sound(100))
        talk.release()
        assert said(session, transport) == [CLEAR, COMMIT, CREATE]
        assert heard(transport) == sound(40, 1) + sound(100)

    def test_that_is_only_a_touch_is_none(self, transport, session, microphone, talk):
        microphone.hear(sound(200))
        talk.press()
        microphone.hear(sound(90))
        assert not talk.release()
        talk.press()
        assert not talk.release()
        assert said(session, transport) == [UPDATE, *[CLEAR] * 4]

    def test_may_be_pressed_and_released_twice(self, transport, session, microphone, talk):
        assert not talk.release()
        talk.press()
        talk.press()
        microphone.hear(sound(100))
        assert talk.release()
        assert not talk.release()
        assert said(session, transport) == [UPDATE, CLEAR, COMMIT, CREATE]

    def test_hears_nothing_of_the_time_before_but_the_pre_roll(self, transport, session, microphone, talk):
        for _ in range(2):
            microphone.hear(sound(300, 9))
            talk.press()
            microphone.hear(sound(100))
            talk.release()
        session.close()
        assert heard(transport) == (sound(200, 9) + sound(100)) * 2

    def test_that_is_muted_is_silence(self, transport, session, microphone, talk):
        talk.press()
        talk.capture.mute()
        microphone.hear(sound(100))
        assert talk.release()
        session.close()
        assert heard(transport) == silence(100)

    def test_after_the_end_of_the_session_is_refused(self, transport, session, talk):
        transport.hang_up()
        assert list(session.events()) == []
        with pytest.raises(ConnectionClosed):
            talk.press()
        assert not talk.held

    def test_that_the_session_does_not_outlive_ends_with_it(self, transport, session, microphone, talk):
        talk.press()
        session.close()
        with pytest.raises(ConnectionClosed):
            talk.release()
        assert microphone.closed.wait(PATIENCE)


class TestPressing:
    def test_cancels_what_is_active_and_the_answer_waits_for_its_end(self, transport, session, microphone, talk):
        see(session, transport, created("r1"))
        talk.press()
        assert transport.wait_sent(CANCEL)["response_id"] == "r1"
        microphone.hear(sound(100))
        talk.release()
        transport.wait_sent(COMMIT)
        see(session, transport, done("r1"))
        assert said(session, transport) == [UPDATE, CANCEL, CLEAR, COMMIT, CREATE]

    def test_cancels_nothing_when_nothing_is_active(self, transport, session, talk):
        see(session, transport, created("r1"), done("r1"))
        talk.press()
        assert said(session, transport) == [UPDATE, CLEAR]

    def test_again_cancels_the_answer_that_is_on_its_way(self, transport, session, microphone, talk):
        for _ in range(2):
            talk.press()
            microphone.hear(sound(100))
            talk.release()
        transport.wait_sent(COMMIT, count=2)
        see(session, transport, created("r1"))
        assert transport.wait_sent(CANCEL)["response_id"] == "r1"
        see(session, transport, done("r1"), created("r2"))
        assert said(session, transport) == [UPDATE, CLEAR, COMMIT, CREATE, CLEAR, COMMIT, CANCEL, CREATE]

    def test_shows_no_refusal_that_is_nobodys_fault(self, transport, session, talk):
        see(session, transport, created("r1"))
        talk.press()
        cancel = transport.wait_sent(CANCEL)
        late = Error(error=ErrorDetail(code="response_cancel_not_active", event_id=cancel["event_id"]))
        transport.push(late)
        see(session, transport, done("r1"))

    def test_silences_and_tells_what_was_heard(self, transport, session, push_to_talk):
        speaker = FakeSpeaker()
        with stream(session, speaker=speaker) as conversation:
            talk = push_to_talk(conversation)
            see(session, transport, created("r1"))
            transport.push(delta("item_1", "r1", 500))
            speaker.wait_waiting(20)
            speaker.advance(20)
            talk.press()
            assert transport.wait_sent(TRUNCATE)["audio_end_ms"] == 20
        assert said(session, transport) == [UPDATE, CANCEL, TRUNCATE, CLEAR]

    def test_silences_sound_that_was_still_on_its_way(self, transport, session, push_to_talk):
        speaker = FakeSpeaker()
        with stream(session, speaker=speaker) as conversation:
            talk = push_to_talk(conversation)
            see(session, transport, created("r1"))
            talk.press()
            transport.wait_sent(CLEAR)
            word = ResponseOutputAudioTranscriptDelta(item_id="item_1", response_id="r1", delta="late")
            transport.push(delta("item_1", "r1", 500))
            see(session, transport, word)
            transport.push(delta("item_1", "r1", 500), delta("item_2", "r2", 20))
            speaker.wait_waiting(20)
            assert conversation.stats.queued_ms == 20

    def test_works_in_a_route(self, transport, session, microphone, talk):
        turns = {"item_1": talk.press, "item_2": talk.release}
        session.intercept(lambda event: bool(turns.get(getattr(event, "item_id", ""), bool)()) and False)
        see(session, transport, ResponseOutputAudioDone(item_id="item_1"))
        microphone.hear(sound(100))
        see(session, transport, ResponseOutputAudioDone(item_id="item_2"))
        assert said(session, transport) == [UPDATE, CLEAR, COMMIT, CREATE]

    def test_from_many_threads_at_once_keeps_every_turn_whole(self, transport, session, microphone, talk):
        stop = threading.Event()

        def speak() -> None:
            while not stop.is_set():
                microphone.hear(sound(100))

        def press_and_release() -> None:
            for _ in range(50):
                talk.press()
                talk.release()

        speaking = threading.Thread(target=speak)
        fingers = [threading.Thread(target=press_and_release) for _ in range(4)]
        for thread in (speaking, *fingers):
            thread.start()
        for finger in fingers:
            finger.join(PATIENCE)
        stop.set()
        speaking.join(PATIENCE)
        session.close()
        sending = False
        for message in transport.sent:
            if message["type"] == APPEND:
                assert sending, "sound between two turns"
            sending = message["type"] == CLEAR or (sending and message["type"] == APPEND)


def delta(item: str, response: str, ms: float) -> ResponseOutputAudioDelta:
    return ResponseOutputAudioDelta(item_id=item, response_id=response, delta=encode_base64(sound(ms)))


def test_a_lost_microphone_is_replaced(transport, session, microphone, talk):
    microphone.fail(AudioUnavailable("unplugged"))
    assert session.receive(timeout=PATIENCE) == DeviceLost(device="microphone", message="unplugged")
    talk.press()
    assert not talk.release()
    talk.capture.reopen(another := Microphone())
    talk.press()
    another.hear(sound(100))
    assert talk.release()


def test_without_a_session_the_microphone_is_released(transport, session, microphone):
    session.close()
    with pytest.raises(ConnectionClosed):
        PushToTalk(session, microphone=microphone)
    assert microphone.closed.is_set()


class TestHandsFree:
    def test_a_voice_presses_and_releases(self, transport, session, microphone, push_to_talk):
        speech = recording(1)
        push_to_talk(hands_free=TurnDetector())
        microphone.hear(silence(1000))
        for start in range(0, len(speech), 480):
            microphone.hear(speech[start : start + 480])
        microphone.hear(silence(1000))
        assert said(session, transport) == [UPDATE, CLEAR, COMMIT, CREATE]
        assert speech.strip(b"\0") in heard(transport)

    def test_all_at_once_too(self, transport, session, microphone, push_to_talk):
        microphone.push(silence(1000))
        microphone.push(recording(1))
        microphone.push(silence(1000))
        push_to_talk(hands_free=TurnDetector())
        transport.wait_sent(CREATE)

    def test_muted_it_hears_nobody(self, transport, session, microphone, push_to_talk):
        talk = push_to_talk(hands_free=TurnDetector())
        talk.capture.mute()
        microphone.hear(recording(1))
        assert not talk.held


class TestOverARealSocket:
    """With a server that speaks at a pace at which there is something to interrupt."""

    @pytest.fixture
    def session(self):
        with serve(speed=4) as server, connect(url=server.url, api_key="none") as session:
            yield session

    def test_a_question_interrupts_an_answer_and_is_answered(self, session, microphone, push_to_talk):
        with stream(session, speaker=FakeSpeaker()) as conversation:
            talk = push_to_talk(conversation)
            ask(talk, microphone, recording(1))
            receive(session, ResponseOutputAudioTranscriptDelta)
            ask(talk, microphone, recording(3))
            assert receive(session, ResponseDone).response.status == "cancelled"
            assert receive(session, ResponseOutputAudioTranscriptDone).transcript == "6 times 7 is 42."

    def test_an_answer_is_interrupted_anywhere_on_its_way(self, session, microphone, push_to_talk):
        talk = push_to_talk()
        for kind in MOMENTS:
            ask(talk, microphone, noise(200, 3000))
            receive(session, kind)
        ask(talk, microphone, recording(3))
        answers = iter(lambda: receive(session, ResponseOutputAudioTranscriptDone).transcript, "6 times 7 is 42.")
        assert len(list(answers)) <= len(MOMENTS)
        assert not talk.release()


MOMENTS = [
    InputAudioBufferCleared,
    InputAudioBufferCommitted,
    ConversationItemAdded,
    ConversationItemDone,
    ResponseCreated,
    ResponseOutputItemAdded,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputAudioDelta,
    ResponseDone,
]


def ask(talk: PushToTalk, microphone: Microphone, question: bytes) -> None:
    talk.press()
    microphone.hear(question)
    assert talk.release()


E = TypeVar("E", bound=ServerEvent)


def receive(session: Session, kind: type[E]) -> E:
    """The next event of that kind. The server has had nothing to complain of."""
    while True:
        event = session.receive(timeout=20)
        assert not isinstance(event, Error), event.error.message
        if isinstance(event, kind):
            return event
