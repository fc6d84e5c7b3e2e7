"""The judge of the loop from the speaker to the microphone, in rooms made of numbers."""

from __future__ import annotations

import numpy as np
import pytest

from reelthyme_sync.audio.metering import level_of
from reelthyme_sync.cli.recordings import questions
from reelthyme_sync.loop_check import QUIET_MS, SWEEP_MS, Finding, LoopReport, examine, probe
from reelthyme_sync.pcm import SAMPLE_RATE, ms_to_bytes, ms_to_samples, to_pcm16

PLAYED = np.frombuffer(probe(b"".join(questions())), "<i2")[:262_080].astype(float)
"""Nearly all of it: of this length, a Fourier transform takes a third of the time."""
FAR = to_pcm16(PLAYED)


def noise(dbfs: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(PLAYED.size) * 32_768 * 10 ** (dbfs / 20)


def delayed(samples: np.ndarray, ms: float) -> np.ndarray:
    shift = round(ms * SAMPLE_RATE / 1000)
    return np.r_[np.zeros(shift), samples][: samples.size] if shift >= 0 else np.r_[samples[-shift:], np.zeros(-shift)]


def room(seed: int, *, softer_db: float = 6.0) -> np.ndarray:
    """What comes back in a room that dies away in 200 ms."""
    rng = np.random.default_rng(seed)
    tail = rng.standard_normal(ms_to_samples(200)) * np.exp(-6.9 * np.arange(ms_to_samples(200)) / ms_to_samples(200))
    tail[0] = 6
    size = 1 << (PLAYED.size + tail.size).bit_length()
    echo = np.fft.irfft(np.fft.rfft(PLAYED, size) * np.fft.rfft(tail, size), size)[: PLAYED.size]
    return echo * np.sqrt(np.mean(PLAYED**2) / np.mean(echo**2)) * 10 ** (-softer_db / 20)


def heard(
    echo: np.ndarray,
    *,
    noise_dbfs: float = -65.0,
    cancelled_db: float | None = 40.0,
    lost: int = 0,
    volume: float = 1.0,
) -> LoopReport:
    """With a canceller that takes out exactly so much of the echo, and leaves the noise."""
    hiss, echo = noise(noise_dbfs), volume * echo
    cleaned = None if cancelled_db is None else to_pcm16(echo * 10 ** (-cancelled_db / 20) + hiss)
    return examine(to_pcm16(echo + hiss), to_pcm16(volume * PLAYED), cleaned, lost=lost)


def test_the_sound_is_quiet_then_a_sweep_that_is_loud_enough_and_not_too_loud():
    pcm = probe(b"")
    assert not any(pcm[: ms_to_bytes(QUIET_MS)])
    sweep = pcm[ms_to_bytes(QUIET_MS) : ms_to_bytes(QUIET_MS + SWEEP_MS)]
    assert -13.0 < level_of(sweep).peak <= -12.0
    assert len(pcm) < ms_to_bytes(4000)


@pytest.mark.parametrize(("delay_ms", "seed"), [(0.0, 0), (7.5, 1), (31.25, 0), (180.0, 1)])
def test_delay_and_loudness_of_the_echo_are_measured(delay_ms, seed):
    report = heard(delayed(room(seed, softer_db=12.0), delay_ms))
    assert report.delay_ms == pytest.approx(delay_ms, abs=1.0)
    assert report.erl_db == pytest.approx(12.0, abs=0.5)
    assert report.noise_dbfs == pytest.approx(-65.0, abs=0.5)
    assert report.findings == [Finding.FINE]
    assert report.usable


@pytest.mark.parametrize("cancelled_db", [10.0, 25.0, 40.0])
def test_what_was_cancelled_is_measured(cancelled_db):
    report = heard(delayed(room(1), 30), noise_dbfs=-85.0, cancelled_db=cancelled_db)
    assert report.erle_db == pytest.approx(cancelled_db, abs=0.5)
    assert (Finding.ECHO_LEFT in report.findings) == (cancelled_db < 20) == (not report.usable)


def test_a_faint_echo_that_is_cancelled_down_to_the_noise_is_fine():
    report = heard(delayed(room(1, softer_db=25.0), 30), noise_dbfs=-60.0, cancelled_db=40.0)
    assert report.erle_db < 20
    assert report.findings == [Finding.FINE]


def test_an_echo_below_the_noise_is_neither_cancelled_nor_left():
    report = heard(delayed(room(2, softer_db=35.0), 30), noise_dbfs=-47.0)
    assert (report.erle_db, report.left_dbfs) == (None, pytest.approx(-47.0, abs=0.5))
    assert report.inaudible
    assert report.findings == [Finding.FINE]


@pytest.mark.parametrize(("softer_db", "enough"), [(30.0, True), (12.0, False)])
def test_in_a_room_without_noise_what_is_left_counts_only_where_it_can_be_heard(softer_db, enough):
    echo = delayed(room(1, softer_db=softer_db), 30)
    report = examine(to_pcm16(echo), FAR, to_pcm16(echo * 10 ** (-15 / 20)))
    assert report.erle_db == pytest.approx(15.0, abs=0.5)
    assert (report.inaudible, report.findings == [Finding.FINE], report.usable) == (enough,) * 3


SECONDS = np.arange(PLAYED.size) / SAMPLE_RATE
DISTURBANCES = {
    "an offset": 1000.0 + 0 * SECONDS,
    "a hum of 50 Hz": 1000 * np.sin(2 * np.pi * 50 * SECONDS),
    "a hum of 60 Hz": 1000 * np.sin(2 * np.pi * 60 * SECONDS),
    "a click at the start": 8000 * np.exp(-60 * SECONDS),
    "a cough": np.where(abs(SECONDS - 0.3) < 0.07, noise(-24.0, seed=1), 0),
}


@pytest.mark.parametrize("cancelled_db", [5.0, 40.0])
@pytest.mark.parametrize("disturbance", DISTURBANCES.values(), ids=DISTURBANCES)
def test_what_is_no_noise_of_the_room_hides_no_echo(disturbance, cancelled_db):
    echo = delayed(room(1), 30)
    cleaned = echo * 10 ** (-cancelled_db / 20) + noise(-65.0)  # a canceller has a high-pass
    report = examine(to_pcm16(echo + noise(-65.0) + disturbance), FAR, to_pcm16(cleaned))
    assert report.noise_dbfs == pytest.approx(-65.0, abs=1.5)
    assert report.findings == [Finding.FINE if cancelled_db == 40 else Finding.ECHO_LEFT]


def test_digital_silence_is_a_microphone_that_gives_nothing():
    report = examine(bytes(len(FAR)), FAR, bytes(len(FAR)))
    assert report.findings == [Finding.NO_SIGNAL]
    assert (report.delay_ms, report.erl_db, report.erle_db, report.usable) == (None, None, None, False)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("dbfs", [-80.0, -50.0])
def test_noise_alone_is_no_echo(dbfs, seed):
    hiss = to_pcm16(noise(dbfs, seed))
    report = examine(hiss, FAR, hiss)
    assert (report.delay_ms, report.findings, report.usable) == (None, [Finding.NOT_HEARD], True)


@pytest.mark.parametrize("shift", range(0, 100_000, 25_000))
def test_somebody_who_talks_is_no_echo(shift):
    words = PLAYED[: ms_to_samples(2500) : -1]  # other words than those that are played: these, backwards
    talk = to_pcm16(np.resize(np.roll(words, shift), PLAYED.size) + noise(-65.0))
    report = examine(talk, FAR, talk)
    assert report.delay_ms is None
    assert Finding.NOT_HEARD in report.findings


def test_an_echo_fifteen_decibels_below_the_noise_is_not_missed():
    assert heard(delayed(room(2, softer_db=35.0), 30), noise_dbfs=-47.0).delay_ms == pytest.approx(30.0, abs=1.0)


def test_an_echo_that_clips():
    report = heard(delayed(room(3, softer_db=-20.0), 30))
    assert report.clipped
    assert Finding.CLIPPED in report.findings
    assert not report.usable


def test_an_echo_louder_than_what_was_played():
    report = heard(delayed(room(3, softer_db=-8.0), 30), volume=0.3)
    assert report.erl_db == pytest.approx(-8.0, abs=0.5)
    assert (report.clipped, report.findings, report.usable) == (False, [Finding.TOO_LOUD], True)


@pytest.mark.parametrize("delay_ms", [450.0, 800.0])
def test_an_echo_too_late_for_any_canceller(delay_ms):
    report = heard(delayed(room(2), delay_ms))
    assert report.delay_ms == pytest.approx(delay_ms, abs=1.0)
    assert (report.findings, report.usable) == ([Finding.TOO_LATE], False)


def test_streams_out_of_step_have_a_delay_below_zero():
    assert heard(delayed(room(2), -40.0)).delay_ms == pytest.approx(-40.0, abs=1.0)


@pytest.mark.parametrize("seed", range(2))
def test_a_delay_that_changes_on_the_way(seed):
    echo = delayed(room(seed), 30)
    at = ms_to_samples(4000)
    lost = np.r_[echo[:at], echo[at + ms_to_samples(20) :], np.zeros(ms_to_samples(20))]  # the stream had a gap
    assert heard(echo).steady
    report = heard(lost)
    assert report.delay_ms == pytest.approx(30.0, abs=1.0)
    assert (report.steady, report.findings) == (False, [Finding.UNSTEADY])


@pytest.mark.parametrize("seed", range(2))
def test_a_drift_of_100_ppm_is_steady(seed):
    echo = delayed(room(seed), 30)
    drifting = np.interp(np.arange(echo.size) * (1 - 100e-6), np.arange(echo.size), echo)
    report = heard(drifting)
    assert report.delay_ms == pytest.approx(30.0, abs=1.0)
    assert report.steady


def test_a_strongly_non_linear_speaker():
    bent = np.tanh(PLAYED / 2000) * 4000 + 0.15 * PLAYED**2 / 32_768
    assert heard(delayed(bent, 30)).delay_ms == pytest.approx(30.0, abs=1.0)


def test_gaps_in_the_sound_are_no_reason_not_to_measure():
    echo = delayed(room(1), 30)
    for start in range(0, echo.size, ms_to_samples(500)):
        echo[start : start + ms_to_samples(10)] = 0
    report = heard(echo, lost=18)
    assert report.delay_ms == pytest.approx(30.0, abs=1.0)
    assert report.findings == [Finding.UNSTEADY]
    assert report.usable


def test_without_a_canceller_only_its_figure_is_missing():
    report = heard(delayed(room(1), 30), cancelled_db=None)
    assert (report.erle_db, report.left_dbfs) == (None, None)
    assert report.delay_ms == pytest.approx(30.0, abs=1.0)
    assert (report.findings, report.usable) == ([Finding.NOT_CANCELLED], True)


def test_a_loud_room_is_told():
    report = heard(delayed(room(1), 30), noise_dbfs=-40.0)
    assert report.findings == [Finding.NOISY]


@pytest.mark.parametrize("far", [b"", bytes(2 * 24_000)])
def test_a_speaker_that_was_given_nothing_is_not_heard(far):
    near = to_pcm16(noise(-60.0)[: len(far) // 2])
    assert examine(near, far, near).delay_ms is None
