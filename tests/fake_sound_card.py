"""PyAudio, on a machine with the sound devices that a test lists; the test calls in their place."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from reelthyme_sync.audio import portaudio

CONTINUE, ABORT = 0, 2
INPUT_OVERFLOW = 2
OUTPUT_UNDERFLOW = 4
BLOCK = 240
LATENCY = 0.02


class FakeStream:
    """One stream; a test calls ``passes`` in place of the device."""

    def __init__(self, library: FakePyAudio, options: dict[str, Any]) -> None:
        self.options = options
        self.started = self.closed = False
        self._library = library

    @property
    def directions(self) -> set[str]:
        return {"input", "output"} & self.options.keys()

    def passes(self, block: bytes | None = None, *, flags: int = 0) -> tuple[bytes | None, int]:
        assert self.started
        assert not self.closed
        samples = self.options["frames_per_buffer"]
        answer: tuple[bytes | None, int] = self.options["stream_callback"](block, samples, {}, flags)
        return answer

    def get_output_latency(self) -> float:
        return self._library.card.latency

    def start_stream(self) -> None:
        self._library.card.refuse("start", self.directions)
        self.started = True


class FakePyAudio:
    """What ``pyaudio.PyAudio`` is, on a machine with the devices that the card lists."""

    def __init__(self, card: SoundCard) -> None:
        card.refuse("initialize")
        self.card = card
        card.users += 1
        card.scans += card.users == 1
        self._streams: list[FakeStream] = []

    def get_device_count(self) -> int:
        return len(self.card.devices)

    def get_device_info_by_index(self, index: int) -> dict[str, Any]:
        return self.card.devices[index]

    def get_default_input_device_info(self) -> dict[str, Any]:
        return self._default("maxInputChannels")

    def get_default_output_device_info(self) -> dict[str, Any]:
        return self._default("maxOutputChannels")

    def open(self, rate: int, channels: int, sample_format: int, **options: Any) -> FakeStream:
        self.card.refuse("open", {"input", "output"} & options.keys())
        self.card.tried.append((rate, channels))
        if refusal := self.card.demands(rate, channels):
            raise OSError(refusal, "Refused")
        stream = FakeStream(self, {"rate": rate, "channels": channels, "format": sample_format, **options})
        self.card.streams.append(stream)
        self._streams.append(stream)
        return stream

    def terminate(self) -> None:
        self.card.refuse("terminate")
        for stream in self._streams:
            self.card.closing()
            stream.closed = True
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
        self.scans = 0
        self.latency = LATENCY
        self.refusals: dict[str, BaseException] = {}
        self.hangs: dict[str, threading.Event] = {}
        self.closing: Callable[[], object] = lambda: None
        self.calls: list[tuple[str, bool]] = []
        self.demands: Callable[[int, int], int] = lambda rate, channels: 0
        self.tried: list[tuple[int, int]] = []

    @property
    def stream(self) -> FakeStream:
        return self.streams[-1]

    @property
    def open_streams(self) -> list[FakeStream]:
        return [stream for stream in self.streams if not stream.closed]

    def refuse(self, step: str, directions: Set[str] = frozenset()) -> None:
        """Hang, or raise, as the test wants at this step: "open", or "open both" for one stream of two directions."""
        self.calls.append((step, portaudio._portaudio.locked()))
        for name in (step, f"{step} both") if len(directions) == 2 else (step,):
            if name in self.hangs:
                self.hangs[name].wait()
            if name in self.refusals:
                raise self.refusals[name]


def info(index: int, name: str, inputs: int, outputs: int) -> dict[str, Any]:
    return {
        "index": index,
        "name": name,
        "maxInputChannels": inputs,
        "maxOutputChannels": outputs,
        "defaultSampleRate": 44100.0,
    }


@contextmanager
def installed_sound_card(monkeypatch: pytest.MonkeyPatch) -> Iterator[SoundCard]:
    """The machine's card from now on; at the end nobody may use it any more."""
    card = SoundCard()
    monkeypatch.setitem(sys.modules, "pyaudio", SimpleNamespace(PyAudio=lambda: FakePyAudio(card)))
    yield card
    assert card.users == 0, "the library was left in use"
