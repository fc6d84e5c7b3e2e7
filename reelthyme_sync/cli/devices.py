"""``reelthyme devices``: what there is to play on and to record from."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..audio.pyaudio_device import Device, list_devices
from ..errors import AudioUnavailable


def devices() -> int:
    """Print the sound devices."""
    found = list_devices()
    if not found:
        raise AudioUnavailable("This machine has no sound device")
    table = Table(box=None, header_style="bold")
    for column in ("index", "name", "inputs", "outputs", "rate", "default for"):
        table.add_column(column)
    for device in found:
        table.add_row(
            str(device.index),
            Text(device.name),  # which may have brackets
            str(device.inputs),
            str(device.outputs),
            f"{device.rate} Hz",
            _roles(device),
        )
    Console().print(table)
    return 0


def _roles(device: Device) -> str:
    roles = {"microphone": device.default_input, "speaker": device.default_output}
    return " and ".join(role for role, is_default in roles.items() if is_default)
