import itertools
import sys
import threading

import numpy as np
import pytest

from reelthyme_sync import AudioUnavailable, ConnectionLost, g711, stream
from reelthyme_sync.events import (
    AssistantMessage,
    AudioConfig,
    AudioOutput,
    AudioPcma,
    AudioPcmu,
    ConversationItemAdded,
    DeviceLost,
    InputAudioBufferSpeechStarted,
    OutputAudioBufferStarted,
    OutputAudioBufferStopped,
    RealtimeSession,
    Response,
    ResponseAudio,
    ResponseAudioOutput,
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioDone,
    ResponseOutputAudioTranscriptDelta,
    SessionUpdated,
)
from reelthyme_sync.pcm import encode_base64, ms_to_bytes, silence
from reelthyme_sync.testing import PATIENCE, FakeSpeaker

LOUD = b"\x11\x11"


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


def test_with_audio_the_deltas_are_played_and_come_out_too(transport, session, speaker):
    sounds = [audio(sound(20)), audio(sound(30))]
    with stream(session, speaker=speaker, with_audio=True) as events:
        transport.push(sounds[0], WORD, sounds[1])
        iterator = iter(events)
        assert [next(iterator) for _ in range(3)] == [sounds[0], WORD, sounds[1]]
        speaker.wait_waiting(40)
        assert speaker.advance(40) == sound(40)


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


def spoken(pcm: bytes, item: str, response: str, *, part: int = 0) -> ResponseOutputAudioDelta:
    return ResponseOutputAudioDelta(item_id=item, response_id=response, content_index=part, delta=encode_base64(pcm))


BEGUN = ResponseCreated(response=Response(id="resp_1", conversation_id="conv_1"))


def sent_about_items(transport, session) -> list[tuple[str, str, int | None]]:
    session.close()
    return [
        (message["type"].rpartition(".")[2], message["item_id"], message.get("audio_end_ms"))
        for message in transport.sent
    ]


def test_an_answer_that_is_interrupted_before_its_first_sound_is_never_heard(transport, session, speaker):
    with stream(session, speaker=speaker) as events:
        transport.push(BEGUN, WORD)
        assert list(itertools.islice(events, 2))[-1] == WORD
        assert events.flush() is None
        transport.push(*[spoken(sound(20), "item_1", "resp_1")] * 3)
        assert transport.wait_sent("conversation.item.delete")["item_id"] == "item_1"
        transport.push(ResponseDone(response=Response(id="resp_1")), spoken(sound(20), "item_2", "resp_2"))
        speaker.wait_waiting(20)
        assert speaker.advance(40) == sound(20) + silence(20)
    session.close()
    assert [message["type"] for message in transport.sent] == ["conversation.item.delete", "conversation.item.truncate"]


def test_the_second_item_of_an_interrupted_answer_is_not_heard_either(transport, session, speaker):
    with stream(session, speaker=speaker) as events:
        transport.push(BEGUN, spoken(sound(1000), "item_1", "resp_1"))
        speaker.wait_waiting(20)
        speaker.advance(20)
        assert events.flush() is not None
        transport.push(spoken(sound(20), "item_1", "resp_1"), spoken(sound(20), "item_2", "resp_1"), WORD)
        assert list(itertools.islice(events, 2))[-1] == WORD
        assert speaker.advance(100) == silence(100)
    session.close()
    said = [(message["type"].rpartition(".")[2], message["item_id"]) for message in transport.sent]
    assert said == [("truncate", "item_1"), ("delete", "item_2")]


@pytest.mark.parametrize("heard_ms", [0, 20])
def test_of_an_item_that_no_conversation_has_the_server_is_told_nothing(transport, session, speaker, heard_ms):
    with stream(session, speaker=speaker) as events:
        transport.push(ResponseCreated(response=Response(id="resp_1")), spoken(sound(1000), "item_1", "resp_1"))
        speaker.wait_waiting(20)
        speaker.advance(heard_ms)
        heard = events.flush()
        assert heard is not None
        assert heard.audio_end_ms == heard_ms
        transport.push(spoken(sound(20), "item_2", "resp_1"), WORD)
        assert list(itertools.islice(events, 2))[-1] == WORD
    assert sent_about_items(transport, session) == []


def test_a_server_that_names_no_conversation_says_by_its_items_what_is_in_it(transport, session, speaker):
    added = ConversationItemAdded(item=AssistantMessage(id="item_1", content=[]))
    with stream(session, speaker=speaker) as events:
        begun = ResponseCreated(response=Response(id="resp_1"))
        transport.push(begun, added, spoken(sound(1000), "item_1", "resp_1"))
        speaker.wait_waiting(20)
        speaker.advance(20)
        events.flush()
    assert sent_about_items(transport, session) == [("truncate", "item_1", 20)]


def test_of_an_item_with_two_parts_what_was_heard_is_kept(transport, session, speaker):
    with stream(session, speaker=speaker) as events:
        transport.push(BEGUN, *[spoken(sound(100), "item_1", "resp_1", part=part) for part in (0, 1)])
        transport.push(*[spoken(sound(100), "item_2", "resp_1", part=part) for part in (0, 1)], WORD)
        assert list(itertools.islice(events, 2))[-1] == WORD
        speaker.wait_waiting(20)
        speaker.advance(20)
        events.flush()
    told = sent_about_items(transport, session)
    assert told == [("truncate", "item_1", 20), ("truncate", "item_1", 0), ("delete", "item_2", None)]


def test_an_item_of_which_a_part_was_heard_is_not_deleted_for_the_next(transport, session, speaker):
    with stream(session, speaker=speaker) as events:
        done = ResponseOutputAudioDone(item_id="item_1", response_id="resp_1")
        transport.push(BEGUN, spoken(sound(20), "item_1", "resp_1"), done, WORD)
        assert list(itertools.islice(events, 3))[-1] == WORD
        speaker.wait_waiting(20)
        speaker.advance(40)
        assert events.flush() is None
        transport.push(spoken(sound(20), "item_1", "resp_1", part=1), WORD)
        assert next(iter(events)) == WORD
    assert sent_about_items(transport, session) == []


def test_an_answer_beside_another_does_not_end_it(transport, session, speaker):
    """The half of a sample that the first has left is still waiting for its other half."""
    with stream(session, speaker=speaker):
        transport.push(BEGUN, spoken(LOUD * 240 + LOUD[:1], "item_1", "resp_1"))
        transport.push(ResponseCreated(response=Response(id="resp_2")), ResponseDone(response=Response(id="resp_2")))
        transport.push(spoken(LOUD[1:] + LOUD * 239, "item_1", "resp_1"))
        speaker.wait_waiting(20)
        assert speaker.advance(20) == LOUD * 480


def two_at_once(transport) -> None:
    """Two answers that come in turns: 40 ms each."""
    other = ResponseCreated(response=Response(id="resp_2", conversation_id="conv_1"))
    transport.push(BEGUN, other)
    for _ in range(2):
        transport.push(spoken(LOUD * 480, "item_1", "resp_1"), spoken(b"\x22\x22" * 480, "item_2", "resp_2"))
    for item, response in (("item_2", "resp_2"), ("item_1", "resp_1")):
        transport.push(ResponseOutputAudioDone(item_id=item, response_id=response))


def test_two_answers_at_once_are_heard_one_after_the_other(transport, session, speaker):
    with stream(session, speaker=speaker):
        two_at_once(transport)
        heard = b""
        for _ in range(8):
            speaker.wait_waiting(10)
            heard += speaker.advance(10)
    assert heard == LOUD * 960 + b"\x22\x22" * 960


def test_when_the_first_of_two_is_interrupted_the_second_is_not_heard(transport, session, speaker):
    with stream(session, speaker=speaker) as events:
        two_at_once(transport)
        transport.push(WORD)
        assert list(itertools.islice(events, 5))[-1] == WORD
        speaker.wait_waiting(10)
        speaker.advance(10)
        events.flush()
        assert speaker.advance(100) == silence(100)
    assert sent_about_items(transport, session) == [("truncate", "item_1", 10), ("delete", "item_2", None)]


def test_what_comes_while_the_speaker_is_changed_is_played_on_the_new_one(transport, session):
    class Slow(FakeSpeaker):
        """Takes long to be released: until the answer has come."""

        def close(self) -> None:
            answer = spoken(sound(20), "item_2", "resp_2")
            transport.push(BEGUN, answer, ResponseOutputAudioDone(item_id="item_2", response_id="resp_2"), WORD)
            assert list(itertools.islice(session.events(), 3))[-1] == WORD
            super().close()

    another = FakeSpeaker()
    with stream(session, speaker=Slow()) as events:
        events.reopen(another)
        another.wait_waiting(20)
        assert another.advance(20) == sound(20)


def test_whoever_stops_it_does_not_wait_for_somebody_who_lets_it_play_to_the_end(transport, session, speaker):
    events = stream(session, speaker=speaker)
    transport.push(audio(sound(60_000)), WORD)
    assert next(iter(events)) == WORD
    patient = threading.Thread(target=lambda: events.stop(drain=True), daemon=True)
    patient.start()
    speaker.wait_waiting(20)
    events.stop()
    patient.join(PATIENCE)
    assert not patient.is_alive()
    assert speaker.closed.is_set()


def test_without_soxr_telephone_sound_is_a_lost_speaker_once(transport, session, speaker, monkeypatch):
    monkeypatch.setitem(sys.modules, "soxr", None)
    transport.push(SessionUpdated(session=RealtimeSession(audio=AudioConfig(output=AudioOutput(format=AudioPcmu())))))
    with stream(session, speaker=speaker) as events:
        transport.push(*[audio(b"\xff" * 160)] * 3, WORD)
        types = [event.type for event in itertools.islice(events, 3)]
        assert types == ["session.updated", "reelthyme.device_lost", WORD.type]


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


def test_a_speaker_of_another_rate_is_refused_and_closed(session, speaker):
    speaker.sample_rate = 48_000
    with pytest.raises(ValueError, match="takes 48000"):
        stream(session, speaker=speaker)
    assert speaker.closed.is_set()


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


def test_stop_tells_how_much_was_heard(transport, session, speaker):
    with stream(session, speaker=speaker):
        transport.push(audio(sound(1000)))
        speaker.wait_waiting(20)
        speaker.advance(20)
    assert transport.wait_sent("conversation.item.truncate")["audio_end_ms"] == 20


def test_stop_without_drain_is_silent_at_once_and_idempotent(transport, session, speaker):
    events = stream(session, speaker=speaker)
    transport.push(audio(sound(1000)))
    speaker.wait_waiting(20)
    events.stop()
    events.stop()
    assert speaker.closed.is_set()
    assert speaker.advance(50) == silence(50)


def lose(transport, events, speaker) -> DeviceLost:
    """Let the speaker fail in the middle of an answer; gives what is told of it."""
    transport.push(audio(sound(1000)))
    speaker.wait_waiting(20)
    speaker.advance(20)
    speaker.fail(AudioUnavailable("unplugged"))
    (lost,) = itertools.islice(events, 1)
    return lost


def test_a_speaker_that_fails_is_told_of_and_the_answer_is_cut_where_it_failed(transport, session, speaker):
    with stream(session, speaker=speaker) as events:
        lost = lose(transport, events, speaker)
        assert (lost.device, lost.message) == ("speaker", "unplugged")
        assert transport.wait_sent("conversation.item.truncate")["audio_end_ms"] == 20
        transport.push(audio(sound(20), "item_2"), WORD)
        assert next(iter(events)) == WORD


def test_a_lost_speaker_is_replaced(transport, session, speaker):
    with stream(session, speaker=speaker) as events:
        events.volume = 0.5
        lose(transport, events, speaker)
        another = FakeSpeaker()
        events.reopen(another)
        transport.push(audio(sound(20), "item_2"), ResponseOutputAudioDone(item_id="item_2"))
        another.wait_waiting(20)
        assert another.advance(20)[-2:] == b"\x88\x08"  # half as loud: the volume is the stream's
    assert speaker.closed.is_set()


def test_changing_the_speaker_cuts_what_sounds(transport, session, speaker):
    with stream(session, speaker=speaker) as events:
        transport.push(audio(sound(1000)))
        speaker.wait_waiting(20)
        speaker.advance(20)
        events.reopen(FakeSpeaker())
        assert speaker.closed.is_set()
        assert transport.wait_sent("conversation.item.truncate")["audio_end_ms"] == 20


def test_a_speaker_that_cannot_be_had_can_be_asked_for_again(session, speaker):
    broken = FakeSpeaker()
    broken.sample_rate = 8_000
    with stream(session, speaker=speaker) as events:
        for _ in range(2):
            with pytest.raises(ValueError, match="8000"):
                events.reopen(broken)
        events.reopen(FakeSpeaker())
    with pytest.raises(ValueError, match="stopped"):
        events.reopen(another := FakeSpeaker())
    assert another.closed.is_set()


def test_a_cut_tells_which_words_were_heard(transport, session, speaker):
    with stream(session, speaker=speaker) as events:
        words = ResponseOutputAudioTranscriptDelta(item_id="item_1", delta="one two three four")
        transport.push(audio(sound(1000)), words)
        assert next(iter(events)) == words
        for _ in range(25):
            speaker.wait_waiting(20)
            speaker.advance(20)
        heard = events.flush()
        assert heard is not None
        assert (heard.audio_end_ms, heard.heard_text, heard.unheard_text) == (500, "one two", " three four")


@pytest.mark.parametrize(
    ("audio_format", "encode"), [(AudioPcmu(), g711.encode_mulaw), (AudioPcma(), g711.encode_alaw)]
)
@pytest.mark.parametrize("of_the_response", [False, True], ids=["session's", "response's"])
def test_telephone_sound_is_played(transport, session, speaker, audio_format, encode, of_the_response):
    wave = 8_000 * np.sin(2 * np.pi * 440 * np.arange(8_000) / 8_000)
    if of_the_response:
        spoken = ResponseAudio(output=ResponseAudioOutput(format=audio_format))
        transport.push(ResponseCreated(response=Response(id="resp_1", audio=spoken)))
    else:
        settings = RealtimeSession(audio=AudioConfig(output=AudioOutput(format=audio_format)))
        transport.push(SessionUpdated(session=settings))
    with stream(session, speaker=speaker) as events:
        for part in np.split(wave, 10):
            delta = encode_base64(encode(part.astype("<i2").tobytes()))
            transport.push(ResponseOutputAudioDelta(item_id="item_1", response_id="resp_1", delta=delta))
        transport.push(ResponseOutputAudioDone(item_id="item_1"))
        heard = b""
        for _ in range(99):
            speaker.wait_waiting(10)
            heard += speaker.advance(10)
        assert events.received_ms("item_1") == 1000
    samples = np.frombuffer(heard, "<i2").astype(float)
    expected = 8_000 * np.sin(2 * np.pi * 440 * np.arange(samples.size) / 24_000)
    middle = slice(2_400, -2_400)
    assert np.abs(samples - expected)[middle].max() < 400  # what 8 bits leave


CALL_BEGINS = (ResponseCreated(response=Response(id="resp_1")), OutputAudioBufferStarted(response_id="resp_1"))


def test_on_a_call_the_service_is_told_to_fall_silent(transport, session, speaker):
    with stream(session, speaker=speaker) as events:
        transport.push(*CALL_BEGINS, WORD)
        assert list(itertools.islice(events, 3))[-1] == WORD
        assert events.flush() is None
    session.close()
    assert [message["type"] for message in transport.sent] == ["response.cancel", "output_audio_buffer.clear"]


def test_on_a_call_that_is_silent_nothing_is_sent(transport, session, speaker):
    with stream(session, speaker=speaker) as events:
        transport.push(*CALL_BEGINS, OutputAudioBufferStopped(response_id="resp_1"), WORD)
        assert list(itertools.islice(events, 4))[-1] == WORD
        events.flush()
    session.close()
    assert transport.sent == []


def test_barge_in_on_a_call_clears_what_the_service_plays(transport, session, speaker):
    with stream(session, speaker=speaker):
        transport.push(*CALL_BEGINS, InputAudioBufferSpeechStarted(item_id="item_2"))
        transport.wait_sent("output_audio_buffer.clear")
    session.close()
    assert [message["type"] for message in transport.sent] == ["output_audio_buffer.clear"]
