"""Every sample, run as its docstring says, without a key: it starts a local server for itself."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

SAMPLES = Path(__file__).parents[2] / "samples"


def start(sample: str, *arguments: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name != "OPENAI_API_KEY"}
    return subprocess.Popen(
        [sys.executable, "-W", "error", SAMPLES / sample, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def end(process: subprocess.Popen[str], typed: str = "") -> list[str]:
    """The lines that it prints, once it has ended by itself and without complaint."""
    try:
        printed, errors = process.communicate(typed, timeout=60)
    finally:
        process.kill()
    assert (process.returncode, errors) == (0, "")
    return printed.splitlines()


def run(sample: str, *arguments: str, typed: str = "") -> list[str]:
    return end(start(sample, *arguments), typed)


@pytest.fixture(scope="module")
def spoken() -> Iterator[dict[str, subprocess.Popen[str]]]:
    """Those that take the time that speech takes, side by side."""
    with resources.as_file(resources.files("reelthyme_sync") / "recordings" / "question_3.wav") as question:
        processes = {sample: start(sample, str(question)) for sample in ("voice_chat.py", "push_to_talk.py")}
        processes["long_call.py"] = start("long_call.py")
        yield processes
    for process in processes.values():
        process.kill()
        process.communicate()


def test_text_chat():
    printed = run("text_chat.py", typed="what is two plus two\nwhat is six times seven\n\n")
    assert printed[0] == "Type something; an empty line ends it."
    assert "4" in printed[1]
    assert "42" in printed[2]


def test_tools():
    tool, answer = run("tools.py", "What is the weather in Paris?")
    assert tool.split() == ["tool:", "get_weather", '{"city":"Paris"}']
    assert "sunny" in answer


def test_voice_chat_from_a_recording(spoken):
    printed = end(spoken["voice_chat.py"])
    assert printed[0] == "Speak."
    assert "six times seven" in printed[1]
    assert "42" in printed[2]


def test_push_to_talk_from_a_recording(spoken):
    assert "42" in end(spoken["push_to_talk.py"])[-1]


def test_long_call_outlives_its_connections(spoken):
    printed = end(spoken["long_call.py"])
    assert "3 times 3 is 9." in printed
    assert "9 times 9 is 81." in printed
    assert any(line.startswith("[a new connection; the server has been told") for line in printed)


def test_assistant_in_writing():
    printed = run("assistant.py", "What is the weather in Paris?", "What is six times seven?")
    assert [line.split(":")[0] for line in printed] == ["you", "assistant"] * 2
    assert "sunny" in printed[1]
    assert "42" in printed[3]


def test_classify_beside_the_conversation():
    printed = run("classify.py", "My lamp is broken!", "Where is my order?", "What is six times seven?")
    assert printed[0] == "you, about lamp: My lamp is broken!"
    assert printed[2] == "you, about order: Where is my order?"
    assert printed[4] == "you, about anything else: What is six times seven?"
    assert "42" in printed[5]
    assert printed[6] == "The conversation has 6 items."
