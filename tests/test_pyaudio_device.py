from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from reelthyme_sync.audio import pyaudio_device
from reelthyme_sync.audio.devices import Microphone, Speaker
from reelthyme_sync.audio.pyaudio_device import (
    BLOCK,
    Device,
    PyAudioMicrophone,
    PyAudioSpeaker,
    choose,
    list_devices,
)
from reelthyme_sync.errors import AudioUnavailable

CONTINUE, ABORT = 0, 2
LATENCY = 0.02


class FakeStream:
    """One stream; a test calls ``passes`` in place of the device."""

    def __init__(self, library: FakePyAudio, options: dict[str, Any]) -> None:
        self.options = options
        self.started = self.closed = False
        self._library = library

    def passes(self, block: bytes | None = None) -> tuple[bytes | None, int]:
        assert self.started
        answer: tuple[bytes | None, int] = self.options["stream_callback"](block, BLOCK, {}, 0)
        return answer

    def get_output_latency(self) -> float:
        return LATENCY

    def start_stream(self) -> None:
        self._library.card.refuse("start")
        self.started = True


class FakePyAudio:
    """What ``pyaudio.PyAudio`` is, on a machine with the devices that the card lists."""

    def __init__(self, card: SoundCard) -> None:
        card.refuse("initialize")
        self.card = card
        card.users += 1

    def get_device_count(self) -> int:
        return len(self.card.devices)

    def get_device_info_by_index(self, index: int) -> dict[str, Any]:
        return self.card.devices[index]

    def get_default_input_device_info(self) -> dict[str, Any]:
        return self._default("maxInputChannels")

    def get_default_output_device_info(self) -> dict[str, Any]:
        return self._default("maxOutputChannels")

    def open(self, rate: int, channels: int, sample_format: int, **options: Any) -> FakeStream:
        self.card.refuse("open")
        stream = FakeStream(self, {"rate": rate, "channels": channels, "format": sample_format, **options})
        self.card.streams.append(stream)
        return stream

    def terminate(self) -> None:
        self.card.refuse("terminate")
        self.card.closing()
        self.card.users -= 1

    def _default(self, channels: str) -> dict[str, Any]:
        for device in self.card.devices:
            if device[channels]:
                return device
        raise OSError("no default device")


class SoundCard:
    """The machine: its devices, who uses them, and what goes wrong."""

    def __init__(self) -> None:
        self.devices = [info(0, "Webcam", 1, 0), info(1, "Headset", 1, 2), info(2, "Head", 0, 2)]
        self.streams: list[FakeStream] = []
        self.users = 0
        self.refusals: dict[str, OSError] = {}
        self.closing: Callable[[], object] = lambda: None
        self.calls: list[tuple[str, bool]] = []

    @property
    def stream(self) -> FakeStream:
        return self.streams[-1]

    def refuse(self, step: str) -> None:
        self.calls.append((step, pyaudio_device._portaudio.locked()))
        if step in self.refusals:
            raise self.refusals[step]


def info(index: int, name: str, inputs: int, outputs: int) -> dict[str, Any]:
    return {
        "index": index,
        "name": name,
        "maxInputChannels": inputs,
        "maxOutputChannels": outputs,
        "defaultSampleRate": 44100.0,
    }


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Iterator[SoundCard]:
    card = SoundCard()
    monkeypatch.setitem(sys.modules, "pyaudio", SimpleNamespace(PyAudio=lambda: FakePyAudio(card)))
    yield card
    assert card.users == 0, "the library was left in use"


def test_devices_are_listed_with_what_they_are_for(card: SoundCard) -> None:
    assert list_devices() == [
        Device(index=0, name="Webcam", inputs=1, outputs=0, default_input=True, default_output=False, rate=44100),
        Device(index=1, name="Headset", inputs=1, outputs=2, default_input=False, default_output=True, rate=44100),
        Device(index=2, name="Head", inputs=0, outputs=2, default_input=False, default_output=False, rate=44100),
    ]


def test_a_machine_without_sound_lists_nothing(card: SoundCard) -> None:
    card.devices = []
    assert list_devices() == []


@pytest.mark.parametrize(
    ("wanted", "direction", "name"),
    [
        (None, "input", "Webcam"),
        (None, "output", "Headset"),
        (2, "output", "Head"),
        ("head", "output", "Headset"),
        ("Head", "output", "Head"),  # a whole name goes before a part of one
        ("cam", "input", "Webcam"),
    ],
)
def test_a_device_is_found_by_index_name_or_default(
    card: SoundCard, wanted: int | str | None, direction: Any, name: str
) -> None:
    assert choose(list_devices(), wanted, direction).name == name


@pytest.mark.parametrize(("wanted", "direction"), [(2, "input"), ("cam", "output"), (7, "output"), ("x", "input")])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(
    card: SoundCard, wanted: int | str, direction: Any
) -> None:
    with pytest.raises(AudioUnavailable, match=r"There is: .*1 'Headset'"):
        choose(list_devices(), wanted, direction)


@pytest.mark.parametrize(("device", "noun"), [(PyAudioSpeaker, "speaker"), (PyAudioMicrophone, "microphone")])
def test_a_machine_without_sound_says_so(card: SoundCard, device: Any, noun: str) -> None:
    card.devices = []
    with pytest.raises(AudioUnavailable, match=f"no {noun}"):
        device()


def test_a_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyaudio", None)
    with pytest.raises(AudioUnavailable, match=r'pip install "reelthyme_sync\[audio\]"'):
        PyAudioSpeaker()


@pytest.mark.parametrize(
    ("step", "error", "cure"),
    [
        ("initialize", OSError(-9999, "host error"), "does not start: 'host error'"),
        ("open", OSError(-9985, "Device unavailable"), "'Headset' cannot be opened: it is in use"),
        ("open", OSError(-9996, "Invalid device"), "it has gone"),
        ("open", OSError(-9997, "Invalid sample rate"), r"refuses 24000 samples a second .* prefers 44100"),
        ("open", OSError(-9998, "Invalid number of channels"), "refuses mono"),
        ("open", OSError(-9999, "Unanticipated host error"), "PortAudio says 'Unanticipated host error'"),
        ("start", OSError(-9999, "Unanticipated host error"), "does not start: PortAudio says"),
    ],
)
def test_a_refusal_comes_with_its_cure(card: SoundCard, step: str, error: OSError, cure: str) -> None:
    card.refusals[step] = error
    with pytest.raises(AudioUnavailable, match=cure) as refusal:
        PyAudioSpeaker()
    assert refusal.value.__cause__ is error


def test_both_fulfil_the_contract(card: SoundCard) -> None:
    speaker: Speaker = PyAudioSpeaker(sample_rate=16_000)
    microphone: Microphone = PyAudioMicrophone("Headset")
    assert (speaker.sample_rate, microphone.sample_rate) == (16_000, 24_000)
    output, record = (stream.options for stream in card.streams)
    assert (output["output"], output["output_device_index"], output["rate"]) == (True, 1, 16_000)
    assert (record["input"], record["input_device_index"], record["rate"]) == (True, 1, 24_000)
    speaker.close()
    microphone.close()


def test_a_speaker_plays_what_is_written_and_counts_what_has_sounded(card: SoundCard) -> None:
    tapped: list[bytes] = []
    speaker = PyAudioSpeaker(tap=tapped.append)
    sound = b"\1\0" * BLOCK
    speaker.wait_writable()
    speaker.write(sound)
    assert card.stream.passes() == (sound, CONTINUE)
    latency_in_blocks = round(LATENCY * 24_000 / BLOCK)
    for _ in range(latency_in_blocks):
        assert card.stream.passes() == (bytes(2 * BLOCK), CONTINUE)
        assert speaker.heard == 0  # it begins to sound only now
    card.stream.passes()
    speaker.drain()
    assert speaker.heard == BLOCK
    assert tapped[0] == sound
    speaker.close()


def test_a_cleared_speaker_is_silent_with_the_next_block(card: SoundCard) -> None:
    speaker = PyAudioSpeaker()
    speaker.write(b"\1\0" * BLOCK)
    speaker.clear()
    assert card.stream.passes() == (bytes(2 * BLOCK), CONTINUE)
    speaker.close()


def test_a_microphone_gives_what_was_recorded_and_then_the_end(card: SoundCard) -> None:
    tapped: list[bytes] = []
    microphone = PyAudioMicrophone(tap=tapped.append)
    assert card.stream.passes(b"\1\0") == (None, CONTINUE)
    microphone.stop()
    card.stream.passes(b"\2\0")
    assert [microphone.read(), microphone.read()] == [b"\1\0", b""]
    assert tapped == [b"\1\0", b"\2\0"]
    microphone.close()
    assert microphone.read() == b""


def test_closing_twice_closes_once(card: SoundCard) -> None:
    speaker, microphone = PyAudioSpeaker(), PyAudioMicrophone()
    for device in (speaker, microphone, speaker, microphone):
        device.close()
    assert card.users == 0
    with pytest.raises(AudioUnavailable, match="closed"):
        speaker.wait_writable()


def test_a_tap_that_raises_ends_the_stream_and_is_named(card: SoundCard) -> None:
    def tap(block: bytes) -> None:
        raise ValueError("the tap is broken")

    speaker, microphone = PyAudioSpeaker(tap=tap), PyAudioMicrophone(tap=tap)
    for stream in card.streams:
        assert stream.passes(b"\1\0") == (None, ABORT)
    for wait in (speaker.wait_writable, microphone.read):
        with pytest.raises(AudioUnavailable, match="the tap is broken") as failure:
            wait()
        assert isinstance(failure.value.__cause__, ValueError)
    speaker.close()
    microphone.close()


def test_a_device_that_cannot_be_closed_holds_nobody_up(
    card: SoundCard, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pyaudio_device, "CLOSE_WITHIN", 0.01)
    speaker = PyAudioSpeaker()
    released, ended = threading.Event(), threading.Event()
    card.closing = released.wait
    with caplog.at_level(logging.WARNING, "reelthyme_sync"):
        speaker.close()
    assert "does not let go of the speaker" in caplog.text
    card.closing = ended.set  # the next one is not held up, while this one still is
    PyAudioMicrophone().close()
    assert ended.is_set()
    released.set()
    for thread in threading.enumerate():
        if thread.name == "reelthyme-closing":
            thread.join(5.0)


def test_the_library_is_only_called_under_its_lock(card: SoundCard) -> None:
    list_devices()
    PyAudioSpeaker().close()
    PyAudioMicrophone().close()
    card.refusals["open"] = OSError(-9985, "Device unavailable")
    with pytest.raises(AudioUnavailable):
        PyAudioSpeaker()
    assert [step for step, locked in card.calls if not locked] == ["start", "start"]  # one stream is one thread's own
    assert [step for step, _ in card.calls].count("terminate") == 4
