import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelthyme_sync.audio.metering import FLOOR, SILENCE, Level, Meter, level_of
from reelthyme_sync.pcm import SAMPLE_RATE, ms_to_bytes, silence


def sine(amplitude: float, ms: float, hertz: float = 1000) -> bytes:
    time = np.arange(ms_to_bytes(ms) // 2) / SAMPLE_RATE
    return (amplitude * np.sin(2 * np.pi * hertz * time)).round().astype("<i2").tobytes()


def test_a_sine_that_just_fits():
    level = level_of(sine(32767, 20))
    assert level.rms == pytest.approx(-3.01, abs=0.01)
    assert level.peak == pytest.approx(0.0, abs=0.01)


def test_half_the_amplitude_is_six_decibels_less():
    assert level_of(sine(16000, 20)).rms - level_of(sine(8000, 20)).rms == pytest.approx(6.02, abs=0.01)


def test_the_loudest_that_there_is_has_zero():
    assert level_of(b"\x00\x80" * 480) == Level(0.0, 0.0)


@pytest.mark.parametrize("pcm", [b"", silence(20)])
def test_silence_is_at_the_floor(pcm):
    assert level_of(pcm) == SILENCE == Level(-96.0, -96.0)


def test_the_smallest_step_is_above_the_floor_and_its_mean_is_clipped_to_it():
    level = level_of(silence(19) + b"\1\0" * 24)
    assert level.rms == FLOOR
    assert level.peak == pytest.approx(-90.3, abs=0.1)


@given(st.lists(st.binary(max_size=1000).map(lambda data: data[: len(data) // 2 * 2]), max_size=20))
def test_a_meter_gives_one_level_for_each_block_whatever_the_pieces(pieces):
    meter = Meter()
    levels = [level for piece in pieces for level in meter.push(piece)]
    pcm, size = b"".join(pieces), ms_to_bytes(20)
    assert levels == [level_of(pcm[start : start + size]) for start in range(0, len(pcm) - size + 1, size)]


@given(st.binary(min_size=2, max_size=400).map(lambda data: data[: len(data) // 2 * 2]))
def test_the_mean_is_never_above_the_peak(pcm):
    level = level_of(pcm)
    assert FLOOR <= level.rms <= level.peak + 1e-9 <= 1e-9
    assert not math.isnan(level.rms)


def test_a_meter_of_another_rate():
    assert len(Meter(8000).push(silence(60, 8000))) == 3
