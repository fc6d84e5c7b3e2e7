"""A reply that is made at real time and delivered in bursts, with up to 300 ms of nothing in between."""

from __future__ import annotations

import itertools
import math
import random
import threading
import time
from collections.abc import Iterator

import pytest
from far_end import FarEnd
from measuring import loud_part, report, rest_without_the_tone, tone, until_it_holds

from reelthyme_sync import Session, capture_audio, stream
from reelthyme_sync.pcm import SAMPLE_RATE, ms_to_bytes, ms_to_samples

pytestmark = [pytest.mark.soundcard, pytest.mark.usefixtures("sound_card")]

REPLY_MS = 6000
LONGEST_GAP_MS = 300
EDGE = ms_to_samples(20)  # where a resampler rings


def bursts() -> Iterator[int]:
    """Moments of delivery, in ms from the beginning of production. The worst comes first: hardly a sound, then nothing.

    The same every time, so that a prebuffer that is too short fails at every try.
    """
    chance = random.Random(1)
    gaps = itertools.chain([10, LONGEST_GAP_MS], (chance.randint(1, LONGEST_GAP_MS) for _ in itertools.count()))
    yield from itertools.takewhile(lambda moment: moment < REPLY_MS, itertools.accumulate(gaps))
    yield REPLY_MS


def deliver(far_end: FarEnd) -> None:
    """Each burst is all that was produced since the one before."""
    pcm, began, sent = tone(REPLY_MS), time.monotonic(), 0
    for moment in bursts():
        time.sleep(max(0.0, began + moment / 1000 - time.monotonic()))
        far_end.produce(pcm[sent : ms_to_bytes(moment)])
        sent = ms_to_bytes(moment)
    far_end.complete()


def test_bursts_of_deltas_sound_as_one_unbroken_tone():
    def measure() -> float:
        far_end = FarEnd()
        with (
            Session(far_end.transport) as session,
            stream(session) as conversation,
            capture_audio(session, interval_ms=20) as capture,
        ):
            server = threading.Thread(target=deliver, args=(far_end,))
            server.start()
            far_end.wait_loud(REPLY_MS - 50)
            server.join()
            conversation.stop(drain=True)
            capture.stop()
            underruns = conversation.stats.underruns
        heard = loud_part(far_end.heard())
        noise = rest_without_the_tone(heard[EDGE:-EDGE])
        report(f"{underruns} underruns, {heard.size * 1000 / SAMPLE_RATE:.0f} ms heard, {noise:.0f} dB of noise")
        return math.inf if underruns else noise

    measured = until_it_holds(measure, limit=-50.0)
    assert measured[-1] <= -50.0, f"dB of what was not the tone (inf: there were underruns): {measured}"
