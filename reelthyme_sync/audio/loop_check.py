"""What the microphone hears of the speaker, and whether that can be taken out again: ``reelthyme devices --check``.

Makes the sound to play, and judges what came back. Pure; knows no device, no canceller and no clock: all is counted in
samples, at 24 kHz.
"""

from __future__ import annotations

import enum
import math
from typing import TYPE_CHECKING, Final, TypeAlias

from attrs import frozen

from ..pcm import SAMPLE_RATE, ms_to_samples, silence, to_pcm16
from .metering import FLOOR

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples: TypeAlias = NDArray[np.float64]

QUIET_MS: Final = 700
"""Before the sweep: the noise of the room."""

SWEEP_MS: Final = 800
_SWEEP_HZ: Final = (100.0, 10_000.0)
_SWEEP_PEAK: Final = 8192.0
"""-12 dBFS: heard above a fan, and nobody starts."""

_FADE_MS: Final = 20
"""At both ends of the sweep, which would click."""

PAUSE_MS: Final = 1000
"""After the sweep, for echoes that are late; and after the speech."""

_EARLIEST_MS: Final = 300
_LATEST_MS: Final = 1000
"""Where the echo is looked for. Before the sound itself: that is what two streams of which one lags look like."""

_CLEAR: Final = 20.0
"""How far the peak of an impulse response must stand out of its median. Noise alone has one of 8."""

_REGULAR: Final = 0.01
"""Of the mean power: frequencies that were played softer say nothing about the path."""

_NEARBY_MS: Final = 5
_SAME: Final = 0.75
"""Of the highest peak: speech shows a room's reflections in other proportions than the sweep does."""

_LEARNING_MS: Final = 1000
"""Of speech, before which a canceller's work is not judged."""

_BLOCK_MS: Final = 20
_HUM_HZ: Final = (60.0, 100.0)
"""Up to the first nothing counts, from the second on all does: neither an offset nor the mains' hum is an echo."""

_NOTHING: Final = 1 / 256  # the power of a sixteenth of a step of 16 bits
_FULL_SCALE: Final = 32_700
_CLIPPED_SHARE: Final = 1e-4
PERIOD_MS: Final = 10
"""The block that losses are counted in."""

_FEW: Final = 9
"""Blocks that may be lost, of a thousand, before it is worth a word."""

TOO_LATE_MS: Final = 400
"""A canceller finds echoes up to there; at 600 ms it fails (measured)."""

TOO_LITTLE_DB: Final = 20.0
"""With less than this the assistant hears enough of itself to take it for the user."""

_BURIED_DB: Final = 6.0
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
        return self.left_dbfs is not None and self.left_dbfs <= max(self.noise_dbfs + _BURIED_DB, _INAUDIBLE_DBFS)


def probe(speech: bytes) -> bytes:
    """The sound to play: quiet, an exponential sweep, a pause, ``speech``, a pause. PCM16."""
    return silence(QUIET_MS) + _sweep() + silence(PAUSE_MS) + speech + silence(PAUSE_MS)


def examine(near: bytes, far: bytes, cleaned: bytes | None, *, lost: int = 0) -> LoopReport:
    """Judge a recording of ``probe``.

    Args:
        near: what the microphone heard. PCM16, as all.
        far: what the speaker was given in the same blocks, as long as ``near``; silence may precede it.
        cleaned: what the canceller made of ``near``; None without one.
        lost: blocks that were lost, as the devices counted them.
    """
    recorded, played = _samples(near), _samples(far)
    heard = _without_hum(recorded)
    begin = int((played != 0).argmax()) if played.any() else played.size
    speech = begin + ms_to_samples(SWEEP_MS + PAUSE_MS)
    late = speech + ms_to_samples(_LEARNING_MS)

    noise = _noise(heard[:begin])
    lag = _find_lag(heard, played)
    erl = erle = left = None
    if lag is not None:
        erl = _decibels(_power(played[begin:]), _power(heard[begin:]) - noise)
    if lag is not None and cleaned is not None:
        powers = _echo_powers(heard[late:], _without_hum(_samples(cleaned))[late:], noise)
        erle = None if powers is None else _decibels(*powers)
        left = _dbfs(noise if powers is None else powers[1])
    return LoopReport(
        noise_dbfs=_dbfs(noise),
        peak_dbfs=_dbfs(float(abs(recorded).max(initial=0)) ** 2),
        delay_ms=None if lag is None else lag * 1000 / SAMPLE_RATE,
        steady=lag is None
        or all(_comes_after(lag, heard[part], played[part]) for part in (slice(speech), slice(late, None))),
        clipped=bool((abs(recorded) >= _FULL_SCALE).sum() > _CLIPPED_SHARE * recorded.size),
        erl_db=erl,
        erle_db=erle,
        left_dbfs=left,
        lost=lost,
    )


def _sweep() -> bytes:
    """From low to high, an equal time for every octave."""
    import numpy as np

    seconds = np.arange(ms_to_samples(SWEEP_MS)) / SAMPLE_RATE
    low, high = _SWEEP_HZ
    octaves = math.log(high / low) / (SWEEP_MS / 1000)
    wave = np.sin(2 * np.pi * low / octaves * np.expm1(octaves * seconds))
    fade = np.clip(np.minimum(seconds, seconds[::-1]) * 1000 / _FADE_MS, 0, 1)
    return to_pcm16(_SWEEP_PEAK * fade * wave)


def _impulse_response(heard: Samples, played: Samples) -> Samples:
    """The path from one to the other, as magnitudes: ``_EARLIEST_MS`` of lags below zero, then ``_LATEST_MS`` above."""
    import numpy as np

    size = 1 << (heard.size + played.size).bit_length()
    source = np.fft.rfft(played, size)
    power = np.abs(source) ** 2
    response = np.fft.irfft(np.fft.rfft(heard, size) * source.conj() / (power + _REGULAR * power.mean()), size)
    before, after = ms_to_samples(_EARLIEST_MS), ms_to_samples(_LATEST_MS)
    magnitudes: Samples = np.abs(np.r_[response[-before:], response[:after]])
    return magnitudes


def _find_lag(heard: Samples, played: Samples) -> int | None:
    """Samples by which the echo comes after what was played; None if there is none."""
    import numpy as np

    if not heard.any() or not played.any():
        return None
    response = _impulse_response(heard, played)
    peak = int(response.argmax())
    return peak - ms_to_samples(_EARLIEST_MS) if response[peak] > _CLEAR * np.median(response) else None


def _comes_after(lag: int, heard: Samples, played: Samples) -> bool:
    """Whether the echo of this part comes after so many samples."""
    if not heard.any() or not played.any():
        return False
    response = _impulse_response(heard, played)
    at, nearby = lag + ms_to_samples(_EARLIEST_MS), ms_to_samples(_NEARBY_MS)
    around = response[max(0, at - nearby) : at + nearby]
    return bool(around.max() > _SAME * response.max())


def _echo_powers(heard: Samples, cleaned: Samples, noise: float) -> tuple[float, float] | None:
    """Before and after cancelling, in the blocks in which the echo is heard above the noise; None if in none."""
    size = min(heard.size, cleaned.size)
    before, after = _block_powers(heard[:size]), _block_powers(cleaned[:size])
    audible = before > 10 ** (_BURIED_DB / 10) * noise
    return (float(before[audible].mean()), float(after[audible].mean())) if audible.any() else None


def _noise(quiet: Samples) -> float:
    """The power of most blocks: a cough, or the click with which a device begins, is not the room."""
    import numpy as np

    return float(np.median(_block_powers(quiet))) if quiet.size >= ms_to_samples(_BLOCK_MS) else 0.0


def _block_powers(samples: Samples) -> Samples:
    size = ms_to_samples(_BLOCK_MS)
    blocks = samples[: samples.size // size * size].reshape(-1, size)
    powers: Samples = (blocks**2).mean(axis=1)
    return powers


def _without_hum(samples: Samples) -> Samples:
    """What a high-pass leaves, nothing delayed."""
    import numpy as np

    if not samples.size:
        return samples
    low, high = _HUM_HZ
    share = np.clip((np.fft.rfftfreq(samples.size, 1 / SAMPLE_RATE) - low) / (high - low), 0, 1)
    passed: Samples = np.fft.irfft(np.sin(np.pi / 2 * share) ** 2 * np.fft.rfft(samples), samples.size)
    return passed


def _samples(pcm: bytes) -> Samples:
    import numpy as np

    return np.frombuffer(pcm, "<i2").astype(np.float64)


def _power(samples: Samples) -> float:
    return float((samples**2).mean()) if samples.size else 0.0


def _decibels(power: float, other: float) -> float:
    """How far ``power`` is above another one; silence on either side leaves the figure finite."""
    return 10 * math.log10(max(power, _NOTHING) / max(other, _NOTHING))


def _dbfs(power: float) -> float:
    return max(FLOOR, _decibels(power, 32768.0**2))
