"""When a frame is due, and what a stream lacks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelthyme_sync.local_server.webrtc.timing import FRAME_SECONDS, Gaps, Slots


def test_the_first_frame_is_due_at_once_and_the_others_every_20_ms():
    slots = Slots()
    assert slots.take(5.0) == (0, 0.0)
    assert slots.take(5.001) == (1, pytest.approx(0.019))
    assert slots.take(5.03) == (2, pytest.approx(0.01))


def test_time_that_the_work_takes_does_not_add_up():
    slots, now = Slots(), 0.0
    for number in range(1000):
        slot, wait = slots.take(now)
        assert slot == number
        now += wait + 0.003
    assert now == pytest.approx(999 * FRAME_SECONDS + 0.003)


def test_a_little_lateness_is_made_up_for():
    slots = Slots()
    slots.take(0.0)
    assert [slots.take(0.09) for _ in range(5)] == [
        (1, 0.0),
        (2, 0.0),
        (3, 0.0),
        (4, 0.0),
        (5, pytest.approx(0.01)),
    ]


def test_slots_missed_by_more_stay_empty():
    slots = Slots()
    slots.take(0.0)
    assert slots.take(1.0) == (50, 0.0)
    assert slots.take(1.0) == (51, pytest.approx(0.02))


@given(st.lists(st.floats(0.0, 2.0), max_size=200))
def test_whatever_stands_still_no_burst_follows(pauses):
    slots, now, taken = Slots(), 0.0, []
    for pause in pauses:
        slot, wait = slots.take(now)
        now += wait
        taken.append((slot, now))
        assert -1e-6 <= now - slot * FRAME_SECONDS <= 0.1 + FRAME_SECONDS
        now += pause
    assert [slot for slot, _ in taken] == sorted({slot for slot, _ in taken})
    for first, _ in enumerate(taken):
        assert sum(1 for _, when in taken[first:] if when == taken[first][1]) <= 7


def test_a_stream_that_follows_on_lacks_nothing():
    gaps = Gaps()
    assert [gaps.before(start * 0.02, 0.02) for start in range(50, 60)] == [0.0] * 10


def test_what_was_lost_is_lacking():
    gaps = Gaps()
    gaps.before(1.0, 0.02)
    assert gaps.before(1.08, 0.02) == pytest.approx(0.06)
    assert gaps.before(1.1, 0.02) == 0.0


def test_time_that_was_waited_is_lacking_no_more():
    gaps = Gaps()
    gaps.before(1.0, 0.02)
    for _ in range(30):
        gaps.waited(1.0)
    assert gaps.before(31.32, 0.02) == pytest.approx(0.3)


@pytest.mark.parametrize("start", [0.0, 0.9, 3.0, 4e9])
def test_another_stream_lacks_nothing(start):
    gaps = Gaps()
    gaps.before(1.0, 0.02)
    assert gaps.before(start, 0.02) == 0.0
