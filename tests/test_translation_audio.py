import itertools
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelthyme_sync import Session, capture_audio, endpoints, stream
from reelthyme_sync.events import (
    DeviceLost,
    SessionClosed,
    SessionCreated,
    SessionOutputAudioDelta,
    SessionOutputTranscriptDelta,
    TranslationSession,
)
from reelthyme_sync.interpreting import Interpretation
from reelthyme_sync.pcm import decode_base64, encode_base64, ms_to_bytes, silence
from reelthyme_sync.testing import PATIENCE, FakeMicrophone, FakeSpeaker, ScriptedTransport

CREATED = SessionCreated(session=TranslationSession(id="sess_1", model="gpt-realtime-translate"))
WORD = SessionOutputTranscriptDelta(delta="word")
APPEND = "session.input_audio_buffer.append"


@pytest.fixture
def speaker():
    return FakeSpeaker()


def tone(ms: float, rate: int = 24_000) -> bytes:
    times = np.arange(int(ms * rate / 1000)) / rate
    return (8000 * np.sin(2 * np.pi * 440 * times)).astype("<i2").tobytes()


def delta(pcm: bytes, **shape) -> SessionOutputAudioDelta:
    return SessionOutputAudioDelta(delta=encode_base64(pcm), **shape)


def test_the_translation_is_played_and_everything_else_comes_out(transport, session, speaker):
    pcm = tone(40)
    with stream(session, speaker=speaker) as events:
        transport.push(CREATED, delta(pcm[:961], format="pcm16", sample_rate=24_000, channels=1), WORD)
        transport.push(delta(pcm[961:]))
        iterator = iter(events)
        assert [next(iterator), next(iterator)] == [CREATED, WORD]
        speaker.wait_waiting(40)
        assert speaker.advance(40) == pcm


def test_it_is_played_to_its_end_when_the_session_closes(transport, session, speaker):
    with stream(session, speaker=speaker):
        transport.push(CREATED, delta(tone(20)), SessionClosed())
        transport.hang_up()
        speaker.wait_waiting(20)
        assert speaker.advance(20) == tone(20)
    assert transport.sent == []


def test_flush_drops_what_is_queued_and_sends_nothing(transport, session, speaker):
    with stream(session, speaker=speaker) as events:
        transport.push(CREATED, delta(tone(1000)), WORD)
        speaker.wait_waiting(40)
        speaker.advance(20)
        heard = events.flush()
        assert heard is not None
        assert heard.audio_end_ms == 20
        assert speaker.advance(40) == silence(40)
        transport.push(delta(b"\x11\x11" * 480))
        speaker.wait_waiting(20)
        assert speaker.advance(20) == b"\x11\x11" * 480
        events.flush()
    session.close()
    assert transport.sent == []


def test_with_audio_the_sound_is_played_and_comes_out_too(transport, session, speaker):
    sound = delta(tone(20))
    with stream(session, speaker=speaker, with_audio=True) as events:
        transport.push(sound, WORD)
        iterator = iter(events)
        assert [next(iterator), next(iterator)] == [sound, WORD]
        speaker.wait_waiting(20)


def test_what_is_no_sound_is_dropped_and_said_once(transport, session, speaker, caplog):
    with stream(session, speaker=speaker) as events:
        transport.push(
            SessionOutputAudioDelta(delta="?"),
            delta(tone(20), channels=99),
            delta(tone(20), sample_rate=-1),
            delta(tone(20)),
            WORD,
        )
        assert next(iter(events)) == WORD
        speaker.wait_waiting(20)
    assert caplog.text.count("sound of the translation is dropped") == 1


def test_without_a_resampler_the_session_goes_on_and_says_so(transport, session, speaker, monkeypatch):
    monkeypatch.setitem(sys.modules, "soxr", None)
    with stream(session, speaker=speaker) as events:
        transport.push(delta(tone(20, 16_000), sample_rate=16_000), WORD)
        iterator = iter(events)
        first, second = next(iterator), next(iterator)
        assert isinstance(first, DeviceLost)
        assert second == WORD


def played(*deltas: SessionOutputAudioDelta) -> bytes:
    interpretation = Interpretation()
    return b"".join([interpretation.samples(each) for each in deltas]) + interpretation.rest()


def test_two_channels_become_one():
    left_and_right = np.array([[100, 300], [-100, 100]], "<i2").tobytes()
    assert played(delta(left_and_right, channels=2)) == np.array([200, 0], "<i2").tobytes()


@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
def test_another_rate_lasts_as_long_and_sounds_the_same(rate):
    sound = tone(400, rate)
    pieces = [delta(sound[start : start + 1000], sample_rate=rate) for start in range(0, len(sound), 1000)]
    heard = np.frombuffer(played(*pieces), "<i2").astype(float)
    assert len(heard) == 9600
    wanted = np.frombuffer(tone(400), "<i2").astype(float)
    middle = slice(1200, -1200)
    assert np.abs(heard[middle] - wanted[middle]).max() < 100


def test_the_shape_may_change_on_the_way():
    heard = played(delta(tone(100)), delta(tone(100, 48_000), sample_rate=48_000), delta(tone(100)))
    assert len(heard) == ms_to_bytes(300)


@given(st.integers(1, 4), st.lists(st.integers(0, 4000), max_size=8))
def test_deltas_may_be_cut_anywhere(channels, cuts):
    sound = np.arange(480 * channels, dtype="<i2").tobytes()
    places = [0, *sorted(min(cut, len(sound)) for cut in cuts), len(sound)]
    pieces = [sound[start:end] for start, end in itertools.pairwise(places)]
    shape = {"channels": channels}
    assert played(*[delta(piece, **shape) for piece in pieces]) == played(delta(sound, **shape))


def test_a_microphone_is_sent_as_what_is_to_be_translated_silence_too(transport, session):
    transport.push(CREATED)
    assert session.receive(timeout=PATIENCE) == CREATED
    microphone = FakeMicrophone()
    with capture_audio(session, interval_ms=20, microphone=microphone) as capture:
        microphone.push(tone(20))
        assert decode_base64(transport.wait_sent(APPEND)["audio"]) == tone(20)
        capture.mute()
        microphone.push(tone(20))
        assert decode_base64(transport.wait_sent(APPEND, count=2)["audio"]) == silence(20)
    session.close()
    assert {message["type"] for message in transport.sent} == {APPEND}


def test_a_translation_gets_its_sound_before_it_has_said_what_it_is():
    transport = ScriptedTransport()
    microphone = FakeMicrophone()
    with Session(transport, translates=True) as session, capture_audio(session, microphone=microphone, interval_ms=20):
        microphone.push(silence(20))
        transport.wait_sent("session.input_audio_buffer.append")


def test_the_address_of_a_translation_says_so():
    assert endpoints.openai(api_key="sk-1", intent="translation").translates
    assert not endpoints.openai(api_key="sk-1").translates
