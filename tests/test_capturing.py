import logging

import pytest

from reelthyme_sync import AudioUnavailable, InvalidEvent, Session, capture_audio
from reelthyme_sync.audio.gate import Gate
from reelthyme_sync.audio.software import SoftwareMicrophone
from reelthyme_sync.events import (
    AudioConfig,
    AudioInput,
    AudioPcmu,
    DeviceLost,
    RealtimeSession,
    ResponseOutputAudioTranscriptDelta,
    SessionUpdated,
)
from reelthyme_sync.g711 import encode_mulaw
from reelthyme_sync.pcm import decode_base64, ms_to_bytes, silence
from reelthyme_sync.testing import PATIENCE, FakeMicrophone, ScriptedTransport

APPEND = "input_audio_buffer.append"
WORD = ResponseOutputAudioTranscriptDelta(item_id="item_1", delta="word")


@pytest.fixture
def microphone():
    return FakeMicrophone()


def sound(ms: float, value: int = 0x11) -> bytes:
    return bytes([value]) * ms_to_bytes(ms)


def chunks(transport: ScriptedTransport) -> list[bytes]:
    """All sound that has been sent."""
    return [decode_base64(message["audio"]) for message in transport.sent if message["type"] == APPEND]


def lost(session: Session) -> DeviceLost:
    """The next event, which is that."""
    event = session.receive(timeout=PATIENCE)
    assert isinstance(event, DeviceLost)
    return event


def test_capture_sends_chunks_of_the_interval_and_the_rest(transport, session, microphone):
    recorded = bytes(range(250)) * 96
    with capture_audio(session, interval_ms=100, microphone=microphone) as capture:
        microphone.push(recorded)
    session.close()
    assert {message["type"] for message in transport.sent} == {APPEND}
    assert [len(chunk) for chunk in chunks(transport)] == [4800] * 5
    assert b"".join(chunks(transport)) == recorded
    assert (capture.stats.sent_ms, capture.stats.overflows) == (500, 0)


def test_flush_sends_what_fills_no_interval(transport, session, microphone):
    with capture_audio(session, interval_ms=100, microphone=microphone) as capture:
        microphone.push(sound(130))
        transport.wait_sent(APPEND)
        capture.flush()
        assert decode_base64(transport.wait_sent(APPEND, count=2)["audio"]) == sound(30)
        microphone.push(sound(100))
        assert decode_base64(transport.wait_sent(APPEND, count=3)["audio"]) == sound(100)


def test_muted_it_sends_silence_and_the_meter_goes_on(transport, session, microphone):
    with capture_audio(session, interval_ms=20, microphone=microphone) as capture:
        capture.mute()
        assert capture.muted
        microphone.push(sound(20))
        assert decode_base64(transport.wait_sent(APPEND)["audio"]) == silence(20)
        assert capture.level.peak > -20
        capture.unmute()
        assert not capture.muted
        microphone.push(sound(20))
        assert decode_base64(transport.wait_sent(APPEND, count=2)["audio"]) == sound(20)


def test_a_gate_delays_and_silences(transport, session, microphone):
    with capture_audio(session, interval_ms=100, microphone=microphone, gate=Gate(pre_roll_ms=200)):
        microphone.push(sound(20))
    session.close()
    assert b"".join(chunks(transport)) == silence(220)


def test_the_format_is_the_sessions_and_the_interval_stays(transport, session, microphone):
    telephone = RealtimeSession(audio=AudioConfig(input=AudioInput(format=AudioPcmu())))
    transport.push(SessionUpdated(session=telephone))
    session.receive(timeout=PATIENCE)
    with capture_audio(session, interval_ms=20, microphone=microphone) as capture:
        microphone.push(sound(990))
    session.close()
    assert [len(chunk) for chunk in chunks(transport)] == [160] * 49 + [80]
    assert chunks(transport)[20] == encode_mulaw(sound(10))[:160]  # 20 ms at a third of the rate
    assert capture.stats.sent_ms == 990


def test_capture_ends_with_the_session(transport, session, microphone):
    capture = capture_audio(session, microphone=microphone)
    transport.hang_up()
    assert list(session.events()) == []
    assert microphone.closed.wait(PATIENCE)
    capture.stop()


def test_overflows_are_counted(transport, session, microphone):
    with capture_audio(session, interval_ms=10, microphone=microphone) as capture:
        microphone.push(sound(10), lost=True)
        transport.wait_sent(APPEND)
        assert capture.stats.overflows == 1
        capture.reopen(FakeMicrophone())
        assert capture.stats.overflows == 1


class TestALostMicrophone:
    def test_is_told_of_and_logged_and_the_session_goes_on(self, transport, session, microphone, caplog):
        with capture_audio(session, microphone=microphone), caplog.at_level(logging.ERROR, "reelthyme_sync"):
            microphone.push(sound(30))
            microphone.fail(AudioUnavailable("unplugged"))
            assert lost(session) == DeviceLost(device="microphone", message="unplugged")
            transport.push(WORD)
            assert session.receive(timeout=PATIENCE) == WORD
        assert microphone.closed.is_set()
        assert chunks_when_sent(transport, 1) == [sound(30)]
        assert "unplugged" in caplog.text

    def test_is_replaced(self, transport, session, microphone):
        another = FakeMicrophone()
        with capture_audio(session, interval_ms=10, microphone=microphone) as capture:
            capture.mute()
            microphone.fail(AudioUnavailable("unplugged"))
            lost(session)
            capture.reopen(another)
            assert capture.muted
            capture.unmute()
            another.push(sound(10))
            assert decode_base64(transport.wait_sent(APPEND)["audio"]) == sound(10)
        assert another.closed.is_set()

    def test_is_asked_for_until_it_is_there(self, session, microphone, monkeypatch):
        answers = [AudioUnavailable("busy"), AudioUnavailable("busy"), another := FakeMicrophone()]

        def default():
            if isinstance(answer := answers.pop(0), AudioUnavailable):
                raise answer
            return answer

        monkeypatch.setattr("reelthyme_sync.capturing.default_microphone", default)
        with capture_audio(session, interval_ms=10, microphone=microphone) as capture:
            microphone.push(sound(10), lost=True)
            microphone.fail(AudioUnavailable("unplugged"))
            lost(session)
            for _ in range(2):
                with pytest.raises(AudioUnavailable, match="busy"):
                    capture.reopen()
            capture.reopen()
            assert not another.closed.is_set()
            assert capture.stats.overflows == 1
        assert another.closed.is_set()


def test_a_microphone_is_changed_and_the_old_one_released_first(transport, session, microphone):
    with capture_audio(session, interval_ms=100, microphone=microphone) as capture:
        microphone.push(sound(130, 1))
        capture.reopen(another := FakeMicrophone())
        assert microphone.closed.is_set()
        assert chunks_when_sent(transport, 2) == [sound(100, 1), sound(30, 1)]
        another.push(sound(100, 2))
        assert chunks_when_sent(transport, 3)[-1] == sound(100, 2)


def chunks_when_sent(transport: ScriptedTransport, count: int) -> list[bytes]:
    transport.wait_sent(APPEND, count=count)
    return chunks(transport)


def test_flush_sends_what_waits_in_the_gate(transport, session, microphone):
    with capture_audio(session, interval_ms=20, microphone=microphone, gate=Gate(pre_roll_ms=300)) as capture:
        microphone.push(silence(400))
        transport.wait_sent("input_audio_buffer.append", count=20)
        capture.flush()
        assert capture.stats.sent_ms == 700


def test_after_stop_there_is_no_reopening(session, microphone):
    capture = capture_audio(session, microphone=microphone)
    capture.stop()
    capture.stop()
    with pytest.raises(ValueError, match="stopped"):
        capture.reopen(another := FakeMicrophone())
    assert another.closed.is_set()


def test_after_the_end_of_the_session_a_reopened_microphone_is_released(transport, session, microphone):
    with capture_audio(session, microphone=microphone) as capture:
        transport.hang_up()
        assert list(session.events()) == []
        capture.reopen(another := FakeMicrophone())
        assert another.closed.wait(PATIENCE)


def test_a_hook_that_refuses_the_sound_ends_the_recording(transport, microphone):
    def refuse(event):
        raise InvalidEvent("no sound, please")

    with Session(transport, outgoing=refuse) as session, capture_audio(session, microphone=microphone):
        microphone.push(sound(200))
        assert "no sound" in lost(session).message
        assert microphone.closed.is_set()


def test_a_microphone_of_another_rate_is_refused_and_closed(session, microphone):
    microphone.sample_rate = 48_000
    with pytest.raises(ValueError, match="24000 Hz"):
        capture_audio(session, microphone=microphone)
    assert microphone.closed.is_set()


def test_an_interval_of_nothing_is_refused_before_anything_is_opened(session):
    with pytest.raises(ValueError, match="interval_ms"):
        capture_audio(session, interval_ms=0)


def test_a_microphone_that_ends_by_itself_is_sent_to_its_end(transport, session, microphone):
    with capture_audio(session, microphone=microphone):
        microphone.push(sound(30))
        microphone.stop()
        assert decode_base64(transport.wait_sent(APPEND)["audio"]) == sound(30)
        assert microphone.closed.wait(PATIENCE)


def test_in_real_time(transport, session):
    with capture_audio(session, interval_ms=20, microphone=SoftwareMicrophone(sound(60))):
        assert chunks_when_sent(transport, 4)[:4] == [*[sound(20)] * 3, silence(20)]
