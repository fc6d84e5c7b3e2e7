"""How a loop stands, and what to say about it. Pure; figures in, words out."""

from __future__ import annotations

import enum
from typing import Final

from attrs import frozen

from ..audio.metering import FLOOR

PERIOD_MS: Final = 10
"""The block that losses are counted in."""

_FEW: Final = 9
"""Blocks that may be lost, of a thousand, before it is worth a word."""

TOO_LATE_MS: Final = 400
"""A canceller finds echoes up to there; at 600 ms it fails (measured)."""

TOO_LITTLE_DB: Final = 20.0
"""With less than this the assistant hears enough of itself to take it for the user."""

BURIED_DB: Final = 6.0
"""What is left counts only if it stands out of the noise so far: in a loud room nothing can be taken out below that."""

_INAUDIBLE_DBFS: Final = -60.0
"""What is left of a voice there, nobody hears: neither the assistant nor its detector of speech."""

_TOO_LOUD_DB: Final = -6.0
_NOISY_DBFS: Final = -45.0


class Finding(enum.Enum):
    """Something to say about a loop, and what to do about it."""

    NO_SIGNAL = (
        "The microphone gives nothing at all, not even noise. Either it makes none and does not hear the speaker, as "
        "some headsets: then all is well. Or it is muted, or this program is not allowed to use it (macOS: System "
        "Settings, Privacy & Security, Microphone), or it is another one: --microphone."
    )
    NOT_HEARD = (
        "The microphone does not hear the speaker. If you heard the sound in a headset, all is well. If you did not, "
        "the speaker is muted or is another one: --speaker."
    )
    CLIPPED = "The echo is too loud for the microphone and distorts. Turn the speaker or the microphone down."
    TOO_LOUD = "The echo comes back louder than it was played. Turn the speaker or the microphone down."
    TOO_LATE = "The echo comes too late to be cancelled. Is a device connected by Bluetooth? Use another one."
    UNSTEADY = "The sound was interrupted. Close programs that keep this machine busy, or use another device."
    ECHO_LEFT = 'Too much echo is left. Use a headset, or echo="gate": then the assistant cannot be interrupted.'
    NOISY = "The room is loud, or the microphone is turned up too far."
    NOT_CANCELLED = (
        "Without pywebrtc-audio the assistant cannot be interrupted on open speakers. To install it:\n"
        'pip install "reelthyme_sync[aec]"'
    )
    FINE = "Open speakers will work."


_UNUSABLE: Final = {Finding.NO_SIGNAL, Finding.CLIPPED, Finding.TOO_LATE, Finding.ECHO_LEFT}


@frozen(kw_only=True)
class LoopReport:
    """How the loop from the speaker to the microphone stands.

    Attributes:
        noise_dbfs: the microphone while nothing is played, without an offset or hum.
        peak_dbfs: its loudest sample of all; -96 if it gives nothing but zeros.
        delay_ms: from the block in which a sound is given to the speaker until that in which the microphone has it.
            None if the microphone does not hear the speaker. Below zero the two streams are out of step.
        steady: whether the delay was still the same in the end.
        clipped: whether the microphone's samples reached the end of the scale.
        erl_db: echo return loss: how much softer the echo is than what was played. None if it is not heard.
        erle_db: echo return loss enhancement: how much of the echo the canceller took out. None if it is not heard, or
            never above the noise, or nothing cancelled it.
        left_dbfs: what is left of the speech that was played, with the noise. None if it is not heard, or nothing
            cancelled it.
        lost: blocks that were lost on the way, in either direction.
    """

    noise_dbfs: float
    peak_dbfs: float
    delay_ms: float | None
    steady: bool
    clipped: bool
    erl_db: float | None
    erle_db: float | None
    left_dbfs: float | None
    lost: int

    @property
    def findings(self) -> list[Finding]:
        """What that means, the gravest first; at least one."""
        if self.peak_dbfs == FLOOR:
            return [Finding.NO_SIGNAL]
        found = {
            Finding.NOT_HEARD: self.delay_ms is None,
            Finding.ECHO_LEFT: self.erle_db is not None and self.erle_db < TOO_LITTLE_DB and not self.inaudible,
            Finding.CLIPPED: self.clipped,
            Finding.TOO_LOUD: self.erl_db is not None and self.erl_db < _TOO_LOUD_DB and not self.clipped,
            Finding.TOO_LATE: self.delay_ms is not None and self.delay_ms > TOO_LATE_MS,
            Finding.UNSTEADY: not self.steady or self.lost > _FEW,
            Finding.NOISY: self.noise_dbfs > _NOISY_DBFS,
            Finding.NOT_CANCELLED: self.delay_ms is not None and self.left_dbfs is None,
        }
        return [finding for finding, holds in found.items() if holds] or [Finding.FINE]

    @property
    def usable(self) -> bool:
        """Whether one can talk with these devices as they are."""
        return not _UNUSABLE.intersection(self.findings)

    @property
    def inaudible(self) -> bool:
        """Whether nobody hears what is left of the echo: it is soft, or the noise is as loud."""
        return self.left_dbfs is not None and self.left_dbfs <= max(self.noise_dbfs + BURIED_DB, _INAUDIBLE_DBFS)
