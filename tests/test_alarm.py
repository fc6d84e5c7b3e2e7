"""What rings when, and that the thread lives only while something is to ring."""

from __future__ import annotations

import queue
import threading
from time import monotonic

import pytest

from reelthyme_sync._alarm import Alarm
from reelthyme_sync._worker import Worker
from reelthyme_sync.testing import PATIENCE

NAME = "reelthyme-alarm-1"


@pytest.fixture
def rung():
    return queue.Queue()


@pytest.fixture
def alarm():
    alarm = Alarm(NAME)
    yield alarm
    alarm.close()


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == NAME]


def test_it_rings_in_the_order_of_time_and_not_too_early(alarm, rung):
    began = monotonic()
    for seconds in (0.06, 0.02, 0.04):
        alarm.set(seconds, lambda seconds=seconds: rung.put((seconds, monotonic() - began)))
    for expected in (0.02, 0.04, 0.06):
        seconds, passed = rung.get(timeout=PATIENCE)
        assert seconds == expected
        assert passed >= seconds


def test_what_is_called_off_does_not_ring_and_the_thread_ends(alarm, rung):
    call_off = alarm.set(300.0, lambda: rung.put("late"))
    (thread,) = threads()
    call_off()
    call_off()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert rung.empty()


def test_there_is_one_thread_and_a_new_one_when_it_has_ended(alarm, rung):
    for _ in range(3):
        alarm.set(300.0, lambda: None)
    (first,) = threads()
    alarm.close()
    first.join(PATIENCE)
    alarm.set(0.0, lambda: rung.put(threading.current_thread()))
    assert rung.get(timeout=PATIENCE) is not first


def test_it_rings_again_after_a_time_without_threads(alarm, rung, monkeypatch):
    def refuse(_worker: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(Worker, "start", refuse)
        with pytest.raises(RuntimeError):
            alarm.set(0.0, lambda: rung.put("never"))
    alarm.set(0.01, lambda: rung.put("again"))
    assert rung.get(timeout=PATIENCE) == "again"


def test_what_rings_may_set_and_call_off(alarm, rung):
    call_off = alarm.set(300.0, lambda: rung.put("never"))

    def ring():
        call_off()
        alarm.set(0.0, lambda: rung.put("again"))

    alarm.set(0.0, ring)
    assert rung.get(timeout=PATIENCE) == "again"


def test_one_that_fails_does_not_keep_the_next_from_ringing(alarm, rung, caplog):
    alarm.set(0.0, lambda: 1 / 0)
    alarm.set(0.01, lambda: rung.put("next"))
    assert rung.get(timeout=PATIENCE) == "next"
    assert "ZeroDivisionError" in caplog.text
