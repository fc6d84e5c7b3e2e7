"""The demo as a user runs it: a process of its own, no key, no network, no sound card."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import wave
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest

RATE = 24_000
LINE = re.compile(r"^ *(\d+\.\d\d) s  (you|assistant|tool|cut|error) +(.*)$")
CUT = re.compile(r"heard (\d+\.\d\d) s of (\d+\.\d\d) s")
Samples = np.ndarray[Any, np.dtype[np.int16]]

pytest.importorskip("aiohttp", reason="the local server needs the extra `local`")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A machine without a key and without a sound card, whatever this one has."""
    nowhere = str(tmp_path_factory.mktemp("nowhere"))
    hidden = {"OPENAI_API_KEY", "ALSA_CONFIG_PATH", "PULSE_SERVER"}
    return {name: value for name, value in os.environ.items() if name not in hidden} | {
        "PIPEWIRE_RUNTIME_DIR": nowhere,
        "XDG_RUNTIME_DIR": nowhere,
        "PYTHONUNBUFFERED": "1",
        "COLUMNS": "200",
    }


def reelthyme(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "reelthyme_sync", *arguments]


def stood_still(samples: Samples, begin: float, end: float) -> float:
    """Seconds in which nothing at all was played in the middle of speech, because the machine did not go on."""
    silent = np.diff(np.r_[0, samples[round(begin * RATE) : round(end * RATE)] == 0, 0].astype(int))
    lengths = np.nonzero(silent == -1)[0] - np.nonzero(silent == 1)[0]
    return float(lengths[lengths > 0.01 * RATE].sum() / RATE)


class Conversation:
    """One that runs in a process of its own, in real time."""

    def __init__(self, output: Path, environment: dict[str, str], command: str, *arguments: str) -> None:
        self.output = output
        self.process = subprocess.Popen(
            reelthyme(command, *arguments, "--output", str(output)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def end(self) -> str:
        """What it has printed, once it has ended by itself and without complaint."""
        printed, errors = self.process.communicate(timeout=120)
        assert (self.process.returncode, errors) == (0, "")
        return printed


@pytest.fixture(scope="module")
def conversations(tmp_path_factory: pytest.TempPathFactory, environment) -> Iterator[tuple[Conversation, Conversation]]:
    """The demonstration, and a talk from a recording, side by side: both do little but wait for time to pass."""
    folder = tmp_path_factory.mktemp("conversations")
    with resources.as_file(resources.files("reelthyme_sync") / "recordings" / "question_1.wav") as question:
        both = (
            Conversation(folder / "demo.wav", environment, "demo"),
            Conversation(folder / "talk.wav", environment, "talk", "--input", str(question)),
        )
        yield both
    for each in both:
        each.process.kill()
        each.process.communicate()


def channels(path: Path) -> tuple[Samples, Samples]:
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, RATE)
        both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    return both[:, 0], both[:, 1]


def utterances(samples: Samples, *, pause: float = 1.0) -> list[tuple[float, float]]:
    """Where somebody speaks, in seconds: begin and end of each stretch without a pause as long as ``pause``."""
    (loud,) = np.nonzero(np.abs(samples.astype(int)) > 300)
    breaks = np.nonzero(np.diff(loud) > pause * RATE)[0]
    begins, ends = np.r_[loud[0], loud[breaks + 1]], np.r_[loud[breaks], loud[-1]]
    return [(begin / RATE, end / RATE) for begin, end in zip(begins, ends, strict=True)]


def test_three_questions_three_answers_and_one_interruption(conversations):
    demonstration, _ = conversations
    printed, output = demonstration.end(), demonstration.output
    left, right = channels(output)
    questions, answers = utterances(left), utterances(right)
    assert len(questions) == 3
    assert len(answers) == 3

    lines = [match.groups() for match in map(LINE.match, printed.splitlines()) if match]
    times = [float(time) for time, _, _ in lines]
    assert times == sorted(times)
    assert times[-1] < 60
    if lines[2][1] == "cut":  # the next question does not wait for an answer that comes late
        assert stood_still(right, *answers[0]) > 0.3
        del lines[2]
    else:
        assert answers[0][1] < questions[1][0]

    said = {who: [text for _, speaker, text in lines if speaker == who] for who in ("you", "assistant", "tool", "cut")}
    assert [who for _, who, _ in lines] == ["you", "assistant", "you", "tool", "assistant", "cut", "you", "assistant"]
    assert "weather" in said["you"][1]
    assert said["tool"][0].startswith("get_weather(")
    heard, received = map(float, CUT.search(said["cut"][0]).groups())
    assert 0 < heard < received

    begin, end = answers[1]
    played = end - begin - stood_still(right, begin, end)
    assert played == pytest.approx(heard, abs=0.1)  # silent within 100 ms of where the transcript says
    assert end == pytest.approx(float(lines[5][0]), abs=1.5)  # and when; its clock is not the recording's
    assert questions[2][0] < end < questions[2][1]  # cut while the third question was being asked
    assert questions[0][1] < answers[0][0]
    assert questions[2][1] < answers[2][0]


def test_ctrl_c_in_the_middle(tmp_path, environment):
    output = tmp_path / "conversation.wav"
    with subprocess.Popen(
        reelthyme("demo", "--output", str(output)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        for line in process.stdout:
            if LINE.match(line):
                break
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors == ""
    channels(output)


def test_a_recording_for_the_microphone(conversations):
    _, talk = conversations
    talk.end()
    left, right = channels(talk.output)
    assert len(utterances(left)) == 1
    assert utterances(right)


def test_a_machine_without_sound_says_what_to_do(environment):
    done = subprocess.run(reelthyme("talk"), capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "--input" in done.stderr


def test_a_server_that_is_not_there_costs_no_earlier_conversation(tmp_path, environment):
    output = tmp_path / "conversation.wav"
    output.write_bytes(b"precious")
    done = subprocess.run(
        reelthyme("demo", "--url", "ws://127.0.0.1:9/v1/realtime", "--output", str(output)),
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
    )
    assert done.returncode == 1
    assert "nobody listens" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert output.read_bytes() == b"precious"
