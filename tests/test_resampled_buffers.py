import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelthyme_sync.audio.resampled_buffers import ResampledInput, ResampledOutput
from reelthyme_sync.errors import AudioUnavailable
from reelthyme_sync.pcm import BYTES_PER_SAMPLE

RATE = 24_000
BLOCK = 240
RATES = [48_000, 44_100, 16_000]
PATIENCE = 20.0


def sine(rate: int, samples: int) -> bytes:
    return (8_000 * np.sin(2 * np.pi * 440 * np.arange(samples) / rate)).round().astype("<i2").tobytes()


def array(pcm: bytes) -> np.ndarray:
    return np.frombuffer(pcm, "<i2").astype(int)


def blocks(pcm: bytes, samples: int = BLOCK) -> list[bytes]:
    size = samples * BYTES_PER_SAMPLE
    return [pcm[start : start + size] for start in range(0, len(pcm), size)]


def output(device_rate: int = 48_000, *, latency: int = 0, **options) -> ResampledOutput:
    buffer = ResampledOutput(rate=RATE, device_rate=device_rate, capacity=device_rate // 5, **options)
    buffer.resume(latency=latency)
    return buffer


def play(buffer: ResampledOutput, pcm: bytes) -> bytes:
    """What a device of 48 kHz pulls while ``pcm`` is written, 50 ms ahead, and until it has nothing left to play."""
    pulled, starved = [], buffer.starved
    for number, block in enumerate(blocks(pcm)):
        buffer.write(block)
        if number >= 5:
            pulled.append(buffer.pull(480))
    while buffer.starved == starved:
        pulled.append(buffer.pull(480))
    return b"".join(pulled)


@pytest.mark.parametrize("device_rate", RATES)
def test_a_device_gets_all_that_was_written_at_its_own_rate(device_rate):
    buffer = output(device_rate)
    for block in blocks(sine(RATE, 24_000)):
        buffer.write(block)
    played = b"".join(buffer.pull(device_rate // 100) for _ in range(101))
    expected = array(sine(device_rate, device_rate))
    middle = slice(device_rate // 20, -device_rate // 20)  # a resampler rings at the edges
    assert np.abs(array(played)[:device_rate][middle] - expected[middle]).max() <= 1
    assert (buffer.heard, buffer.starved) == (24_000, RATE // 100)


def test_the_end_of_a_sound_does_not_wait_for_the_next_one():
    buffer = output()
    buffer.write(sine(RATE, 100))
    assert not any(array(buffer.pull(480)))  # more may be coming
    assert np.abs(array(buffer.pull(480))[:200]).max() > 1_000
    assert buffer.heard == 100


def test_a_sound_that_is_still_being_written_is_not_ended():
    buffer, whole = output(), output()
    sound = sine(RATE, 4_800)
    whole.write(sound)
    at_once = b"".join(whole.pull(480) for _ in range(21))
    assert play(buffer, sound) == at_once


def test_draining_ends_the_sound():
    buffer = output()
    buffer.write(sine(RATE, 240))
    drained = threading.Thread(target=buffer.drain)
    drained.start()
    pulled = bytearray()
    while drained.is_alive():
        pulled += buffer.pull(480)
    drained.join()
    assert buffer.heard == 240
    assert np.abs(array(bytes(pulled))).max() > 1_000


def test_what_was_cleared_is_neither_played_nor_heard():
    buffer = output()
    buffer.write(sine(RATE, 4_800))
    buffer.pull(480)
    heard = buffer.heard
    buffer.clear()
    buffer.pull(480)  # what sounded dies away
    assert not any(array(buffer.pull(4_800)))
    assert buffer.heard == heard == 240


def test_after_a_clear_the_next_sound_is_whole():
    buffer, fresh = output(), output()
    buffer.write(sine(RATE, 1_000))
    buffer.clear()
    assert play(buffer, sine(RATE, 4_800)) == play(fresh, sine(RATE, 4_800))
    assert buffer.heard == fresh.heard == 4_800


@pytest.mark.parametrize("device_rate", RATES)
def test_a_tap_sees_the_rate_that_is_written(device_rate):
    tapped = bytearray()
    buffer = output(device_rate, tap=tapped.extend)
    buffer.write(sine(RATE, 24_000))
    for _ in range(120):
        buffer.pull(device_rate // 100)
    assert len(tapped) // 2 == pytest.approx(1.2 * RATE, abs=0.04 * RATE)
    middle = slice(1_200, -6_000)
    assert np.abs(array(bytes(tapped))[:24_000][middle] - array(sine(RATE, 24_000))[middle]).max() <= 2


def test_half_a_sample_is_refused():
    with pytest.raises(ValueError, match="3 bytes"):
        output().write(b"\1\0\1")


def test_a_speaker_that_fails_wakes_its_writer():
    buffer = output()
    buffer.fail(AudioUnavailable("unplugged"))
    for wait in (buffer.wait_writable, buffer.drain):
        with pytest.raises(AudioUnavailable, match="unplugged"):
            wait()


ACTIONS = st.one_of(
    st.tuples(st.just("write"), st.integers(0, 480)),
    st.tuples(st.just("pull"), st.integers(1, 960)),
    st.tuples(st.just("clear"), st.just(0)),
)


@given(
    device_rate=st.sampled_from(RATES),
    latency=st.integers(0, 1_000),
    actions=st.lists(ACTIONS, min_size=5, max_size=60),
)
def test_heard_never_goes_back_nor_past_what_was_written_and_comes_to_all_of_it(device_rate, latency, actions):
    buffer = output(device_rate, latency=latency)
    heard = written = audible = 0
    for action, count in actions:
        if action == "write":
            buffer.write(bytes(2 * count))
            written += count
            audible += count
        elif action == "pull":
            assert len(buffer.pull(count)) == 2 * count
        else:
            buffer.clear()
            audible = buffer.heard
        assert heard <= buffer.heard <= audible <= written
        heard = buffer.heard
    for _ in range(3):
        buffer.pull(4 * 480 * 60 + latency)
    assert buffer.heard == audible


@pytest.mark.parametrize("device_rate", RATES)
def test_a_reader_gets_all_that_the_device_gave(device_rate):
    tapped = bytearray()
    buffer = ResampledInput(rate=RATE, device_rate=device_rate, tap=tapped.extend)
    for block in blocks(sine(device_rate, device_rate), device_rate // 100):
        buffer.push(block)
    buffer.stop()
    read = b"".join(iter(buffer.read, b""))
    assert buffer.read() == b""
    expected = array(sine(RATE, RATE))
    assert len(read) == 2 * RATE
    assert np.abs(array(read) - expected)[1_200:-1_200].max() <= 1
    assert read.startswith(bytes(tapped))
    assert len(tapped) > len(read) * 0.95


def test_a_microphone_that_fails_says_so_and_what_was_lost():
    buffer = ResampledInput(rate=RATE, device_rate=48_000)
    buffer.push(bytes(960), lost=True)
    buffer.fail(AudioUnavailable("unplugged"))
    with pytest.raises(AudioUnavailable, match="unplugged"):
        buffer.read()
    assert buffer.overflows == 1


def test_a_stuck_reader_loses_the_same_ten_seconds_at_any_rate():
    buffer = ResampledInput(rate=RATE, device_rate=48_000)
    for _ in range(1_001):
        buffer.push(bytes(960))
    assert buffer.overflows == 1
    buffer.stop()
    assert len(b"".join(iter(buffer.read, b""))) == 2 * 10 * RATE
