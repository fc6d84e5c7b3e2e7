import threading

import pytest

from reelthyme_sync import AudioUnavailable, ConnectionLost, Session, capture_audio, stream
from reelthyme_sync.events import (
    InputAudioBufferSpeechStarted,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
)
from reelthyme_sync.pcm import decode_base64, encode_base64, ms_to_bytes, silence
from reelthyme_sync.testing import PATIENCE, FakeMicrophone, FakeSpeaker, ScriptedTransport

LOUD = b"\x11\x11"


@pytest.fixture
def transport():
    return ScriptedTransport()


@pytest.fixture
def session(transport):
    with Session(transport) as session:
        yield session


@pytest.fixture
def speaker():
    return FakeSpeaker()


def sound(ms: float) -> bytes:
    return LOUD * (ms_to_bytes(ms) // 2)


def audio(pcm: bytes, item: str = "item_1") -> ResponseOutputAudioDelta:
    return ResponseOutputAudioDelta(item_id=item, delta=encode_base64(pcm))


WORD = ResponseOutputAudioTranscriptDelta(item_id="item_1", delta="word")


def test_audio_is_played_and_everything_else_comes_out(transport, session, speaker):
    with stream(session, speaker=speaker) as events:
        transport.push(audio(sound(20)), WORD, audio(sound(20)))
        iterator = iter(events)
        assert next(iterator) == WORD
        speaker.wait_waiting(40)
        assert speaker.advance(40) == sound(40)
        assert events.received_ms("item_1") == 40
        assert events.stats.heard_ms == 40


def test_a_consumer_that_sleeps_does_not_delay_the_audio(transport, session, speaker):
    with stream(session, speaker=speaker):
        transport.push(WORD, WORD, audio(sound(20)))
        speaker.wait_waiting(20)


def test_a_delta_may_be_cut_in_the_middle_of_a_sample(transport, session, speaker):
    pcm = sound(30)
    with stream(session, speaker=speaker):
        transport.push(audio(pcm[:7]), audio(pcm[7:481]), audio(pcm[481:]))
        speaker.wait_waiting(30)
        assert speaker.advance(30) == pcm


def test_a_delta_that_is_no_base64_is_dropped(transport, session, speaker, caplog):
    with stream(session, speaker=speaker) as events:
        transport.push(ResponseOutputAudioDelta(item_id="item_1", delta="abc"), WORD)
        assert next(iter(events)) == WORD
    assert "no base64" in caplog.text


def test_barge_in_falls_silent_and_truncates_at_what_was_heard(transport, session, speaker):
    with stream(session, speaker=speaker) as events:
        transport.push(audio(sound(1000)))
        for _ in range(5):
            speaker.wait_waiting(20)
            speaker.advance(20)
        transport.push(InputAudioBufferSpeechStarted(item_id="item_2", audio_start_ms=0))
        assert transport.wait_sent("conversation.item.truncate") == {
            "type": "conversation.item.truncate",
            "item_id": "item_1",
            "content_index": 0,
            "audio_end_ms": 100,
        }
        assert speaker.advance(100) == silence(100)
        assert isinstance(next(iter(events)), InputAudioBufferSpeechStarted)
        transport.push(audio(sound(20)), audio(sound(20), "item_3"))
        speaker.wait_waiting(20)
        assert speaker.advance(40) == sound(20) + silence(20)


def test_an_item_that_was_never_heard_is_deleted(transport, session, speaker):
    with stream(session, speaker=speaker):
        transport.push(audio(sound(1000)), InputAudioBufferSpeechStarted(item_id="item_2"))
        assert transport.wait_sent("conversation.item.delete")["item_id"] == "item_1"


def test_without_barge_in_speech_changes_nothing(transport, session, speaker):
    with stream(session, speaker=speaker, barge_in=False) as events:
        transport.push(audio(sound(30)), InputAudioBufferSpeechStarted(item_id="item_2"))
        assert isinstance(next(iter(events)), InputAudioBufferSpeechStarted)
        speaker.wait_waiting(30)
        assert speaker.advance(30) == sound(30)
    assert transport.sent == []


def test_flush_by_hand(transport, session, speaker):
    with stream(session, speaker=speaker) as events:
        assert events.flush() is None
        transport.push(audio(sound(500)))
        speaker.wait_waiting(20)
        speaker.advance(20)
        heard = events.flush()
        assert heard is not None
        assert (heard.item_id, heard.audio_end_ms) == ("item_1", 20)
        assert transport.wait_sent("conversation.item.truncate")["audio_end_ms"] == 20


def test_what_came_before_the_stream_is_played_too(transport, session, speaker):
    routed = threading.Event()
    transport.push(audio(sound(20)), WORD)
    session.intercept(lambda event: bool(routed.set()) if event == WORD else False)
    with stream(session, speaker=speaker) as events:
        assert next(iter(events)) == WORD
        speaker.wait_waiting(20)


def test_when_the_session_ends_the_rest_is_played(transport, session, speaker):
    ended = []
    with stream(session, speaker=speaker) as events:
        transport.push(audio(sound(100)), WORD)
        transport.hang_up()
        consumer = threading.Thread(target=lambda: ended.extend(events), daemon=True)
        consumer.start()
        played = b""
        while not speaker.closed.is_set():
            played += speaker.advance(10)
        consumer.join(PATIENCE)
    assert ended == [WORD]
    assert played.replace(b"\0", b"") == sound(100)


def test_a_lost_session_ends_the_loop_with_the_loss(transport, session, speaker):
    with stream(session, speaker=speaker) as events:
        transport.push(WORD)
        transport.hang_up(None)
        seen = []
        with pytest.raises(ConnectionLost):
            seen.extend(events)
    assert speaker.closed.is_set()


def test_stop_without_drain_is_silent_at_once_and_idempotent(transport, session, speaker):
    events = stream(session, speaker=speaker)
    transport.push(audio(sound(1000)))
    speaker.wait_waiting(20)
    events.stop()
    events.stop()
    assert speaker.closed.is_set()
    assert speaker.advance(50) == silence(50)


def test_a_speaker_that_fails_comes_out_of_the_loop(transport, session, speaker):
    with pytest.raises(AudioUnavailable, match="unplugged"), stream(session, speaker=speaker) as events:
        speaker.fail(AudioUnavailable("unplugged"))
        transport.push(audio(sound(1000)))
        assert speaker.closed.wait(PATIENCE)
        transport.push(WORD, WORD)
        list(events)


def test_capture_sends_chunks_of_the_interval_and_the_rest(transport, session):
    microphone = FakeMicrophone()
    recorded = bytes(range(250)) * 96
    with capture_audio(session, interval_ms=100, microphone=microphone):
        microphone.push(recorded)
    session.close()
    sent = [decode_base64(message["audio"]) for message in transport.sent]
    assert {message["type"] for message in transport.sent} == {"input_audio_buffer.append"}
    assert [len(chunk) for chunk in sent] == [4800] * 5
    assert b"".join(sent) == recorded


def test_capture_ends_with_the_session(transport, session):
    microphone = FakeMicrophone()
    capture = capture_audio(session, microphone=microphone)
    transport.hang_up()
    list(session.events())
    assert microphone.closed.wait(PATIENCE)
    capture.stop()


def test_a_microphone_that_fails_is_told_at_stop(session):
    microphone = FakeMicrophone()
    capture = capture_audio(session, microphone=microphone)
    microphone.fail(AudioUnavailable("unplugged"))
    assert microphone.closed.wait(PATIENCE)
    with pytest.raises(AudioUnavailable, match="unplugged"):
        capture.stop()
