"""Measuring sound that has been through the sound card.

The machine that runs this may be busy, and then sound has gaps that are nobody's fault. So a measurement takes the
best part of what was heard, and is repeated until it holds, for two minutes if it does not say otherwise: at the first
try when nothing else runs.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from reelthyme_sync.pcm import SAMPLE_RATE, ms_to_samples

PATIENCE = 120.0
TONE = 440.0
LOUD = 10_000
UNBROKEN_MS = 250
Samples = np.ndarray[Any, np.dtype[np.int16]]


def tone(ms: int) -> bytes:
    seconds = np.arange(SAMPLE_RATE * ms // 1000) / SAMPLE_RATE
    return (LOUD * np.sin(2 * np.pi * TONE * seconds)).astype("<i2").tobytes()


def until_it_holds(measure: Callable[[], float], limit: float, *, patience: float = PATIENCE) -> list[float]:
    """Measurements, up to the first one within the limit; none begins after so many seconds."""
    deadline = time.monotonic() + patience
    measured = [measure()]
    while measured[-1] > limit and time.monotonic() < deadline:
        measured.append(measure())
    return measured


class Stalls:
    """How long the machine stands still meanwhile: threads that should run, do not. A context manager.

    A virtual processor stands still for itself: there is a watch on each.

    Attributes:
        longest_ms: the longest time.
        ends: when each of more than 30 ms ended, by ``time.monotonic()``.
    """

    def __init__(self) -> None:
        self.longest_ms = 0.0
        self.ends: list[float] = []
        self._over = threading.Event()
        self._watches = [threading.Thread(target=self._look, args=(cpu,)) for cpu in os.sched_getaffinity(0)]

    def __enter__(self) -> Stalls:
        for watch in self._watches:
            watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for watch in self._watches:
            watch.join()

    def _look(self, cpu: int) -> None:
        os.sched_setaffinity(threading.get_native_id(), [cpu])
        before = time.monotonic()
        while not self._over.wait(0.005):
            now = time.monotonic()
            ms = (now - before) * 1000 - 5
            self.longest_ms = max(self.longest_ms, ms)
            if ms > 30:
                self.ends.append(now)
            before = now


def report(figures: str) -> str:
    """Show them with ``pytest -s``."""
    print(f"\n{figures}")  # noqa: T201
    return figures


def loud_part(samples: Samples) -> Samples:
    """From the first loud sample to the last, whatever is in between."""
    (loud,) = np.nonzero(np.abs(samples.astype(int)) > LOUD / 10)
    assert loud.size, "nothing was heard"
    return samples[loud[0] : loud[-1] + 1]


def best_window(samples: Samples) -> Samples:
    """The cleanest ``UNBROKEN_MS`` of the loud part, without its edges, where a resampler rings."""
    step, size = ms_to_samples(20), ms_to_samples(UNBROKEN_MS)
    loud = loud_part(samples)[step:-step]
    starts = range(0, max(loud.size - size, 1), step)
    return min((loud[start : start + size] for start in starts), key=rest_without_the_tone)


def frequency(samples: Samples) -> float:
    """Where the spectrum has its peak, in Hz, to a fraction of what one line of it spans."""
    spectrum = np.log(np.abs(np.fft.rfft(samples * np.hanning(samples.size))))
    peak = int(np.argmax(spectrum))
    left, middle, right = spectrum[peak - 1 : peak + 2]
    offset = (left - right) / (left - 2 * middle + right) / 2
    return float((peak + offset) * SAMPLE_RATE / samples.size)


def rest_without_the_tone(samples: Samples) -> float:
    """What is left when the best-fitting sine is removed, in dB below it. A gap or a jump leaves a lot."""
    angle = 2 * np.pi * TONE * np.arange(samples.size) / SAMPLE_RATE
    waves = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    fit = waves @ np.linalg.lstsq(waves, samples.astype(float), rcond=None)[0]
    return float(20 * np.log10(np.std(samples - fit) / np.std(fit)))
