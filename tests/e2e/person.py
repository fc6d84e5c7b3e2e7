"""Somebody who sits at the microphone: recordings, played on the card's device ``user`` by a process of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

RECORDINGS = Path(__file__).parents[2] / "reelthyme_sync" / "recordings"
LOUD = 300

MOUTH = f"""
import sys, time
import numpy as np
from reelthyme_sync.audio.pyaudio_device import PyAudioSpeaker
from reelthyme_sync.audio.wav import read_wav
from reelthyme_sync.pcm import SAMPLE_RATE

began = []

def tap(block):
    loud = np.flatnonzero(np.abs(np.frombuffer(block, "<i2").astype(int)) > {LOUD})
    if loud.size and not began:
        began.append(time.monotonic() + int(loud[0]) / SAMPLE_RATE)

mouth = PyAudioSpeaker("user", tap=tap)
print("ready", flush=True)
for path in map(str.strip, sys.stdin):
    sound = read_wav(path)
    began.clear()
    for start in range(0, len(sound), 960):
        mouth.wait_writable()
        mouth.write(sound[start : start + 960])
    mouth.drain()
    print(began[0], flush=True)
mouth.close()
"""


@attrs.frozen
class Utterance:
    """What was said, by ``time.monotonic()``, which is the same in every process.

    Attributes:
        began: when the device got the first loud sample.
        ended: when all of it had sounded.
    """

    began: float
    ended: float


class Person:
    """Says recordings; does not listen."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert self._read() == "ready"

    def say(self, recording: str) -> Utterance:
        """Until it has been said."""
        self._process.stdin.write(f"{RECORDINGS / recording}\n")
        self._process.stdin.flush()
        return Utterance(began=float(self._read()), ended=time.monotonic())

    def _read(self) -> str:
        return self._process.stdout.readline().strip()


@contextmanager
def person() -> Iterator[Person]:
    """Somebody, for as long as the block lasts."""
    with subprocess.Popen(
        [sys.executable, "-c", MOUTH], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Person(process)
        finally:
            process.stdin.close()
