"""``stream`` and ``capture_audio`` on the virtual sound card: deltas come back through the microphone."""

from __future__ import annotations

import pytest
from far_end import FarEnd
from measuring import TONE, Samples, frequency, loud_part, rest_without_the_tone, tone, until_it_holds

from reelthyme_sync import Session, capture_audio, stream
from reelthyme_sync.pcm import SAMPLE_RATE, ms_to_bytes

pytestmark = [pytest.mark.soundcard, pytest.mark.usefixtures("sound_card")]

INTERVAL_MS = 40


def test_a_stream_of_deltas_comes_back_as_one_tone_in_exact_chunks():
    edge = SAMPLE_RATE // 50  # where a resampler rings
    heard: list[Samples] = []

    def measure() -> float:
        far_end = FarEnd()
        with (
            Session(far_end.transport) as session,
            stream(session) as conversation,
            capture_audio(session, interval_ms=INTERVAL_MS) as capture,
        ):
            far_end.say(tone(2000))
            far_end.wait_loud(1950)
            conversation.stop(drain=True)
            capture.stop()
        heard.append(loud_part(far_end.heard())[edge:-edge])
        *sizes, rest = (len(chunk.pcm) for chunk in far_end.chunks)
        assert set(sizes) == {ms_to_bytes(INTERVAL_MS)}
        assert 0 < rest <= ms_to_bytes(INTERVAL_MS)
        return rest_without_the_tone(heard[-1])

    measured = until_it_holds(measure, limit=-50.0)
    assert measured[-1] <= -50.0, f"dB of what was not the tone: {measured}"
    assert frequency(heard[-1]) == pytest.approx(TONE, abs=0.5)
    assert heard[-1].size > SAMPLE_RATE * 1.9  # the whole of it, in one piece
