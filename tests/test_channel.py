import numpy as np
import pytest

from reelthyme_sync.audio.channel import Channel
from reelthyme_sync.audio.gate import Gate
from reelthyme_sync.audio.metering import SILENCE
from reelthyme_sync.audio.packing import Packer
from reelthyme_sync.pcm import silence

TONE = (np.sin(np.arange(480) * 2 * np.pi * 1_000 / 24_000) * 16_384).astype("<i2").tobytes()
"""20 ms at half of full scale."""


@pytest.fixture
def channel():
    return Channel(Packer(20))


def test_the_level_is_that_of_the_last_20_ms_muted_or_not(channel):
    assert channel.level == SILENCE
    channel.hear(TONE)
    assert channel.level.peak == pytest.approx(-6.0, abs=0.1)
    assert channel.level.rms == pytest.approx(-9.0, abs=0.1)
    channel.hear(silence(20))
    assert channel.level == SILENCE
    channel.muted = True
    channel.hear(TONE)
    assert channel.level.peak == pytest.approx(-6.0, abs=0.1)


def test_muted_it_is_silence_of_the_same_length(channel):
    assert channel.hear(TONE) == TONE
    channel.muted = True
    assert channel.hear(TONE) == bytes(len(TONE))
    channel.muted = False
    assert channel.hear(TONE) == TONE


def test_what_has_passed_counts(channel):
    assert list(channel.push(TONE + silence(10), None)) == [TONE]
    assert channel.sent_ms == 20
    assert list(channel.end(None)) == [silence(10)]
    assert channel.sent_ms == 30


def test_the_end_gives_what_the_gate_holds_back():
    channel = Channel(Packer(100), Gate(pre_roll_ms=200))
    assert list(channel.push(silence(150), None)) == [silence(100)]
    assert list(channel.end(None)) == [silence(100), silence(100), silence(50)]
    assert list(channel.end(None)) == [silence(100), silence(100)]  # of the next sound
