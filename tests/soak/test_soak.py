"""A long spoken conversation at twenty times real time, both ways at once: nothing grows, and nothing is lost.

Ten minutes, or REELTHYME_SOAK_SECONDS.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import pytest
from soak.talkative import talkative_peer

from reelthyme_sync import capture_audio, connect, stream
from reelthyme_sync.events import ResponseDone
from reelthyme_sync.pcm import ms_to_bytes
from reelthyme_sync.testing import FakeMicrophone, FakeSpeaker

SECONDS = float(os.environ.get("REELTHYME_SOAK_SECONDS", "600"))
SPEED = 20
STEP_MS = 100
"""What sounds, and is heard, at once."""

SETTLES_WITHIN = SECONDS / 10
MAY_GROW = 1.05

pytestmark = pytest.mark.slow


class Acoustics:
    """Lets time pass for a speaker and a microphone, so many times faster than it does."""

    def __init__(self, speaker: FakeSpeaker, microphone: FakeMicrophone) -> None:
        self._speaker = speaker
        self._microphone = microphone
        self._stop = threading.Event()
        self.sounded = 0
        self.spoken = 0

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Time passes as long as the block lasts."""
        thread = threading.Thread(target=self._run, name="soak-acoustics", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _run(self) -> None:
        sound = b"\1\0" * (ms_to_bytes(STEP_MS) // 2)
        due = monotonic()
        while not self._stop.wait(max(0.0, due - monotonic())):
            due += STEP_MS / 1000 / SPEED
            self.sounded += any(self._speaker.advance(STEP_MS))
            self._microphone.push(sound)
            self.spoken += len(sound)


def test_a_long_conversation_needs_no_more_memory_than_a_short_one():
    speaker, microphone = FakeSpeaker(capacity_ms=2 * STEP_MS), FakeMicrophone()
    acoustics = Acoustics(speaker, microphone)
    with talkative_peer(SPEED) as url, connect(url=url) as session:
        with stream(session, speaker=speaker) as events, capture_audio(session, microphone=microphone):
            with acoustics.passing():
                resident, heard = converse(events)
    settled = [size for at, size in resident if at > SETTLES_WITHIN]
    assert max(settled) < settled[0] * MAY_GROW, f"from {settled[0]} to {max(settled)} bytes"
    assert heard > 0.95 * acoustics.spoken
    assert acoustics.sounded * STEP_MS > 0.5 * SPEED * SECONDS * 1000


def converse(events) -> tuple[list[tuple[float, int]], int]:
    """Listen for as long as the test lasts. The memory at the end of every turn, and how much the peer has heard."""
    began, resident, heard = monotonic(), [], 0
    for event in events:
        if isinstance(event, ResponseDone):
            resident.append((monotonic() - began, resident_bytes()))
            heard = int(event.response.metadata["heard"])
        if monotonic() - began > SECONDS:
            break
    return resident, heard


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
