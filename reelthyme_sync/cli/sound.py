"""Which microphone and which speaker a conversation on the console uses."""

from __future__ import annotations

import contextlib
from typing import TypeVar

from ..audio.buffers import Tap
from ..audio.clock import SoftwareClock
from ..audio.devices import Microphone, Speaker
from ..audio.recording import LEFT, RIGHT, StereoRecording
from ..audio.software import SoftwareMicrophone, SoftwareSpeaker
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

    def microphone(self, device: str | None = None) -> Microphone:
        """A real one, by index or name, or the system's default."""
        from ..audio.pyaudio_device import PyAudioMicrophone

        return self._closing(PyAudioMicrophone(_index_or_name(device), tap=self._tap(LEFT, live=True)))

    def speaker(self, device: str | None = None) -> Speaker:
        """A real one, by index or name, or the system's default."""
        from ..audio.pyaudio_device import PyAudioSpeaker

        return self._closing(PyAudioSpeaker(_index_or_name(device), tap=self._tap(RIGHT, live=True)))

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


def _index_or_name(device: str | None) -> int | str | None:
    return int(device) if device is not None and device.isdigit() else device
