import sys

import numpy as np
import pytest

from reelthyme_sync import AudioUnavailable
from reelthyme_sync.audio.resampling import Resampler

RATES = [(24_000, 48_000), (48_000, 24_000), (24_000, 44_100), (44_100, 24_000), (8_000, 24_000), (24_000, 8_000)]


def sine(rate: int, *, seconds: float = 1.0, frequency: float = 997.0, amplitude: int = 16_000) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * frequency * np.arange(round(rate * seconds)) / rate)


def pcm(samples: np.ndarray) -> bytes:
    return samples.round().astype("<i2").tobytes()


def whole(resampler: Resampler, sound: bytes, block: int = 311) -> bytes:
    """The whole of a sound, pushed in blocks of an odd number of samples."""
    pieces = [resampler.push(sound[start : start + 2 * block]) for start in range(0, len(sound), 2 * block)]
    return b"".join(pieces) + resampler.rest()


def snr(sound: np.ndarray, expected: np.ndarray) -> float:
    """In dB, without the edges, where a resampler rings."""
    assert len(sound) == len(expected)
    middle = slice(len(sound) // 10, -len(sound) // 10)
    noise = (sound - expected)[middle]
    return float(10 * np.log10(np.mean(expected[middle] ** 2) / max(np.mean(noise**2), 1e-9)))


@pytest.mark.parametrize("amplitude", [32_000, 3_000])
@pytest.mark.parametrize("frequency", [100.0, 997.0, 9_000.0])
def test_up_and_down_again_is_as_good_as_never(frequency, amplitude):
    sound = pcm(sine(24_000, seconds=3, frequency=frequency, amplitude=amplitude))
    back = whole(Resampler(48_000, 24_000), whole(Resampler(24_000, 48_000), sound, 311), 173)
    assert snr(np.frombuffer(back, "<i2").astype(float), np.frombuffer(sound, "<i2").astype(float)) > 90


@pytest.mark.parametrize(("source", "target"), RATES)
def test_what_comes_out_is_in_time_with_what_went_in(source, target):
    sound = np.frombuffer(whole(Resampler(source, target), pcm(sine(source))), "<i2")
    assert snr(sound.astype(float), sine(target)) > 85  # 16 bits alone leave 92 at this loudness


@pytest.mark.parametrize("samples", [0, 1, 2, 3, 10, 239, 240, 24_001])
@pytest.mark.parametrize(("source", "target"), RATES)
def test_no_sample_is_lost(source, target, samples):
    sound = whole(Resampler(source, target), b"\1\0" * samples)
    assert abs(len(sound) / 2 - samples * target / source) <= 0.5 + 1e-9


def test_the_length_of_a_block_makes_no_difference():
    sound = pcm(sine(24_000))
    assert whole(Resampler(24_000, 44_100), sound, 1) == whole(Resampler(24_000, 44_100), sound, 5_000)


def test_silence_stays_silence():
    assert not whole(Resampler(24_000, 48_000), bytes(9_600)).strip(b"\0")


def test_the_loudest_sound_is_clipped_and_does_not_wrap_round():
    square = np.sign(sine(24_000, frequency=997))
    loud, half = (
        np.frombuffer(whole(Resampler(24_000, 48_000), pcm(square * peak)), "<i2").astype(int)
        for peak in (32_766, 16_383)
    )
    assert half.max() * 2 > 32_767  # it overshoots behind an edge
    assert np.abs(loud - (2 * half).clip(-32_768, 32_767)).max() <= 1


@pytest.mark.parametrize("begin_anew", ["rest", "clear"])
def test_another_sound_begins_anew(begin_anew):
    resampler = Resampler(24_000, 48_000)
    resampler.push(pcm(sine(24_000)))
    getattr(resampler, begin_anew)()
    assert resampler.rest() == b""
    assert whole(resampler, pcm(sine(24_000, frequency=300))) == whole(
        Resampler(24_000, 48_000), pcm(sine(24_000, frequency=300))
    )


def test_half_a_sample_is_refused():
    with pytest.raises(ValueError, match="3 bytes"):
        Resampler(24_000, 48_000).push(b"\1\0\1")


@pytest.mark.parametrize(("source", "target"), [(0, 24_000), (24_000, 0), (-8_000, 24_000)])
def test_no_rate(source, target):
    with pytest.raises(ValueError, match="no resampling"):
        Resampler(source, target)


@pytest.fixture
def without_soxr(monkeypatch):
    monkeypatch.setitem(sys.modules, "soxr", None)


@pytest.mark.usefixtures("without_soxr")
def test_without_soxr_the_error_says_what_to_install():
    with pytest.raises(AudioUnavailable, match=r'24000 Hz .* 48000 Hz.*pip install "reelthyme_sync\[audio\]"'):
        Resampler(24_000, 48_000)


@pytest.mark.usefixtures("without_soxr")
def test_equal_rates_pass_without_soxr():
    resampler = Resampler(24_000, 24_000)
    assert (resampler.push(b"\1\0"), resampler.rest()) == (b"\1\0", b"")
