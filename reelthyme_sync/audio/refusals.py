"""Why PortAudio does not open a device, in words, and what else may be tried. Pure; knows its numbers and no stream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from ..errors import AudioUnavailable
from .device_list import Device, Direction

_RETRIED: Final = {-9993, -9994, -9997, -9998, -9999}
"""What may mean that only this rate, or number of channels, is refused: bad combination of devices, sample format,
sample rate, channel count, error of the host."""

_CURES: Final = {
    -9985: "it is in use. Close the program that uses it, or name another one.",
    -9993: 'it does not let this user in (on Linux those in the group "audio" may), or it has gone.',
    -9996: "it has gone. Plug it in, or name another one.",
    -9997: "it refuses {rate} samples a second, and its own {own} as well. Name another one.",
    -9998: "it refuses mono, and its own number of channels as well. Name another one.",
}
"""By PortAudio's numbers: device unavailable, bad combination of devices (what becomes of ALSA's refused permission),
invalid device, sample rate, channel count."""


def ways_to_open(devices: Mapping[Direction, Device], wanted: int, *, fixed: bool = False) -> Iterator[tuple[int, int]]:
    """Rates and channels to try: other channels first, since they cost no time and no quality.

    Args:
        devices: the device for each direction. Both get the same rate and number of channels.
        wanted: samples per second to try first.
        fixed: whether to try no other rate.
    """
    own = min(device.channels(direction) for direction, device in devices.items())
    for rate in dict.fromkeys((wanted, *(device.rate for device in devices.values() if not fixed))):
        for channels in dict.fromkeys((1, min(2, own), own)):
            yield rate, channels


def is_final(refusal: OSError) -> bool:
    """Whether no other rate and no other number of channels would be taken."""
    return refusal.errno not in _RETRIED


def not_opened(noun: str, devices: Sequence[Device], wanted: int, refusals: Sequence[OSError]) -> AudioUnavailable:
    """The error for a device that refused whatever was tried.

    Args:
        noun: what it is for.
        devices: what was to be opened, as one stream.
        wanted: samples per second that were tried first.
        refusals: one for each try.
    """
    reason = refusals[-1] if is_final(refusals[-1]) else refusals[0]
    cure = _CURES.get(reason.errno or 0, f"PortAudio says {reason.strerror!r}. Try another one.")
    names = " and ".join(repr(device.name) for device in devices)
    own = " and ".join(str(device.rate) for device in devices)
    error = AudioUnavailable(f"The {noun} {names} cannot be opened: {cure.format(rate=wanted, own=own)}")
    error.__cause__ = reason
    return error
