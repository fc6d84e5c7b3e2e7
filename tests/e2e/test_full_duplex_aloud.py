"""Speaker and microphone as one stream of real PortAudio: what was recorded comes with what was played with it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from measuring import Samples, report, until_it_holds
from position_code import LIKE, PositionCode

from reelthyme_sync.audio.full_duplex import join
from reelthyme_sync.audio.pyaudio_device import PyAudioMicrophone, PyAudioSpeaker
from reelthyme_sync.pcm import ms_to_bytes, ms_to_samples, samples_to_ms, silence

pytestmark = [pytest.mark.soundcard, pytest.mark.usefixtures("sound_card")]

STRETCH = ms_to_samples(20)
LONGEST_DELAY = ms_to_samples(200)


class Recorder:
    """All that a microphone gives, read on a thread of its own, and what was played with it."""

    def __init__(self, microphone: PyAudioMicrophone) -> None:
        self.microphone = microphone
        self._recorded: list[bytes] = []
        self._played: list[bytes | None] = []
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def close(self) -> None:
        self.microphone.stop()
        self._reading.join()
        self.microphone.close()

    @property
    def recorded(self) -> Samples:
        return np.frombuffer(b"".join(self._recorded), "<i2")

    def pairs(self) -> tuple[Samples, Samples]:
        """What was recorded while they were one stream, and what was played."""
        paired = [(near, far) for near, far in zip(self._recorded, self._played, strict=True) if far is not None]
        near, far = (np.frombuffer(b"".join(side), "<i2") for side in zip(*paired, strict=True))
        return near, far

    def _read(self) -> None:
        while block := self.microphone.read():
            self._recorded.append(block)
            self._played.append(self.microphone.played)


@contextmanager
def pair(*, speaker_first: bool) -> Iterator[tuple[PyAudioSpeaker, Recorder]]:
    microphone = None if speaker_first else PyAudioMicrophone()
    speaker = PyAudioSpeaker()
    recorder = Recorder(microphone or PyAudioMicrophone())
    try:
        yield speaker, recorder
    finally:
        recorder.close()
        speaker.close()


def play(speaker: PyAudioSpeaker, pcm: bytes, *meanwhile: Callable[[], object]) -> None:
    """Play it to its end, and do these things at equal distances in it."""
    size = ms_to_bytes(20)
    blocks = [pcm[start : start + size] for start in range(0, len(pcm), size)]
    for number, block in enumerate(blocks):
        part, first = divmod(number * (len(meanwhile) + 1), len(blocks))
        if number and first < len(meanwhile) + 1:
            meanwhile[part - 1]()
        speaker.wait_writable()
        speaker.write(block)
    speaker.drain()


def delays(recorded: Samples, played: Samples) -> list[int]:
    """For every 20 ms that were heard whole: how many samples before them the same was played."""
    found = []
    for start in range(LONGEST_DELAY, recorded.size - 2 * STRETCH, STRETCH):
        heard = recorded[start : start + STRETCH].astype(float)
        window = played[start - LONGEST_DELAY : start + 2 * STRETCH].astype(float)
        best = int(np.argmax(np.correlate(window, heard)))
        energy = np.linalg.norm(window[best : best + STRETCH]) * np.linalg.norm(heard)
        if energy and window[best : best + STRETCH] @ heard / energy > LIKE:
            found.append(LONGEST_DELAY - best)
    return found


@pytest.mark.parametrize(("speaker_first", "while_playing"), [(True, False), (False, True)])
def test_what_is_recorded_is_what_was_played_a_constant_time_before(speaker_first: bool, while_playing: bool) -> None:
    code = PositionCode(3000)
    expected = 3000 / 20 * (0.5 if while_playing else 1.0)

    def measure() -> float:
        with pair(speaker_first=speaker_first) as (speaker, recorder):
            if while_playing:
                play(speaker, code.pcm, lambda: join(speaker, recorder.microphone))
            else:
                assert join(speaker, recorder.microphone)
                play(speaker, code.pcm)
        assert speaker.heard == code.samples.size
        found = delays(*recorder.pairs())
        delay = max(set(found), key=found.count)
        report(f"echo {delay} samples behind, in {found.count(delay)} of {len(found)} stretches")
        assert delay > 0, "the echo came before its cause"
        return 1 - found.count(delay) / expected

    measured = until_it_holds(measure, limit=0.1)  # it is less than 0.04; a device that runs late jumps once
    assert measured[-1] <= 0.1, f"share of the sound that came at another delay, or never: {measured}"


def test_nothing_of_a_sound_is_lost_when_the_microphone_comes_and_goes() -> None:
    code = PositionCode(1500)

    def measure() -> float:
        with pair(speaker_first=True) as (speaker, witness):
            microphone = PyAudioMicrophone()
            play(speaker, code.pcm + silence(100), lambda: join(speaker, microphone), microphone.close)
        assert speaker.heard == code.samples.size + ms_to_samples(100)
        assert witness.microphone.played is None
        heard = np.zeros(code.samples.size, bool)
        for start in range(0, witness.recorded.size - STRETCH, 60):
            found = code.find(witness.recorded[start : start + STRETCH])
            if found.likeness > LIKE:
                heard[found.position : found.position + STRETCH] = True
        return samples_to_ms(int(np.count_nonzero(~heard)))

    measured = until_it_holds(measure, limit=10.0)  # without playing again what a closed stream drops: 22 to 42
    report(f"ms that were not heard: {measured}")
    assert measured[-1] <= 10.0, f"ms of the sound that were never heard: {measured}"


JOINED = """
from reelthyme_sync.audio.full_duplex import join
from reelthyme_sync.audio.pyaudio_device import PyAudioMicrophone, PyAudioSpeaker

speaker, microphone = PyAudioSpeaker(), PyAudioMicrophone()
assert join(speaker, microphone)
speaker.write(bytes(48_000))
while microphone.read() and microphone.played is None:
    pass
"""
CLOSED_AT_EXIT = f"import atexit\n{JOINED}\natexit.register(speaker.close)\natexit.register(microphone.close)"

PLAYED_TO_ITS_END_AT_EXIT = f"""
import atexit
{JOINED}
def end():
    microphone.close()
    speaker.write(bytes(4_800))
    speaker.drain()
    speaker.close()
atexit.register(end)
"""
HEARD_TO_ITS_END_AT_EXIT = """
import atexit
from reelthyme_sync import Session, capture_audio, stream
from reelthyme_sync.audio.pyaudio_device import PyAudioMicrophone
from reelthyme_sync.testing import ScriptedTransport

transport, heard = ScriptedTransport(), []
session = Session(transport)
conversation = stream(session)
capture = capture_audio(session, microphone=PyAudioMicrophone(tap=heard.append), interval_ms=60_000, echo="gate")
while len(heard) < 10:
    pass

def check():
    transport.wait_sent("input_audio_buffer.append")
    session.close()
atexit.register(check)
atexit.register({last}.stop)
atexit.register({first}.stop)
"""


@pytest.mark.parametrize(
    "program",
    [
        JOINED,
        CLOSED_AT_EXIT,
        PLAYED_TO_ITS_END_AT_EXIT,
        HEARD_TO_ITS_END_AT_EXIT.format(first="capture", last="conversation"),
        HEARD_TO_ITS_END_AT_EXIT.format(first="conversation", last="capture"),
    ],
    ids=["nobody", "closed", "played", "heard", "heard alone"],
)
def test_a_program_may_end_with_a_joined_pair_open(program: str) -> None:
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert time.monotonic() - started < 10.0  # it takes 1 s
