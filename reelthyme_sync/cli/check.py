"""``reelthyme devices --check``: plays a sound, listens to what comes back, and says whether that can be cancelled."""

from __future__ import annotations

import argparse
from time import monotonic
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..audio.devices import Microphone, Speaker
from ..audio.echo_free import EchoFree
from ..audio.full_duplex import join
from ..audio.pyaudio_device import choose, list_devices
from ..echo import EchoCanceller, EchoControl, EchoStats
from ..errors import AudioUnavailable
from ..loop_check import PERIOD_MS, LoopReport, examine, probe
from ..pcm import bytes_to_ms, ms_to_bytes, ms_to_samples, silence
from .recordings import questions
from .sound import Sound, index_or_name

_LEAD_MS: Final = 100
"""What waits for the speaker: so late may this process be without a gap."""


def check(arguments: argparse.Namespace) -> int:
    """Check the devices that the arguments name. Gives 0 if one can talk with them, else 1."""
    console = Console()
    sound, listening = probe(b"".join(questions()[1:])), Listening(_canceller())
    names = _names(arguments)
    with Sound(None) as devices:
        speaker, began = devices.speaker(arguments.speaker), monotonic()
        microphone = devices.microphone(arguments.microphone)
        joined = join(speaker, microphone)
        seconds = round(bytes_to_ms(len(sound)) / 1000)
        console.print(
            f"A sweep and two questions will be played, for {seconds} seconds. Please be quiet.\n", highlight=False
        )
        _catch_up(microphone, monotonic() - began)
        lost = _play(sound, speaker, microphone, listening)
    report = listening.examine(lost)
    console.print(_table({**names, **_figures(report, joined=joined)}), highlight=False)
    for finding in report.findings:
        console.print(f"\n{finding.value}", markup=False, highlight=False)
    return 0 if report.usable else 1


class Listening:
    """An ``EchoControl`` that leaves the sound as it is, and keeps what it was given and what another made of it.

    Args:
        echo: the other; None if there is none.
    """

    def __init__(self, echo: EchoControl | None) -> None:
        self.near = bytearray()
        self._far = bytearray()
        self._cleaned = bytearray()
        self._echo = echo

    @property
    def stats(self) -> EchoStats:
        """The other's."""
        return self._echo.stats if self._echo is not None else EchoStats()

    def process(self, near: bytes, far: bytes) -> bytes:
        """Keep both."""
        self.near += near
        self._far += far
        if self._echo is not None:
            self._cleaned += self._echo.process(near, far)
        return near

    def rest(self) -> bytes:
        """Nothing was withheld."""
        return b""

    def examine(self, lost: int) -> LoopReport:
        """Judge what was kept."""
        if self._echo is not None:
            self._cleaned += self._echo.rest()
        cleaned = bytes(self._cleaned) if self._echo is not None else None
        return examine(bytes(self.near), bytes(self._far), cleaned, lost=lost)


def _canceller() -> EchoCanceller | None:
    try:
        return EchoCanceller()
    except AudioUnavailable:
        return None


def _catch_up(microphone: Microphone, seconds: float) -> None:
    """Drop what may have been recorded in this time, before anybody read: it would count as delay."""
    late = ms_to_bytes(1000 * seconds)
    while late > 0:
        late -= len(microphone.read())


def _play(sound: bytes, speaker: Speaker, microphone: Microphone, listening: Listening) -> int:
    """Play it all and listen meanwhile; gives how many blocks were lost.

    One thread does both: the microphone is the clock, and for as much as it gives, as much is written.

    Raises:
        AudioUnavailable: one of the two is lost.
    """
    hearing = EchoFree(microphone, listening)
    lead = silence(_LEAD_MS)
    hearing.far_end.write(lead)
    speaker.write(lead)
    starved, overflows = speaker.starved, microphone.overflows
    written = 0
    while written < len(sound):
        hearing.read()
        speaker.wait_writable()  # it has room; one that is lost says so
        block = sound[written : len(listening.near)]
        hearing.far_end.write(block)
        speaker.write(block)
        written += len(block)
    blocks = (speaker.starved - starved) / ms_to_samples(PERIOD_MS)
    return round(blocks) + microphone.overflows - overflows


def _names(arguments: argparse.Namespace) -> dict[str, str]:
    found = list_devices()
    return {
        "speaker": choose(found, index_or_name(arguments.speaker), "output").name,
        "microphone": choose(found, index_or_name(arguments.microphone), "input").name,
    }


def _figures(report: LoopReport, *, joined: bool) -> dict[str, str]:
    figures = {
        "together": "as one stream" if joined else "no, as two streams: their clocks may drift apart",
        "lost sound": f"{report.lost * PERIOD_MS} ms" if report.lost else "none",
        "noise": f"{report.noise_dbfs:.0f} dBFS",
    }
    if report.delay_ms is None or report.erl_db is None:
        return {**figures, "echo": "none"}
    return {
        **figures,
        "delay": f"{report.delay_ms:.0f} ms" + ("" if report.steady else ", and it changed"),
        "echo": _loudness(report.erl_db),
        "after cancelling": _cancelled(report),
    }


def _cancelled(report: LoopReport) -> str:
    if report.left_dbfs is None:
        return "not known"
    if report.erle_db is None:
        return "below the noise, as before"
    return f"{report.erle_db:.0f} dB less" + (", inaudible" if report.inaudible else "")


def _loudness(erl_db: float) -> str:
    decibels = round(erl_db)
    if decibels == 0:
        return "as loud as it was played"
    return f"{abs(decibels)} dB {'softer' if decibels > 0 else 'louder'} than it was played"


def _table(rows: dict[str, str]) -> Table:
    table = Table.grid(padding=(0, 3))
    for name, text in rows.items():
        table.add_row(name, Text(text))
    return table
