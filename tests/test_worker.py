import signal
import threading
import time

import pytest

from reelthyme_sync._worker import Worker


def interrupt(_number, _frame):
    raise KeyboardInterrupt


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="has no timer that interrupts a wait")
def test_a_join_that_ctrl_c_ends_does_not_take_the_thread_for_ended():
    go_on = threading.Event()
    worker = Worker("reelthyme-test-1", go_on.wait, lambda failure: None)
    worker.start()
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(KeyboardInterrupt):
            worker.join(20)
    finally:
        signal.signal(signal.SIGALRM, before)
    began = time.monotonic()
    assert not worker.join(0.05)
    assert time.monotonic() - began >= 0.05
    go_on.set()
    assert worker.join(20)
