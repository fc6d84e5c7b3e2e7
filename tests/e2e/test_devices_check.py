"""``reelthyme devices --check`` as a user runs it, on the virtual card."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.soundcard

LOOP = ["reelthyme_speaker:monitor_MONO", "reelthyme_mic:input_MONO"]
ATTEMPTS = 3
"""A machine that is busy loses blocks of sound, and the check says so."""

NOT_JOINED = "import sys; from reelthyme_sync.cli import check, main; check.join = lambda *_: False; sys.exit(main())"


@pytest.fixture
def environment(another_sound_card) -> dict[str, str]:
    return {**os.environ, **another_sound_card.variables, "COLUMNS": "80"}


def check(environment: dict[str, str], *, program: tuple[str, ...] = ("-m", "reelthyme_sync")) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, *program, "devices", "--check"], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.stderr == ""
    return done.returncode, " ".join(done.stdout.split())


def figure(printed: str, after: str) -> float:
    return float(printed.split(f" {after} ")[1].split()[0])


def test_a_speaker_beside_the_microphone(environment):
    pytest.importorskip("pywebrtc_audio")
    for _ in range(ATTEMPTS):
        status, printed = check(environment)
        assert status == 0, printed
        if "interrupted. Close programs" not in printed:
            break
    assert "together as one stream" in printed
    assert 0 < figure(printed, "delay") < 100
    assert "echo as loud as it was played" in printed
    assert figure(printed, "after cancelling") >= 35
    assert printed.endswith("Open speakers will work.")


def test_a_headset_on_a_card_that_makes_no_noise(environment):
    subprocess.run(["pw-link", "-d", *LOOP], env=environment, check=True)
    status, printed = check(environment)
    assert status == 1
    assert "echo none The microphone gives nothing at all" in printed
    assert "all is well. Or it is muted" in printed


def test_two_streams(environment):
    status, printed = check(environment, program=("-c", NOT_JOINED))
    assert status == 0, printed
    assert "together no, as two streams" in printed
    assert 0 < figure(printed, "delay") < 100
