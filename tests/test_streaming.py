import threading

import pytest

from reelthyme_sync import AudioUnavailable, ConnectionLost, InvalidEvent, Session, capture_audio, stream
from reelthyme_sync.events import (
    InputAudioBufferSpeechStarted,
    ResponseOutputAudioDelta,
    ResponseOutputAudioDone,
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


def test_what_came_before_the_stream_is_played_first(transport, session, speaker):
    arrived = threading.Event()
    session.intercept(lambda event: bool(arrived.set()) if event == WORD else False)
    transport.push(audio(b"\1\1" * 240), WORD)
    assert arrived.wait(PATIENCE)
    with stream(session, speaker=speaker) as events:
        transport.push(audio(b"\2\2" * 240))
        assert next(iter(events)) == WORD
        speaker.wait_waiting(20)
        assert speaker.advance(20) == b"\1\1" * 240 + b"\2\2" * 240


def test_half_a_sample_of_one_item_stays_out_of_the_next(transport, session, speaker):
    with stream(session, speaker=speaker):
        transport.push(audio(b"\1\1\1"), audio(b"\2\2" * 240, "item_2"))
        speaker.wait_waiting(10)
        assert speaker.advance(11).rstrip(b"\0") == b"\1\1" + b"\2\2" * 240


def test_a_reply_that_is_waited_for_is_cut_too(transport, session, speaker):
    with stream(session, speaker=speaker) as events:
        transport.push(audio(sound(20)))
        speaker.wait_waiting(20)
        speaker.advance(40)
        heard = events.flush()
        assert heard is not None
        assert (heard.audio_end_ms, heard.received_ms) == (20, 20)
        transport.push(audio(sound(20)), audio(sound(10), "item_2"))
        speaker.wait_waiting(10)
        assert speaker.advance(20) == sound(10) + silence(10)


def test_a_reply_that_is_complete_and_heard_is_not_cut(transport, session, speaker):
    with stream(session, speaker=speaker) as events:
        transport.push(audio(sound(20)), ResponseOutputAudioDone(item_id="item_1"), WORD)
        assert isinstance(next(iter(events)), ResponseOutputAudioDone)
        speaker.wait_waiting(20)
        speaker.advance(40)
        assert events.flush() is None


@pytest.mark.parametrize("open_it", [stream, capture_audio])
def test_a_device_of_another_rate_is_refused_and_closed(session, speaker, open_it):
    device = speaker if open_it is stream else FakeMicrophone()
    device.sample_rate = 48_000
    with pytest.raises(ValueError, match="24000 Hz"):
        open_it(session, **{"speaker" if open_it is stream else "microphone": device})
    assert device.closed.is_set()


def test_an_interval_of_nothing_is_refused(session):
    with pytest.raises(ValueError, match="interval_ms"):
        capture_audio(session, interval_ms=0, microphone=FakeMicrophone())


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


def test_a_microphone_that_fails_comes_out_of_the_loop_and_the_session_goes_on(transport, session):
    microphone = FakeMicrophone()
    with capture_audio(session, microphone=microphone):
        microphone.fail(AudioUnavailable("unplugged"))
        with pytest.raises(AudioUnavailable, match="unplugged"):
            session.receive(timeout=PATIENCE)
        transport.push(WORD)
        assert session.receive(timeout=PATIENCE) == WORD


def test_a_hook_that_refuses_the_sound_comes_out_of_the_loop(transport):
    def refuse(event):
        raise InvalidEvent("no sound, please")

    microphone = FakeMicrophone()
    with Session(transport, outgoing=refuse) as session, capture_audio(session, microphone=microphone):
        microphone.push(sound(200))
        with pytest.raises(InvalidEvent, match="no sound"):
            session.receive(timeout=PATIENCE)
