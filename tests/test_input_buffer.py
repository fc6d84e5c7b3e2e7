"""What is lost between a device and a reader that is late."""

import pytest

from reelthyme_sync.audio.buffers import InputBuffer


def block(number: int, samples: int = 10) -> bytes:
    return number.to_bytes(2, "little") * samples


def read_all(buffer: InputBuffer) -> list[bytes]:
    buffer.stop()
    return list(iter(buffer.read, b""))


def test_a_stuck_reader_costs_the_oldest_blocks_and_they_are_counted():
    buffer = InputBuffer(capacity=30)
    for number in range(1, 6):
        buffer.push(block(number))
    assert buffer.overflows == 2
    assert read_all(buffer) == [block(3), block(4), block(5)]


def test_a_reader_in_time_loses_nothing():
    buffer = InputBuffer(capacity=30)
    for number in range(1, 100):
        buffer.push(block(number))
        assert buffer.read() == block(number)
    assert buffer.overflows == 0


def test_ten_seconds_wait_for_a_reader():
    buffer = InputBuffer()
    for _ in range(1_001):
        buffer.push(bytes(480))
    assert buffer.overflows == 1
    assert len(b"".join(read_all(buffer))) == 480_000


def test_what_the_device_reports_lost_is_counted_and_the_block_kept():
    buffer = InputBuffer()
    buffer.push(block(1))
    buffer.push(block(2), lost=True)
    assert buffer.overflows == 1
    assert read_all(buffer) == [block(1), block(2)]


@pytest.mark.parametrize("lost", [False, True])
def test_after_the_end_nothing_can_be_lost(lost):
    buffer = InputBuffer(capacity=10)
    buffer.stop()
    for number in range(1, 5):
        buffer.push(block(number), lost=lost)
    assert buffer.overflows == 0
