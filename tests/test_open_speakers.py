"""Echo in a room of software: no sound card, so microphone and speaker are no stream, and what was written must do."""

from __future__ import annotations

import contextlib
import logging
import sys
from importlib import resources

import numpy as np
import pytest
from echo_fakes import Subtracting

from reelthyme_sync import AudioUnavailable, Capture, PushToTalk, Session, capture_audio, stream
from reelthyme_sync.audio.clock import SoftwareClock
from reelthyme_sync.audio.gain import amplify
from reelthyme_sync.audio.software import SoftwareMicrophone, SoftwareSpeaker
from reelthyme_sync.audio.wav import read_wav
from reelthyme_sync.echo import EchoCanceller
from reelthyme_sync.events import ResponseDone, ResponseOutputAudioDelta, ResponseOutputAudioDone
from reelthyme_sync.pcm import decode_base64, encode_base64, ms_to_bytes, silence
from reelthyme_sync.testing import FakeMicrophone, ScriptedTransport

APPEND = "input_audio_buffer.append"
INTERVAL_MS = 20
ECHO_GAIN = 0.5
ECHO_DELAY_MS = 40
SPEECH_MS = 3500
CONVERGED_MS = 2000
LEAST_DB = 30
ATTEMPTS = 10


class EchoingRoom:
    """A loudspeaker, and a microphone that hears it."""

    def __init__(self) -> None:
        self.played = b""
        clock = SoftwareClock()
        self.speaker = SoftwareSpeaker(clock=clock, tap=self._sound)
        self.microphone = SoftwareMicrophone(silence(ECHO_DELAY_MS), clock=clock)

    def _sound(self, block: bytes) -> None:
        self.played += block
        self.microphone.say(amplify(block, ECHO_GAIN, ECHO_GAIN))


def speech() -> bytes:
    recordings = resources.files("reelthyme_sync") / "recordings"
    said = b"".join(read_wav(str(recordings / f"question_{number}.wav")) for number in (1, 2, 3))
    return said[: ms_to_bytes(SPEECH_MS)]


def power(pcm: bytes) -> float:
    return float(np.mean(np.frombuffer(pcm, "<i2").astype(float) ** 2))


def answer(transport: ScriptedTransport, pcm: bytes) -> None:
    delta = ResponseOutputAudioDelta(item_id="item_1", delta=encode_base64(pcm))
    transport.push(delta, ResponseOutputAudioDone(item_id="item_1"), ResponseDone())


def sound_of(session: Session, transport: ScriptedTransport) -> bytes:
    """All that was sent, once it has been."""
    session.close()
    return b"".join(decode_base64(message["audio"]) for message in transport.sent if message["type"] == APPEND)


def conversation_in(room: EchoingRoom, said: bytes, echo: str, *, speaker_first: bool) -> tuple[bytes, Capture]:
    """What was sent while that was said."""
    transport = ScriptedTransport()
    with Session(transport) as session, contextlib.ExitStack() as both:
        if speaker_first:
            conversation = both.enter_context(stream(session, speaker=room.speaker))
        capture = both.enter_context(
            capture_audio(session, microphone=room.microphone, echo=echo, interval_ms=INTERVAL_MS)
        )
        if not speaker_first:
            conversation = both.enter_context(stream(session, speaker=room.speaker))
        answer(transport, said)
        assert any(isinstance(event, ResponseDone) for event in conversation)
        conversation.stop(drain=True)
        capture.stop()
        return sound_of(session, transport), capture


@pytest.mark.parametrize(("echo", "speaker_first"), [("auto", True), ("auto", False), ("gate", True)])
def test_what_is_played_is_not_sent(echo, speaker_first):
    said = speech()
    for _ in range(ATTEMPTS):
        room = EchoingRoom()
        sent, capture = conversation_in(room, said, echo, speaker_first=speaker_first)
        if said in room.played:  # else there was a gap in it: the echo came with another delay from there on
            break
    assert said in room.played, "the machine cannot play that without a gap"
    assert len(sent) >= ms_to_bytes(SPEECH_MS - INTERVAL_MS)  # it ends with the microphone, not with its last echo
    echoed = power(said[ms_to_bytes(CONVERGED_MS) :]) * ECHO_GAIN**2
    left = power(sent[ms_to_bytes(CONVERGED_MS + ECHO_DELAY_MS) :])
    assert 10 * np.log10(echoed / max(left, 1e-3)) >= LEAST_DB
    if echo == "auto":
        assert capture.stats.echo.erle_db >= LEAST_DB
        assert capture.stats.echo.delay_ms == pytest.approx(ECHO_DELAY_MS, abs=30)  # and what waits on the way


def test_the_stats_are_those_of_the_echo(transport, session):
    with capture_audio(session, microphone=FakeMicrophone(), echo=Subtracting()) as capture:
        assert capture.stats.echo.delay_ms == 20.0
    with capture_audio(session, microphone=FakeMicrophone()) as capture:
        assert capture.stats.echo is None


def test_a_second_microphone_begins_where_the_first_has_ended(transport, session):
    first, second = FakeMicrophone(), FakeMicrophone()
    sound = bytes([3]) * ms_to_bytes(INTERVAL_MS)
    echo = Subtracting(withheld=100)
    with capture_audio(session, microphone=first, echo=echo, interval_ms=INTERVAL_MS) as capture:
        first.push(sound)
        capture.reopen(second)
        assert echo.rests >= 1  # so nothing of the first is withheld
        second.push(sound)
        capture.stop()
    assert sound_of(session, transport) == sound + sound


def test_push_to_talk_has_it_too(transport, session):
    microphone = FakeMicrophone()
    with PushToTalk(session, microphone=microphone, echo=Subtracting(), configure=False) as talk:
        assert talk.capture.stats.echo.erl_db == 6.0


@pytest.mark.parametrize("echo", ["cancel", "", EchoCanceller, True])
def test_what_is_no_echo_control_is_refused_and_the_microphone_closed(session, echo):
    for listen in (capture_audio, PushToTalk):
        microphone = FakeMicrophone()
        with pytest.raises((ValueError, TypeError), match="echo"):
            listen(session, microphone=microphone, echo=echo)
        assert microphone.closed.is_set()
        with pytest.raises((ValueError, TypeError), match="echo"):
            listen(session, echo=echo)  # before anything is opened


def test_without_the_package_auto_is_the_gate_and_says_so_once(monkeypatch, caplog, session):
    monkeypatch.setitem(sys.modules, "pywebrtc_audio", None)
    with pytest.raises(AudioUnavailable, match=r"reelthyme_sync\[aec\]"):
        EchoCanceller()
    with caplog.at_level(logging.WARNING, "reelthyme_sync"):
        for _ in range(2):
            with capture_audio(session, microphone=FakeMicrophone(), echo="auto") as capture:
                assert capture.stats.echo.erle_db is None
    assert sum("reelthyme_sync[aec]" in record.getMessage() for record in caplog.records) <= 1


def test_nothing_is_lost_of_blocks_of_any_length(transport, session):
    microphone = FakeMicrophone()
    with capture_audio(session, microphone=microphone, echo="gate", interval_ms=INTERVAL_MS):
        for size in (2, 482, 998, 2):
            microphone.push(bytes(size))
    assert len(sound_of(session, transport)) == 2 + 482 + 998 + 2
