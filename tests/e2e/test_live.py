"""A live conversation: the demo on a sound card of its own, and somebody who speaks into its microphone."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from test_demo import CUT, LINE, channels, reelthyme, utterances

pytestmark = pytest.mark.soundcard

USER = """
import sys
from reelthyme_sync.audio.pyaudio_device import PyAudioSpeaker
from reelthyme_sync.audio.wav import read_wav

mouth = PyAudioSpeaker("user")
sound = read_wav(sys.argv[1])
for start in range(0, len(sound), 960):
    mouth.wait_writable()
    mouth.write(sound[start : start + 960])
mouth.drain()
mouth.close()
"""
QUESTIONS = Path(__file__).parents[2] / "reelthyme_sync" / "recordings"


@pytest.fixture
def environment(another_sound_card) -> dict[str, str]:
    """The card's. Its speaker reaches its microphone."""
    changed = {**os.environ, **another_sound_card.variables, "PYTHONUNBUFFERED": "1", "COLUMNS": "200"}
    changed["PYTHONFAULTHANDLER"] = "1"
    changed.pop("OPENAI_API_KEY", None)
    return changed


def put_on_a_headset(environment: dict[str, str]) -> None:
    subprocess.run(
        ["pw-link", "-d", "reelthyme_speaker:monitor_MONO", "reelthyme_mic:input_MONO"], env=environment, check=True
    )


WITHIN = 60.0
"""Seconds for one conversation, which takes 13. One that was misheard goes on for ever: it is ended."""

ATTEMPTS = 3
"""A machine that is busy loses blocks of what is said, and then something else is heard."""


class Misheard(Exception):
    """The conversation went another way."""


def converse(environment: dict[str, str], output: Path, answer: str) -> list[tuple[str, str, str]]:
    """Ask, interrupt the answer with another question, and end it with Ctrl-C; gives the transcript."""
    lines: list[tuple[str, str, str]] = []

    def ask(number: int) -> None:
        question = str(QUESTIONS / f"question_{number}.wav")
        subprocess.run([sys.executable, "-c", USER, question], env=environment, check=True, timeout=30)

    with subprocess.Popen(
        reelthyme("demo", "--output", str(output)), stdout=subprocess.PIPE, text=True, env=environment
    ) as talk:
        deadline = threading.Timer(WITHIN, talk.send_signal, [signal.SIGABRT])
        deadline.start()

        def read_until(is_it: Callable[[tuple[str, str, str]], bool]) -> None:
            for line in talk.stdout:
                if match := LINE.match(line):
                    lines.append(match.groups())
                    if is_it(lines[-1]):
                        return
            raise Misheard(lines)

        try:
            assert any(line.startswith("Speak") for line in iter(talk.stdout.readline, ""))
            ask(2)
            read_until(lambda line: line[1] == "assistant")
            ask(3)  # in the middle of the forecast
            read_until(lambda line: line[1] == "assistant" and answer in line[2])
            talk.send_signal(signal.SIGINT)
            talk.stdout.read()
            assert talk.wait(timeout=5) == 0, "Ctrl-C did not end it: the stacks of its threads are on stderr"
        finally:
            deadline.cancel()
            deadline.join()
            if talk.returncode is None:
                talk.kill()
    if not re.search(r"weather .* paris", lines[0][2]):
        raise Misheard(lines)
    return lines


@pytest.mark.parametrize("headset", [False, True], ids=["open speakers", "headset"])
def test_somebody_speaks_and_interrupts_and_ends_it_with_ctrl_c(tmp_path, environment, headset):
    answer = ""  # on open speakers the words before the cut are half drowned
    if headset:
        put_on_a_headset(environment)
        answer = "42"
    output = tmp_path / "conversation.wav"
    failed = []
    for _ in range(ATTEMPTS):
        try:
            lines = converse(environment, output, answer)
            break
        except Misheard as error:
            failed.append(repr(error))
    else:
        pytest.fail(f"it went wrong every time: {failed}")

    said = [who for _, who, _ in lines]
    assert said == ["you", "tool", "assistant", "cut", "you", "assistant"]
    heard = float(CUT.search(lines[3][2])[1])

    left, right = channels(output)
    assert len(utterances(left)) == 2
    begin, end = utterances(right)[0]
    assert end - begin == pytest.approx(heard, abs=0.15)  # a sound card may lose a block
    assert end == pytest.approx(float(lines[3][0]), abs=0.3)
    asked, finished = utterances(left)[1]
    assert asked < end < finished
    assert asked > begin + 1.0  # it was the user who interrupted, and not the assistant's own echo
