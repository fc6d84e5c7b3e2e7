from __future__ import annotations

import _thread
import threading

import pytest

from reelthyme_sync._bell import Bell
from reelthyme_sync.testing import PATIENCE


def test_a_ring_wakes_everybody_who_waits():
    bell, open_, woken = Bell(), threading.Event(), []

    def wait(number: int) -> None:
        assert bell.wait_for(open_.is_set, PATIENCE)
        woken.append(number)

    threads = [threading.Thread(target=wait, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    open_.set()
    bell.ring()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(woken) == [0, 1, 2, 3]


def test_a_wait_ends_at_its_time():
    assert not Bell().wait_for(lambda: False, 0.01)
    assert not Bell().wait_for(lambda: False, 0)


def test_what_holds_already_is_not_waited_for():
    assert Bell().wait_for(lambda: True, 0)


def test_many_ring_while_many_wait():
    bell, count = Bell(), [0]

    def wait(wanted: int) -> None:
        assert bell.wait_for(lambda: count[0] >= wanted, PATIENCE)

    def ring() -> None:
        for _ in range(500):
            with lock:
                count[0] += 1
            bell.ring()

    lock = threading.Lock()
    threads = [threading.Thread(target=wait, args=(wanted,)) for wanted in range(1, 2001, 100)]
    threads += [threading.Thread(target=ring) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_ctrl_c_that_wakes_nobody_ends_the_wait_all_the_same():
    """As when it comes between Python's last look for signals and the main thread's sleep."""
    pressing = threading.Timer(0.1, _thread.interrupt_main)
    pressing.start()
    with pytest.raises(KeyboardInterrupt):
        Bell().wait_for(lambda: False, PATIENCE)
    pressing.join()
