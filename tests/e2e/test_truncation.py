"""What the library reports as heard, against what the microphone heard; and how soon it is silent.

Replies are a position code. Each is cut at a random moment: every other one by hand, the rest because the server says
that the user speaks. The end of what the microphone recorded of it tells how far the listener really got. One core is
busy all the time. No figure leaves out an interruption, but those in which the whole machine stood still: they are made
again.
"""

from __future__ import annotations

import math
import random
import time

import attrs
import numpy as np
import pytest
from ear import Ear
from far_end import FarEnd
from load import busy_core
from measuring import TONE, Samples, Stalls, report, tone, until_it_holds
from position_code import LIKE, PositionCode

from reelthyme_sync import AudioStream, Session, capture_audio, stream
from reelthyme_sync.audio.pyaudio_device import PyAudioMicrophone
from reelthyme_sync.pcm import SAMPLE_RATE, ms_to_samples

pytestmark = [pytest.mark.soundcard, pytest.mark.usefixtures("sound_card")]

INTERRUPTIONS, MOST_INTERRUPTIONS = 50, 200
PATIENCE = 600.0  # virtual processors may wake up late for minutes: then a sound card of software lags by seconds
REPLY_MS = 3000
QUIET_MS = 60  # no gap of a busy machine is that long
STILL_MS = 25.0
"""Of a machine that lets threads sleep on for that long, a processor was taken away."""

TAIL, FADE = ms_to_samples(22), ms_to_samples(10)
"""The end of what was heard is located by what comes before the fade: from ``TAIL`` to ``FADE`` samples before the
end. Short, because a busy machine may lose a block, and a stretch must not have a gap in it."""


@attrs.frozen
class Cut:
    """One interruption.

    Attributes:
        error_ms: what was reported, less what was heard.
        silence_ms: from the call (of ``flush``, or of the transport with the server's word) to the last loud sample.
    """

    error_ms: float
    silence_ms: float


@attrs.frozen
class Figures:
    """Of many interruptions, without signs."""

    median: float
    worst: float

    @classmethod
    def of(cls, values: list[float]) -> Figures:
        sizes = np.abs(values)
        return cls(round(float(np.median(sizes)), 1), round(float(sizes.max()), 1))

    def used(self, *, median: float, worst: float) -> float:
        """How much of what is allowed; above 1 it is too much."""
        return max(self.median / median, self.worst / worst)


class Interrupter:
    """Speaks a reply, cuts it, and finds out what became of it."""

    def __init__(self, far_end: FarEnd, conversation: AudioStream, ear: Ear) -> None:
        self._far_end = far_end
        self._conversation = conversation
        self._ear = ear
        self._code = PositionCode(REPLY_MS)
        self._chance = random.Random(5)

    def interrupt(self, number: int) -> Cut:
        self._far_end.say(self._code.pcm, item=f"item_{number}")
        self._ear.await_sound()
        time.sleep(self._chance.uniform(0.1, 0.7))  # what is measured begins anywhere within a block
        called = time.monotonic()
        if number % 2:
            self._conversation.flush()
        else:
            self._far_end.notice_speech()
        end = self._ear.await_silence(QUIET_MS)
        return Cut(
            error_ms=self._reported_ms(number) - self._position_ms(end),
            silence_ms=(self._ear.recorded_at(end) - called) * 1000,
        )

    def _reported_ms(self, number: int) -> int:
        truncate = self._far_end.transport.wait_sent("conversation.item.truncate", count=number + 1)
        assert truncate["item_id"] == f"item_{number}"
        return truncate["audio_end_ms"]

    def _position_ms(self, end: int) -> float:
        found = self._code.find(self._ear.between(end - TAIL, end - FADE))
        if found.likeness < LIKE:
            return math.inf  # a gap just there: this run tells nothing
        return (found.position + TAIL) * 1000 / SAMPLE_RATE


def interrupt_often() -> list[Cut]:
    far_end, ear = FarEnd(), Ear()
    with (
        busy_core(),
        Session(far_end.transport) as session,
        stream(session) as conversation,
        capture_audio(session, microphone=PyAudioMicrophone(tap=ear)),
    ):
        interrupter, cuts = Interrupter(far_end, conversation, ear), list[Cut]()
        for number in range(MOST_INTERRUPTIONS):
            with Stalls() as stalls:
                cut = interrupter.interrupt(number)
            if stalls.longest_ms < STILL_MS:
                cuts.append(cut)
            if len(cuts) == INTERRUPTIONS:
                return cuts
        pytest.fail(f"the machine stood still in all but {len(cuts)} of {MOST_INTERRUPTIONS} interruptions")


def test_what_is_reported_was_heard_and_silence_comes_at_once():
    results: list[str] = []

    def measure() -> float:
        cuts = interrupt_often()
        error = Figures.of([cut.error_ms for cut in cuts])
        silence = Figures.of([cut.silence_ms for cut in cuts])
        bias = float(np.median([cut.error_ms for cut in cuts]))
        results.append(report(f"{len(cuts)} cuts: error {error} (bias {bias:+.1f}), silence {silence}, in ms"))
        return max(error.used(median=20, worst=40), silence.used(median=35, worst=60))

    measured = until_it_holds(measure, limit=1.0, patience=PATIENCE)
    assert measured[-1] <= 1.0, results


def test_a_cut_does_not_click():
    """A cut tone takes no larger step than the tone itself does, but for what the fade adds to it."""
    own_step = largest_step(np.frombuffer(tone(100), "<i2"))
    cuts = 10

    def measure() -> float:
        far_end, ear = FarEnd(), Ear()
        with (
            Session(far_end.transport) as session,
            stream(session) as conversation,
            capture_audio(session, microphone=PyAudioMicrophone(tap=ear)),
        ):
            steps = []
            for number in range(cuts):
                far_end.say(tone(1000), item=f"item_{number}")
                ear.await_sound()
                time.sleep(0.1 + number / cuts / TONE)  # at another point of the wave each time
                conversation.flush()
                end = ear.await_silence(QUIET_MS)
                steps.append(largest_step(ear.between(end - TAIL, end + FADE)))
        report(f"{cuts} cuts: largest step {max(steps)}, the tone's own {own_step}")
        return max(steps) / own_step

    measured = until_it_holds(measure, limit=1.1)
    assert measured[-1] <= 1.1, f"steps, relative to the tone's own: {measured}"


def largest_step(samples: Samples) -> int:
    return int(np.abs(np.diff(samples.astype(int))).max())
