"""Which sound devices this machine has, and which of them is meant. Pure; knows of PortAudio only its words for them.

PortAudio reads the list when its first user in a process comes, and again only after the last one is gone. So while any
stream is open, a device that is plugged in is not seen, and one that has become the default is not taken for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

from attrs import frozen

from ..errors import AudioUnavailable

Direction = Literal["input", "output"]
NOUN: Final[dict[Direction, str]] = {"input": "microphone", "output": "speaker"}


@frozen
class Device:
    """A sound device of this machine.

    Attributes:
        index: what ``PyAudioSpeaker`` and ``PyAudioMicrophone`` take, until devices come or go.
        name: the same, for longer; a part of it is enough.
        inputs: channels it records; 0 for a mere speaker.
        outputs: channels it plays; 0 for a mere microphone.
        default_input: whether it is what records when none is named.
        default_output: whether it is what plays when none is named.
        rate: samples per second that it prefers.
    """

    index: int
    name: str
    inputs: int
    outputs: int
    default_input: bool
    default_output: bool
    rate: int

    def channels(self, direction: Direction) -> int:
        """Channels that it has in one direction."""
        return self.inputs if direction == "input" else self.outputs

    def is_default(self, direction: Direction) -> bool:
        """Whether it is used in that direction when none is named."""
        return self.default_input if direction == "input" else self.default_output


def choose(devices: Sequence[Device], wanted: int | str | None, direction: Direction) -> Device:
    """Find the device for one direction: by index, by name or a part of it, or the default.

    Raises:
        AudioUnavailable: there is no such device.
    """
    usable = [device for device in devices if device.channels(direction)]
    if not usable:
        raise AudioUnavailable(f"This machine has no {NOUN[direction]}, or none that this user may open.")
    if wanted is None or wanted == "":
        return next((device for device in usable if device.is_default(direction)), usable[0])
    if isinstance(wanted, int):
        matches = [device for device in usable if device.index == wanted]
    else:  # a whole name before a part of one
        matches = [device for device in usable if wanted.lower() in device.name.lower()]
        matches.sort(key=lambda device: device.name != wanted)
    if not matches:
        names = ", ".join(f"{device.index} {device.name!r}" for device in usable)
        raise AudioUnavailable(f"There is no {NOUN[direction]} {wanted!r}. There is: {names}.")
    return matches[0]


def read_devices(library: Any) -> list[Device]:
    """The devices as a ``pyaudio.PyAudio`` lists them."""
    default_input = _index(library.get_default_input_device_info)
    default_output = _index(library.get_default_output_device_info)
    found = [library.get_device_info_by_index(index) for index in range(library.get_device_count())]
    return [
        Device(
            index=info["index"],
            name=str(info["name"]),
            inputs=info["maxInputChannels"],
            outputs=info["maxOutputChannels"],
            default_input=info["index"] == default_input,
            default_output=info["index"] == default_output,
            rate=int(info["defaultSampleRate"]),
        )
        for info in found
    ]


def _index(default: Callable[[], dict[str, Any]]) -> int | None:
    try:
        return int(default()["index"])
    except OSError:  # there is none
        return None
