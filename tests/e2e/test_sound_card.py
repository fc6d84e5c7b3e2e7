"""Real PyAudio devices: what the speaker plays comes back through the microphone of the virtual card."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from measuring import LOUD, TONE, Samples, best_window, frequency, rest_without_the_tone, tone, until_it_holds

from reelthyme_sync.audio.pyaudio_device import PyAudioMicrophone, PyAudioSpeaker, list_devices
from reelthyme_sync.pcm import ms_to_bytes, samples_to_ms, silence

pytestmark = [pytest.mark.soundcard, pytest.mark.usefixtures("sound_card")]


def read_until_loud(microphone: PyAudioMicrophone) -> None:
    """Returns at the first loud block, which must come within ten seconds of sound."""
    blocks = (np.frombuffer(microphone.read(), "<i2").astype(int) for _ in range(1000))
    assert any(np.abs(block).max() > LOUD / 2 for block in blocks), "nothing was heard"


def play_and_record(
    pcm: bytes, speaker: PyAudioSpeaker | None = None, microphone: PyAudioMicrophone | None = None
) -> Samples:
    """What the microphone hears from before ``pcm`` is played until after it."""
    speaker, microphone = speaker or PyAudioSpeaker(), microphone or PyAudioMicrophone()
    size = ms_to_bytes(20)

    def play() -> None:
        for start in range(0, len(pcm), size):
            speaker.wait_writable()
            speaker.write(pcm[start : start + size])
        speaker.drain()
        microphone.stop()

    playing = threading.Thread(target=play)
    playing.start()
    try:
        heard = b"".join(iter(microphone.read, b""))
    finally:
        playing.join()
        microphone.close()
        speaker.close()
    assert speaker.heard == len(pcm) // 2
    return np.frombuffer(heard, "<i2")


def test_the_card_has_a_default_for_both_directions() -> None:
    (default,) = (device for device in list_devices() if device.name == "default")
    assert (default.default_input, default.default_output) == (True, True)


def test_a_tone_comes_back_without_a_gap() -> None:
    heard: list[Samples] = []

    def measure() -> float:
        heard.append(best_window(play_and_record(tone(1000) + silence(200))))
        return rest_without_the_tone(heard[-1])

    measured = until_it_holds(measure, limit=-50.0)  # it is -86 dB
    assert measured[-1] <= -50.0, f"dB of what was not the tone: {measured}"
    assert frequency(heard[-1]) == pytest.approx(TONE, abs=0.5)


def test_clear_silences_within_60_ms() -> None:
    def measure() -> float:
        speaker, microphone = PyAudioSpeaker(), PyAudioMicrophone()
        try:
            speaker.write(tone(3000))
            read_until_loud(microphone)
            speaker.clear()
            after = b"".join(microphone.read() for _ in range(50))
        finally:
            microphone.close()
            speaker.close()
        (loud,) = np.nonzero(np.frombuffer(after, "<i2"))
        return samples_to_ms(int(loud[-1]) + 1) if loud.size else 0.0

    measured = until_it_holds(measure, limit=60.0)
    assert measured[-1] < 60.0, f"ms until silence: {measured}"


def test_what_the_user_says_is_heard_by_the_microphone() -> None:
    user, microphone = PyAudioSpeaker("user"), PyAudioMicrophone()
    try:
        user.write(tone(300))
        read_until_loud(microphone)
    finally:
        microphone.close()
        user.close()


STUDIO = """
pcm.studio { type pipewire  playback_node "-1"  capture_node "-1"  rate 48000  channels 2
             hint { show on  description "48 kHz and nothing else" } }
"""
PLAY_AND_RECORD = """
import sys
from test_sound_card import play_and_record
from measuring import tone
from reelthyme_sync.audio.pyaudio_device import PyAudioMicrophone, PyAudioSpeaker, list_devices

assert {device.rate for device in list_devices() if device.name == "studio"} == {48_000}
heard = play_and_record(tone(1000) + bytes(9_600), PyAudioSpeaker("studio"), PyAudioMicrophone("studio"))
heard.tofile(sys.argv[1])
"""


def test_a_device_that_takes_48_khz_only_plays_and_records_in_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configuration = tmp_path / "asound.conf"
    configuration.write_text(Path(os.environ["ALSA_CONFIG_PATH"]).read_text() + STUDIO)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    heard: list[Samples] = []

    def measure() -> float:
        done = run(PLAY_AND_RECORD, str(tmp_path / "heard"), ALSA_CONFIG_PATH=str(configuration))
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")  # of the rates it refused nothing is said
        heard.append(best_window(np.fromfile(tmp_path / "heard", "<i2")))
        return rest_without_the_tone(heard[-1])

    measured = until_it_holds(measure, limit=-50.0)  # it is -84 dB
    assert measured[-1] <= -50.0, f"dB of what was not the tone: {measured}"
    assert frequency(heard[-1]) == pytest.approx(TONE, abs=0.5)


def test_devices_open_and_close_on_many_threads_at_once() -> None:
    blocks: list[bytes] = []

    def use() -> None:
        for _ in range(3):
            speaker, microphone = PyAudioSpeaker(), PyAudioMicrophone()
            blocks.append(microphone.read())
            speaker.write(silence(20))
            speaker.drain()
            speaker.close()
            microphone.close()

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(blocks) == 12
    assert all(blocks)


def run(program: str, *arguments: str, **environment: str | None) -> subprocess.CompletedProcess[str]:
    """A program of its own, in this environment with changes; None takes a variable away."""
    changed = {**os.environ, **environment}
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={name: value for name, value in changed.items() if value is not None},
        capture_output=True,
        text=True,
        timeout=60,
    )


# Without our handlers, ALSA and JACK write 49 lines here.
OPEN_BOTH = """
from reelthyme_sync.audio.pyaudio_device import PyAudioMicrophone, PyAudioSpeaker, list_devices
from reelthyme_sync.errors import AudioUnavailable

print(len(list_devices()))
for open_device in PyAudioSpeaker, PyAudioMicrophone:
    try:
        open_device().close()
    except AudioUnavailable as error:
        print(error)
"""


def test_without_a_sound_card_there_is_an_error_and_no_noise(tmp_path: Path) -> None:
    done = run(OPEN_BOTH, ALSA_CONFIG_PATH=None, PIPEWIRE_RUNTIME_DIR=str(tmp_path))
    devices, *errors = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    if devices == "0":  # a machine with hardware of its own has some
        assert errors == [
            "This machine has no speaker, or none that this user may open.",
            "This machine has no microphone, or none that this user may open.",
        ]


BARE_DEVICES = """
from reelthyme_sync.audio.pyaudio_device import PyAudioMicrophone, PyAudioSpeaker

speaker, microphone = PyAudioSpeaker(), PyAudioMicrophone()
speaker.write(bytes(48_000))
microphone.read()
"""
CLOSED_AT_EXIT = f"import atexit\n{BARE_DEVICES}\natexit.register(speaker.close)\natexit.register(microphone.close)"
IN_A_SESSION = """
from reelthyme_sync import Session, capture_audio, stream
from reelthyme_sync.audio.pyaudio_device import PyAudioMicrophone, PyAudioSpeaker
from reelthyme_sync.testing import ScriptedTransport

transport = ScriptedTransport()
session = Session(transport)
playing = stream(session, speaker=PyAudioSpeaker())
capture = capture_audio(session, microphone=PyAudioMicrophone())
transport.wait_sent("input_audio_buffer.append")
"""


@pytest.mark.parametrize("program", [BARE_DEVICES, CLOSED_AT_EXIT, IN_A_SESSION])
def test_a_program_may_end_with_its_devices_open(program: str) -> None:
    started = time.monotonic()
    done = run(program)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert time.monotonic() - started < 10.0  # it takes 1 s


SURVIVE = """
import os, signal, sys
from reelthyme_sync.audio import full_duplex, portaudio, pyaudio_device
from reelthyme_sync.errors import AudioUnavailable

portaudio.WATCH_EVERY = portaudio.CLOSE_WITHIN = 0.3
speaker, microphone = pyaudio_device.PyAudioSpeaker(), pyaudio_device.PyAudioMicrophone()
if sys.argv[2] == "as one stream":
    assert full_duplex.join(speaker, microphone)
microphone.read()
os.kill(int(sys.argv[1]), signal.SIGKILL)
for wait in speaker.drain, microphone.read:
    try:
        while True:
            speaker.write(bytes(480))
            wait()
    except AudioUnavailable as error:
        print(error)
microphone.close()
speaker.close()
print("closed")
"""


@pytest.mark.parametrize("how", ["as two streams", "as one stream"])
def test_a_sound_server_that_dies_ends_every_wait(another_sound_card: Any, how: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SURVIVE, str(another_sound_card.server_pid()), how],
        env={**os.environ, **another_sound_card.variables},
        capture_output=True,
        text=True,
        timeout=60,
    )
    speaker, microphone, closed = done.stdout.splitlines()
    assert "speaker has stopped" in speaker
    assert "microphone has stopped" in microphone
    assert (closed, done.returncode) == ("closed", 0)
    assert len(done.stderr) < 10_000  # of PortAudio's complaints: it made 300 MB of them a second
