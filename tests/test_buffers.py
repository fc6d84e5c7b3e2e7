import threading
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from reelthyme_sync.audio.buffers import InputBuffer, OutputBuffer
from reelthyme_sync.audio.fading import FADE
from reelthyme_sync.errors import AudioUnavailable

PATIENCE = 20.0


def samples(count: int) -> bytes:
    return b"\1\0" * count


def silence(count: int) -> bytes:
    return bytes(2 * count)


def pulled_by(capacity: int, *, latency: int, **options: int) -> OutputBuffer:
    """A buffer with a stream of that latency."""
    buffer = OutputBuffer(capacity, **options)
    buffer.resume(latency=latency)
    return buffer


class Waiter:
    """Calls something that may block, on a thread of its own, and tells how that ended."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call
        self._outcome: object = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def outcome(self) -> object:
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "it still waits"
        return self._outcome

    def _run(self) -> None:
        try:
            self._outcome = self._call()
        except AudioUnavailable as error:
            self._outcome = error


def waiting_on(buffer: OutputBuffer | InputBuffer, call: Callable[[], object]) -> Waiter:
    """A waiter of which it is certain that it waits: it has reached the condition, and let go of its lock."""
    reached = threading.Event()
    wait = buffer._changed.wait

    def tell_and_wait(timeout: float | None = None) -> bool:
        reached.set()
        return wait(timeout)

    buffer._changed.wait = tell_and_wait  # type: ignore[method-assign]
    waiter = Waiter(call)
    assert reached.wait(PATIENCE), "it did not wait"
    with buffer._changed:  # not to be had before the waiter has let go of it
        return waiter


def test_a_device_gets_what_was_written_and_silence_after_it() -> None:
    buffer = OutputBuffer(100, fade=0)
    buffer.write(samples(3))
    assert buffer.pull(2) == samples(2)
    assert buffer.pull(2) == samples(1) + silence(1)
    assert buffer.pull(2) == silence(2)


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="3 bytes"):
        OutputBuffer(100).write(b"\1\0\1")


def test_without_latency_what_was_pulled_has_been_heard() -> None:
    buffer = OutputBuffer(100)
    buffer.write(samples(15))
    buffer.pull(10)
    assert buffer.heard == 10
    buffer.pull(10)
    assert buffer.heard == 15  # of the second block, half was ours


def test_what_was_pulled_is_heard_when_the_latency_has_been_pulled_after_it() -> None:
    buffer = pulled_by(100, latency=25)
    buffer.write(samples(20))
    heard = []
    for _ in range(6):
        buffer.pull(10)
        heard.append(buffer.heard)
    assert heard == [0, 0, 0, 10, 20, 20]


def test_blocks_of_many_lengths_are_counted_alike() -> None:
    buffer = pulled_by(100, latency=8)
    buffer.write(samples(12))
    heard = []
    for length in (5, 7, 3, 6, 20):
        buffer.pull(length)
        heard.append(buffer.heard)
    assert heard == [0, 0, 5, 12, 12]


def test_of_what_is_cleared_only_what_the_device_has_is_heard() -> None:
    buffer = pulled_by(100, latency=10, fade=0)
    buffer.write(samples(50))
    buffer.pull(10)
    buffer.clear()
    assert buffer.heard == 10  # the first block was in the device's hands, and will sound
    assert buffer.pull(10) == silence(10)
    buffer.pull(10)
    assert buffer.heard == 10
    buffer.write(samples(10))
    buffer.pull(10)
    buffer.pull(10)
    assert buffer.heard == 20


def test_a_tap_sees_every_block_with_its_silence() -> None:
    blocks: list[bytes] = []
    buffer = OutputBuffer(100, tap=blocks.append, fade=0)
    buffer.write(samples(3))
    buffer.pull(2)
    buffer.pull(2)
    assert blocks == [samples(2), samples(1) + silence(1)]


def test_a_writer_waits_only_while_the_capacity_is_used() -> None:
    buffer = OutputBuffer(10)
    buffer.write(samples(9))
    buffer.wait_writable()
    buffer.write(samples(2))
    waiter = waiting_on(buffer, buffer.wait_writable)
    buffer.pull(2)
    assert waiter.outcome() is None


@pytest.mark.parametrize("call", ["wait_writable", "drain"])
def test_clear_ends_a_wait(call: str) -> None:
    buffer = pulled_by(10, latency=10)
    buffer.write(samples(10))
    waiter = waiting_on(buffer, getattr(buffer, call))
    buffer.clear()
    assert waiter.outcome() is None


def test_clear_ends_a_wait_even_when_more_is_written_at_once() -> None:
    buffer = OutputBuffer(10)
    buffer.write(samples(10))
    waiter = waiting_on(buffer, buffer.wait_writable)
    with buffer._changed:  # the waiter cannot look in between
        buffer.clear()
        buffer.write(samples(10))
    assert waiter.outcome() is None


def test_drain_waits_for_what_the_device_holds() -> None:
    buffer = pulled_by(100, latency=10)
    buffer.drain()  # nothing was written
    buffer.write(samples(10))
    buffer.pull(10)
    waiter = waiting_on(buffer, buffer.drain)
    buffer.pull(10)
    assert waiter.outcome() is None
    assert buffer.heard == 10


@pytest.mark.parametrize("call", ["wait_writable", "drain"])
def test_a_speaker_that_fails_wakes_its_writer(call: str) -> None:
    buffer = OutputBuffer(10)
    buffer.write(samples(10))
    waiter = waiting_on(buffer, getattr(buffer, call))
    gone = AudioUnavailable("unplugged")
    buffer.fail(gone)
    assert waiter.outcome() is gone


def test_a_speaker_that_has_failed_stays_so_with_its_first_reason() -> None:
    buffer = OutputBuffer(10)
    buffer.fail(AudioUnavailable("unplugged"))
    buffer.fail(AudioUnavailable("closed"))
    for _ in range(2):
        with pytest.raises(AudioUnavailable, match="unplugged"):
            buffer.wait_writable()


ACTIONS = st.one_of(
    st.tuples(st.just("write"), st.integers(0, 50)),
    st.tuples(st.just("pull"), st.integers(1, 50)),
    st.tuples(st.just("clear"), st.just(0)),
)


@given(latency=st.integers(0, 100), actions=st.lists(ACTIONS, max_size=60))
def test_heard_never_goes_back_nor_past_what_was_written(latency: int, actions: list[tuple[str, int]]) -> None:
    buffer = pulled_by(100, latency=latency)
    written = heard = starved = 0
    for action, count in actions:
        if action == "write":
            buffer.write(samples(count))
            written += count
        elif action == "pull":
            assert len(buffer.pull(count)) == 2 * count
        else:
            buffer.clear()
        assert heard <= buffer.heard <= written
        assert starved <= buffer.starved
        heard, starved = buffer.heard, buffer.starved


@given(actions=st.lists(ACTIONS, max_size=60))
def test_what_is_pulled_was_written_or_counts_as_starved(actions: list[tuple[str, int]]) -> None:
    buffer = OutputBuffer(100)
    waiting = taken = pulled = 0
    for action, count in actions:
        if action == "write":
            buffer.write(samples(count))
            waiting += count
        elif action == "pull":
            buffer.pull(count)
            pulled += count
            taken += min(count, waiting)
            waiting -= min(count, waiting)
        else:
            buffer.clear()
            waiting = 0
        assert buffer.starved + taken == pulled


def wave(amplitude: float, hertz: float, count: int) -> NDArray[np.int32]:
    return (amplitude * np.sin(2 * np.pi * hertz * np.arange(count) / 24_000)).astype(np.int32)


def largest_step(sound: NDArray[np.int32]) -> int:
    return int(np.abs(np.diff(sound, prepend=0, append=0)[:-1]).max(initial=0))


SLOPE = np.pi / 2 / FADE
"""Of the fade, where it is steepest, for an amplitude of one."""


@given(
    amplitude=st.integers(0, 32767),
    hertz=st.floats(20, 4000),
    count=st.integers(0, 1000),
    blocks=st.lists(st.integers(1, 480), min_size=1, max_size=8),
    cleared=st.booleans(),
)
def test_an_end_has_no_step_that_the_sound_and_the_fade_have_not(
    amplitude: int, hertz: float, count: int, blocks: list[int], cleared: bool
) -> None:
    sound = wave(amplitude, hertz, count)
    buffer = OutputBuffer(10_000)
    buffer.write(sound.astype("<i2").tobytes())
    played = b"".join(buffer.pull(block) for block in blocks)
    if cleared:
        buffer.clear()
    else:
        played += buffer.pull(1000)
    played += buffer.pull(2 * FADE)
    output = np.frombuffer(played, "<i2").astype(np.int32)
    assert largest_step(output) <= largest_step(sound) + amplitude * SLOPE + 2
    assert not output[-FADE // 2 :].any()


def test_after_a_clear_the_sound_dies_away_within_eight_milliseconds() -> None:
    buffer = OutputBuffer(10_000)
    buffer.write(b"\x10\x27" * 1000)
    buffer.pull(100)
    buffer.clear()
    output = np.frombuffer(buffer.pull(240), "<i2")
    assert (np.diff(output) <= 0).all()
    assert 9_990 < output[0] < 10_000
    assert 4_900 < output[FADE // 2] < 5_000
    assert not output[FADE:].any()
    assert (buffer.heard, buffer.starved) == (100, 240)


def test_what_has_not_begun_to_sound_is_dropped_without_a_trace() -> None:
    buffer = OutputBuffer(100)
    buffer.pull(10)
    buffer.write(samples(50))
    buffer.clear()
    assert buffer.pull(300) == silence(300)


def test_what_follows_a_cut_does_not_wait_for_the_fade() -> None:
    buffer = OutputBuffer(10_000)
    buffer.write(b"\xe8\x03" * 500)
    buffer.pull(100)
    buffer.clear()
    buffer.write(b"\xd0\x07" * 500)
    output = np.frombuffer(buffer.pull(300), "<i2")
    assert 2990 <= output[0] <= 3000
    assert (output[FADE:] == 2000).all()
    assert buffer.heard == 400


def test_a_fade_that_does_not_fit_is_clipped_and_never_wraps() -> None:
    buffer = OutputBuffer(10_000)
    for _ in range(2):
        buffer.write(b"\xff\x7f" * 500)
        buffer.pull(100)
        buffer.clear()
    assert np.frombuffer(buffer.pull(300), "<i2").min() == 0


@given(latency=st.integers(0, 100), actions=st.lists(ACTIONS.filter(lambda action: action[0] != "clear"), max_size=60))
def test_without_a_clear_everything_is_heard_in_the_end(latency: int, actions: list[tuple[str, int]]) -> None:
    buffer = pulled_by(100, latency=latency)
    written = 0
    for action, count in actions:
        if action == "write":
            buffer.write(samples(count))
            written += count
        else:
            buffer.pull(count)
    buffer.pull(max(written, 1))
    buffer.pull(max(latency, 1))
    assert buffer.heard == written
    buffer.drain()


def test_a_reader_gets_the_blocks_in_order_and_then_the_end_for_ever() -> None:
    buffer = InputBuffer()
    buffer.push(samples(1))
    buffer.push(samples(2))
    buffer.stop()
    buffer.stop()
    buffer.push(samples(3))
    assert [buffer.read() for _ in range(4)] == [samples(1), samples(2), b"", b""]


def test_a_reader_waits_for_the_next_block() -> None:
    buffer = InputBuffer()
    waiter = waiting_on(buffer, buffer.read)
    buffer.push(samples(1))
    assert waiter.outcome() == samples(1)


def test_stop_wakes_the_reader() -> None:
    buffer = InputBuffer()
    waiter = waiting_on(buffer, buffer.read)
    buffer.stop()
    assert waiter.outcome() == b""


def test_a_microphone_that_fails_gives_what_it_heard_first() -> None:
    buffer = InputBuffer()
    buffer.push(samples(1))
    buffer.fail(AudioUnavailable("unplugged"))
    assert buffer.read() == samples(1)
    for _ in range(2):
        with pytest.raises(AudioUnavailable, match="unplugged"):
            buffer.read()


def test_a_tap_sees_what_comes_after_the_end_too() -> None:
    blocks: list[bytes] = []
    buffer = InputBuffer(tap=blocks.append)
    buffer.push(samples(1))
    buffer.stop()
    buffer.push(samples(2))
    assert blocks == [samples(1), samples(2)]


def test_what_is_cleared_is_waited_for_until_it_is_silent() -> None:
    buffer = pulled_by(100, latency=20, fade=8)
    buffer.write(samples(50))
    for _ in range(3):
        buffer.pull(10)
    buffer.clear()
    buffer.pull(20 + 8 - 1)
    waiter = waiting_on(buffer, buffer.drain)
    buffer.pull(1)
    assert waiter.outcome() is None
