"""Open speakers: the virtual card's speaker stands beside its microphone, and nobody wears a headset.

The echo is as loud as a person. A card that is kept waiting by a busy machine loses sound now and then, and its echo
comes from elsewhere afterwards: the assistant must not interrupt itself then either.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack

import attrs
import numpy as np
import pytest
from dialogue import InterruptedItself, Interruption, open_dialogue
from far_end import FarEnd
from measuring import Samples, Stalls, report
from person import RECORDINGS, Person, person
from server_process import local_server_process

from reelthyme_sync import Session, capture_audio, stream
from reelthyme_sync.audio.pyaudio_device import PyAudioMicrophone
from reelthyme_sync.audio.wav import read_wav
from reelthyme_sync.capturing import Echo
from reelthyme_sync.echo import EchoCanceller
from reelthyme_sync.local_server.answers import STORY
from reelthyme_sync.pcm import bytes_to_ms, ms_to_bytes, ms_to_samples

pytestmark = [pytest.mark.soundcard, pytest.mark.usefixtures("sound_card")]

# --- how much of the echo is taken away -----------------------------------------------------------------------

ERLE_DB = 35.0
CONVERGED_MS = 2000
SPEECH = b"".join(read_wav(RECORDINGS / f"question_{number}.wav") for number in (1, 2))[: ms_to_bytes(4500)]
ORDERS = ("stream first", "capture first")


def erle_db(order: str) -> float:
    """The echo as it comes to the microphone over what is sent of it, after two seconds of speech."""
    far_end, recorded = FarEnd(), bytearray()
    with Session(far_end.transport) as session, ExitStack() as audio:
        opened = {
            "stream first": lambda: audio.enter_context(stream(session)),
            "capture first": lambda: audio.enter_context(
                capture_audio(session, microphone=PyAudioMicrophone(tap=recorded.extend), echo=EchoCanceller())
            ),
        }
        for first in (order, *(other for other in ORDERS if other != order)):
            opened[first]()
        far_end.say(SPEECH)
        far_end.wait_more(bytes_to_ms(len(SPEECH)) + 300)
    near, sent = np.frombuffer(bytes(recorded), "<i2"), far_end.heard()
    (loud,) = np.nonzero(np.abs(near.astype(int)) > 1000)
    converged = int(loud[0]) + ms_to_samples(CONVERGED_MS)
    erle = 10 * math.log10(power(near[converged : loud[-1]]) / power(sent[converged : loud[-1]]))
    report(f"ERLE, {order}: {erle:.1f} dB")
    return erle


def power(samples: Samples) -> float:
    return float(np.mean(samples.astype(float) ** 2)) + 1e-3


@pytest.mark.parametrize("order", ORDERS * 2)
def test_the_echo_is_gone_in_whichever_order_the_devices_are_opened(order: str):
    assert erle_db(order) >= ERLE_DB


@pytest.mark.slow
def test_the_echo_is_gone_twenty_times_of_twenty():
    assert min(erle_db(order) for order in ORDERS * 10) >= ERLE_DB


# --- a whole conversation -------------------------------------------------------------------------------------


@attrs.frozen
class Question:
    """A recording.

    Attributes:
        last_words: those that come when the assistant is silent already, as they are understood.
        answer: how the answer begins.
    """

    recording: str
    last_words: str
    answer: str


WEATHER = Question("question_2.wav", r"in paris tomorrow$", "Sunny, in Paris.")
HEALTH = Question("question_1.wav", r"you today$", "I am fine.")
SUM = Question("question_3.wav", r"seven$", "It is 42.")

QUESTIONS = (WEATHER, HEALTH, SUM, WEATHER, HEALTH)
TURN_MS, LAST_TURN_MS = 11_500, 1000
SPOKEN_MS = 60_000
CUT_MS = 500.0
ATTEMPTS = 3
"""When the recogniser takes a word for another, or the machine stalls."""

AFTER_STALL = 5.0
"""Seconds in which the assistant may interrupt itself, in such an attempt: where the sound server stood still, the echo
comes with another delay than before, which takes up to 2 s to learn; then the conversation is ended. At any other time
it may not, ever."""

SCRIPT = [{"when": question.last_words, "say": f"{question.answer} {STORY}"} for question in (WEATHER, HEALTH, SUM)]


class Misheard(Exception):
    """The conversation went another way."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with local_server_process([*SCRIPT, {"when": "", "say": STORY}], tmp_path_factory.mktemp("server")) as url:
        yield url


@pytest.fixture
def somebody(sound_card) -> Iterator[Person]:
    with person() as someone:
        yield someone


def converse(url: str, somebody: Person, echo: Echo | None, *, turn_ms: float = TURN_MS) -> list[Interruption]:
    """A minute of the assistant, in several turns, each of which somebody ends.

    Raises:
        InterruptedItself: the assistant did.
        Misheard: a question was not understood.
    """
    interruptions: list[Interruption] = []
    with open_dialogue(url, somebody, echo) as dialogue:
        for question in QUESTIONS:
            dialogue.listen(turn_ms)
            interruptions.append(one := dialogue.interrupt(question.recording))
            report(f"{one}")
            if not (re.search(question.last_words, one.words) and one.answer.startswith(question.answer)):
                raise Misheard(one)
        dialogue.listen(max(LAST_TURN_MS, SPOKEN_MS - dialogue.spoken_ms))
    return interruptions


def test_the_assistant_never_interrupts_itself_and_somebody_does(server: str, somebody: Person):
    told: list[str] = []
    for _ in range(ATTEMPTS):
        try:
            with Stalls() as stalls:
                interruptions = converse(server, somebody, "auto")
        except Misheard as error:
            told.append(report(repr(error)))
        except InterruptedItself as error:
            if not any(time.monotonic() - end < AFTER_STALL for end in stalls.ends):
                raise
            told.append(report(f"{error!r}, after the machine had stood still for up to {stalls.longest_ms:.0f} ms"))
        else:
            cuts = [interruption.cut_ms for interruption in interruptions]
            told.append(report(f"cut after {cuts} ms, {np.median(cuts):.0f} at the median"))
            if np.median(cuts) <= CUT_MS:
                break
    else:
        pytest.fail(f"it did not go well in {ATTEMPTS} conversations: {told}")


def test_without_cancelling_the_assistant_interrupts_itself(server: str, somebody: Person):
    with pytest.raises(InterruptedItself):
        converse(server, somebody, None)
