"""``stream`` and ``capture_audio`` on the virtual sound card: deltas come back through the microphone."""

from __future__ import annotations

import random
import threading

import numpy as np
import pytest
from measuring import TONE, Samples, frequency, loud_part, rest_without_the_tone, tone, until_it_holds

from reelthyme_sync import Session, capture_audio, stream
from reelthyme_sync.events import ResponseOutputAudioDelta
from reelthyme_sync.pcm import SAMPLE_RATE, decode_base64, encode_base64, ms_to_bytes
from reelthyme_sync.testing import PATIENCE, ScriptedTransport

pytestmark = [pytest.mark.soundcard, pytest.mark.usefixtures("sound_card")]

INTERVAL_MS = 40


class Server:
    """The far end: sends deltas, and hears what is appended."""

    def __init__(self) -> None:
        self.transport = ScriptedTransport(self._hear)
        self._heard = bytearray()
        self.chunks: list[int] = []
        self._changed = threading.Condition()

    def say(self, pcm: bytes, *, item: str = "item_1") -> None:
        """Deltas of random sizes, all at once, as the service sends them."""
        sizes = random.Random(1)
        while pcm:
            size = 2 * sizes.randint(1, 6000)
            self.transport.push(ResponseOutputAudioDelta(item_id=item, delta=encode_base64(pcm[:size])))
            pcm = pcm[size:]

    def _hear(self, message):
        if message["type"] != "input_audio_buffer.append":
            return ()
        chunk = decode_base64(message["audio"])
        with self._changed:
            self._heard += chunk
            self.chunks.append(len(chunk))
            self._changed.notify_all()
        return ()

    def hears(self) -> Samples:
        with self._changed:
            return np.frombuffer(bytes(self._heard), "<i2")

    def wait_loud(self, ms: int) -> None:
        """Until so much sound has come, loud from its first loud sample on."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._loud_ms() >= ms, PATIENCE + ms / 1000)

    def wait_more(self, ms: int) -> None:
        """Until so much more has been recorded."""
        with self._changed:
            target = len(self._heard) + ms_to_bytes(ms)
            assert self._changed.wait_for(lambda: len(self._heard) >= target, PATIENCE + ms / 1000)

    def _loud_ms(self) -> float:
        samples = np.frombuffer(bytes(self._heard), "<i2").astype(int)
        (loud,) = np.nonzero(np.abs(samples) > 1000)
        return (loud[-1] - loud[0]) * 1000 / SAMPLE_RATE if loud.size else 0


def test_a_stream_of_deltas_comes_back_as_one_tone_in_exact_chunks():
    edge = SAMPLE_RATE // 50  # where a resampler rings
    heard: list[Samples] = []

    def measure() -> float:
        server = Server()
        with (
            Session(server.transport) as session,
            stream(session) as conversation,
            capture_audio(session, interval_ms=INTERVAL_MS) as capture,
        ):
            server.say(tone(2000))
            server.wait_loud(1950)
            conversation.stop(drain=True)
            capture.stop()
        heard.append(loud_part(server.hears())[edge:-edge])
        assert set(server.chunks[:-1]) == {ms_to_bytes(INTERVAL_MS)}
        assert 0 < server.chunks[-1] <= ms_to_bytes(INTERVAL_MS)
        return rest_without_the_tone(heard[-1])

    measured = until_it_holds(measure, limit=-50.0)
    assert measured[-1] <= -50.0, f"dB of what was not the tone: {measured}"
    assert frequency(heard[-1]) == pytest.approx(TONE, abs=0.5)
    assert heard[-1].size > SAMPLE_RATE * 1.9  # the whole of it, in one piece


def test_flush_is_silence_within_60_ms_and_the_next_reply_plays():
    def measure() -> float:
        server = Server()
        with (
            Session(server.transport) as session,
            stream(session) as conversation,
            capture_audio(session, interval_ms=10) as capture,
        ):
            server.say(tone(5000))
            server.wait_loud(300)
            at = server.hears().size
            heard = conversation.flush()
            server.wait_more(300)
            after = server.hears()[at:]
            server.say(tone(200), item="item_2")
            server.wait_more(600)
            again = server.hears()[at + after.size :]
            capture.stop()
        assert heard is not None
        assert 300 < heard.audio_end_ms < 1000
        assert heard.received_ms == 5000
        assert np.abs(again.astype(int)).max() > 1000
        (loud,) = np.nonzero(np.abs(after.astype(int)) > 1000)
        return loud[-1] * 1000 / SAMPLE_RATE if loud.size else 0.0

    measured = until_it_holds(measure, limit=60.0)
    assert measured[-1] <= 60.0, f"ms until silence: {measured}"
