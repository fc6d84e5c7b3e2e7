"""Which microphone and which speaker a conversation on the console uses."""

from __future__ import annotations

import contextlib
from typing import TypeVar

from ..audio.buffers import Tap
from ..audio.clock import SoftwareClock
from ..audio.devices import Microphone, Speaker
from ..audio.recording import LEFT, RIGHT, StereoRecording
from ..audio.software import SoftwareMicrophone, SoftwareSpeaker
from ..echo import EchoControl, EchoStats
from ..errors import AudioUnavailable

Device = TypeVar("Device", bound="Microphone | Speaker")


def has_sound_card() -> bool:
    """Whether there are both a microphone and a speaker."""
    from ..audio.pyaudio_device import list_devices

    try:
        devices = list_devices()
    except AudioUnavailable:
        return False
    return any(device.default_input for device in devices) and any(device.default_output for device in devices)


class Sound:
    """Opens devices for one conversation, taps them for its recording, and closes those that nobody else did.

    Args:
        output: the WAV file that keeps the conversation, if any.
    """

    def __init__(self, output: str | None) -> None:
        self._stack = contextlib.ExitStack()
        self._clock = SoftwareClock()
        self._recording = self._stack.enter_context(StereoRecording(output)) if output else None

    def __enter__(self) -> Sound:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def microphone(self, device: str | None = None, *, echo: EchoControl | None = None) -> Microphone:
        """A real one, by index or name, or the system's default. What goes through ``echo`` is kept by that."""
        from ..audio.pyaudio_device import PyAudioMicrophone

        tap = self._tap(LEFT, live=True) if echo is None else None
        return self._closing(PyAudioMicrophone(index_or_name(device), tap=tap))

    def keeping(self, echo: EchoControl | None) -> EchoControl | None:
        """The same, so that the recording hears what the service hears."""
        tap = self._tap(LEFT, live=True)
        return echo if echo is None or tap is None else _Kept(echo, tap)

    def speaker(self, device: str | None = None) -> Speaker:
        """A real one, by index or name, or the system's default."""
        from ..audio.pyaudio_device import PyAudioSpeaker

        return self._closing(PyAudioSpeaker(index_or_name(device), tap=self._tap(RIGHT, live=True)))

    def software_microphone(self) -> SoftwareMicrophone:
        """One that hears what the program says into it."""
        return self._closing(SoftwareMicrophone(clock=self._clock, tap=self._tap(LEFT)))

    def software_speaker(self) -> SoftwareSpeaker:
        """One that only the recording hears."""
        return self._closing(SoftwareSpeaker(clock=self._clock, tap=self._tap(RIGHT)))

    def _tap(self, side: int, *, live: bool = False) -> Tap | None:
        return self._recording.tap(side, live=live) if self._recording else None

    def _closing(self, device: Device) -> Device:
        self._stack.callback(device.close)
        return device


class _Kept:
    """An ``EchoControl`` round another one, whose results are tapped."""

    def __init__(self, echo: EchoControl, tap: Tap) -> None:
        self._echo = echo
        self._tap = tap

    @property
    def stats(self) -> EchoStats:
        return self._echo.stats

    def process(self, near: bytes, far: bytes) -> bytes:
        return self._tapped(self._echo.process(near, far))

    def rest(self) -> bytes:
        return self._tapped(self._echo.rest())

    def _tapped(self, sound: bytes) -> bytes:
        if sound:
            self._tap(sound)
        return sound


def index_or_name(device: str | None) -> int | str | None:
    """What the devices take, from what was typed."""
    return int(device) if device is not None and device.isdigit() else device
