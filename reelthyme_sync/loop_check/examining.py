"""From a recording to a report. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..pcm import SAMPLE_RATE, ms_to_samples
from .path import comes_after, find_lag
from .powers import block_powers, dbfs, decibels, noise_power, power, without_hum
from .probing import PAUSE_MS, SWEEP_MS
from .report import BURIED_DB, LoopReport

if TYPE_CHECKING:
    from .powers import Samples

_LEARNING_MS: Final = 1000
"""Of speech, before which a canceller's work is not judged."""

_FULL_SCALE: Final = 32_700
_CLIPPED_SHARE: Final = 1e-4


def examine(near: bytes, far: bytes, cleaned: bytes | None, *, lost: int = 0) -> LoopReport:
    """Judge a recording of ``probe``.

    Args:
        near: what the microphone heard. PCM16, as all.
        far: what the speaker was given in the same blocks, as long as ``near``; silence may precede it.
        cleaned: what the canceller made of ``near``; None without one.
        lost: blocks that were lost, as the devices counted them.
    """
    recorded, played = _samples(near), _samples(far)
    heard = without_hum(recorded)
    begin = int((played != 0).argmax()) if played.any() else played.size
    speech = begin + ms_to_samples(SWEEP_MS + PAUSE_MS)
    late = speech + ms_to_samples(_LEARNING_MS)

    noise = noise_power(heard[:begin])
    lag = find_lag(heard, played)
    erl = erle = left = None
    if lag is not None:
        erl = decibels(power(played[begin:]), power(heard[begin:]) - noise)
    if lag is not None and cleaned is not None:
        powers = _echo_powers(heard[late:], without_hum(_samples(cleaned))[late:], noise)
        erle = None if powers is None else decibels(*powers)
        left = dbfs(noise if powers is None else powers[1])
    return LoopReport(
        noise_dbfs=dbfs(noise),
        peak_dbfs=dbfs(float(abs(recorded).max(initial=0)) ** 2),
        delay_ms=None if lag is None else lag * 1000 / SAMPLE_RATE,
        steady=lag is None
        or all(comes_after(lag, heard[part], played[part]) for part in (slice(speech), slice(late, None))),
        clipped=bool((abs(recorded) >= _FULL_SCALE).sum() > _CLIPPED_SHARE * recorded.size),
        erl_db=erl,
        erle_db=erle,
        left_dbfs=left,
        lost=lost,
    )


def _echo_powers(heard: Samples, cleaned: Samples, noise: float) -> tuple[float, float] | None:
    """Before and after cancelling, in the blocks in which the echo is heard above the noise; None if in none."""
    size = min(heard.size, cleaned.size)
    before, after = block_powers(heard[:size]), block_powers(cleaned[:size])
    audible = before > 10 ** (BURIED_DB / 10) * noise
    return (float(before[audible].mean()), float(after[audible].mean())) if audible.any() else None


def _samples(pcm: bytes) -> Samples:
    import numpy as np

    return np.frombuffer(pcm, "<i2").astype(np.float64)
