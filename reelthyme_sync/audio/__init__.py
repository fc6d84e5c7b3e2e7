"""Speakers, microphones and what feeds them: nothing here knows a session.

What a program names itself is found here, and imported when it is first named.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .devices import Microphone, Speaker
    from .gate import Gate
    from .metering import Level
    from .pyaudio_device import Device, PyAudioMicrophone, PyAudioSpeaker, list_devices
    from .recording import LEFT, RIGHT, StereoRecording
    from .software import SoftwareMicrophone, SoftwareSpeaker
    from .wav_devices import WavMicrophone, WavSpeaker

__all__ = [
    "LEFT",
    "RIGHT",
    "Device",
    "Gate",
    "Level",
    "Microphone",
    "PyAudioMicrophone",
    "PyAudioSpeaker",
    "SoftwareMicrophone",
    "SoftwareSpeaker",
    "Speaker",
    "StereoRecording",
    "WavMicrophone",
    "WavSpeaker",
    "list_devices",
]

_HOMES: Final = {
    "devices": ("Microphone", "Speaker"),
    "gate": ("Gate",),
    "metering": ("Level",),
    "pyaudio_device": ("Device", "PyAudioMicrophone", "PyAudioSpeaker", "list_devices"),
    "recording": ("LEFT", "RIGHT", "StereoRecording"),
    "software": ("SoftwareMicrophone", "SoftwareSpeaker"),
    "wav_devices": ("WavMicrophone", "WavSpeaker"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f".{home}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
