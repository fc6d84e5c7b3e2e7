"""A reply that is made at real time and delivered in bursts, with up to 300 ms of nothing in between."""

from __future__ import annotations

import itertools
import math
import random
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from far_end import FarEnd
from measuring import LOUD, Samples, Stalls, loud_part, report, rest_without_the_tone, tone, until_it_holds

from reelthyme_sync import Session, capture_audio, stream
from reelthyme_sync.events import ResponseDone
from reelthyme_sync.pcm import ms_to_bytes, ms_to_samples

pytestmark = [pytest.mark.soundcard, pytest.mark.usefixtures("sound_card")]

REPLY_MS = 6000
LONGEST_GAP_MS = 300
TAIL_MS = 200
SPARE_MS = 30.0
CLEAN_DB = -50.0
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
    """Whenever the machine does not stand still for longer than the prebuffer has to spare.

    What it has to be is decided without a clock: ``tests/test_prebuffer.py``.
    """
    fault_of_ours = []

    def measure() -> float:
        far_end = FarEnd()
        with (
            Stalls() as stalls,
            Session(far_end.transport) as session,
            stream(session) as conversation,
            capture_audio(session, interval_ms=20) as capture,
        ):
            server = threading.Thread(target=deliver, args=(far_end,))
            server.start()
            next(event for event in conversation if isinstance(event, ResponseDone))  # all of it has come
            server.join()
            conversation.stop(drain=True)
            far_end.wait_more(TAIL_MS)  # what the device still held
            capture.stop()
            underruns = conversation.stats.underruns
        noise = noise_in(far_end.heard())
        report(
            f"{underruns} underruns, {noise:.0f} dB of noise; the machine stood still for {stalls.longest_ms:.0f} ms"
        )
        fault_of_ours.append((underruns or noise > CLEAN_DB) and stalls.longest_ms < SPARE_MS)
        return math.inf if underruns else noise

    measured = until_it_holds(measure, limit=CLEAN_DB)
    assert measured[-1] <= CLEAN_DB or not any(fault_of_ours), f"dB besides the tone (inf: underruns): {measured}"


def noise_in(recording: Samples) -> float:
    """What else than the whole tone was heard, in dB."""
    if not np.any(np.abs(recording.astype(int)) > LOUD / 10):
        return math.inf
    heard = loud_part(recording)
    whole = heard.size >= ms_to_samples(REPLY_MS - 50)
    return rest_without_the_tone(heard[EDGE:-EDGE]) if whole else math.inf
