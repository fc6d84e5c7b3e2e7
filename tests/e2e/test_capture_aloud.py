"""``capture_audio`` aloud: what the user's device plays comes as exact chunks, every sample once, and soon.

The library may lose nothing of what the device gives, ever. That the device gives everything, for a minute, needs a
machine that lets it: a soak, measured until it holds.
"""

from __future__ import annotations

import contextlib
import math
import threading

import numpy as np
import pytest
from ear import Ear
from far_end import Chunk, FarEnd
from measuring import Samples, report, until_it_holds
from position_code import LIKE, Floats, PositionCode

from reelthyme_sync import Session, capture_audio
from reelthyme_sync.audio.pyaudio_device import PyAudioMicrophone, PyAudioSpeaker
from reelthyme_sync.pcm import BYTES_PER_SAMPLE, ms_to_bytes, ms_to_samples

pytestmark = [pytest.mark.soundcard, pytest.mark.usefixtures("sound_card")]

MINUTE_MS = 60_000
SHORT_MS = 10_000
INTERVAL_MS = 20
CHUNK = ms_to_samples(INTERVAL_MS)
LATENESS_MS = 10.0
PATIENCE = 300.0  # a machine that is busy for 20 ms at a time is not quiet for a minute very often


def play(pcm: bytes) -> None:
    """As a person beside the microphone, until all of it has sounded."""
    size = ms_to_bytes(INTERVAL_MS)
    with contextlib.closing(PyAudioSpeaker("user")) as mouth:
        for start in range(0, len(pcm), size):
            mouth.wait_writable()
            mouth.write(pcm[start : start + size])
        mouth.drain()


def capture(pcm: bytes) -> tuple[list[Chunk], Ear]:
    """What the far end gets while that is played, and what the device gave."""
    far_end, ear = FarEnd(), Ear()
    with (
        Session(far_end.transport) as session,
        capture_audio(session, interval_ms=INTERVAL_MS, microphone=PyAudioMicrophone(tap=ear)) as capturing,
    ):
        person = threading.Thread(target=play, args=(pcm,))
        person.start()
        person.join()
        capturing.stop()
    ear.catch_up()
    return far_end.chunks, ear


def captured(code: PositionCode) -> tuple[Samples, Floats]:
    """What was sent of it, and how late each chunk of it came; exact chunks, with all that the device gave."""
    chunks, ear = capture(code.pcm)
    *sizes, rest = (len(chunk.pcm) for chunk in chunks)
    assert set(sizes) == {ms_to_bytes(INTERVAL_MS)}
    assert 0 < rest <= ms_to_bytes(INTERVAL_MS)
    recording = np.frombuffer(b"".join(chunk.pcm for chunk in chunks), "<i2")
    assert np.array_equal(recording, ear.between(0, recording.size)), "the library changed what the device gave"
    return recording, lateness_ms(chunks, ear)


def test_what_the_device_gives_comes_to_the_sample_in_exact_chunks_and_soon():
    code = PositionCode(SHORT_MS)

    def measure() -> float:
        _, late = captured(code)
        return float(np.median(late))  # a machine that stops for a moment makes some chunks late, not half of them

    measured = until_it_holds(measure, limit=LATENESS_MS)
    report(f"late by {measured} ms")
    assert measured[-1] < LATENESS_MS, f"median lateness in ms: {measured}"


@pytest.mark.slow
def test_a_minute_is_captured_without_a_gap():
    code = PositionCode(MINUTE_MS)

    def measure() -> float:
        recording, late = captured(code)
        lost = stretches_lost(code, recording)  # by the machine
        report(f"{lost} stretches lost; late by {late.mean():.1f} ms, by {late.max():.1f} at most")
        return math.inf if lost else float(late.mean())

    measured = until_it_holds(measure, limit=LATENESS_MS, patience=PATIENCE)
    assert measured[-1] < LATENESS_MS, f"mean lateness in ms (inf: samples were lost): {measured}"


def stretches_lost(code: PositionCode, recording: Samples) -> int:
    """How many of the code's stretches are not where the first second says that they are, to the sample."""
    begin = ms_to_samples(1000)
    shift = begin - code.find(recording[begin : begin + CHUNK]).position
    assert shift >= 0, "the beginning is missing"
    starts = range(0, code.samples.size, CHUNK)
    found = [code.find_near(recording[shift + start :][:CHUNK], start, within=CHUNK // 20) for start in starts]
    return sum(one.position != start or one.likeness < LIKE for one, start in zip(found, starts, strict=True))


def lateness_ms(chunks: list[Chunk], ear: Ear) -> Floats:
    """For each chunk: when it came, less when its last sample was recorded."""
    ends = np.cumsum([len(chunk.pcm) // BYTES_PER_SAMPLE for chunk in chunks])
    return np.array([chunk.came - ear.recorded_at(end) for chunk, end in zip(chunks, ends, strict=True)]) * 1000
