import threading

import pytest

from reelthyme_sync._mailbox import Mailbox, MailboxEnded


def run(target) -> threading.Thread:
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    return thread


def test_first_in_first_out():
    box: Mailbox[int] = Mailbox()
    assert all(box.put(number) for number in range(3))
    assert [box.get(timeout=0) for _ in range(3)] == [0, 1, 2]


def test_an_empty_mailbox_times_out():
    with pytest.raises(TimeoutError):
        Mailbox().get(timeout=0.01)


def test_the_end_comes_after_what_is_in_it_and_stays():
    box: Mailbox[int] = Mailbox()
    box.put(1)
    box.end()
    box.end()
    assert box.get(timeout=0) == 1
    for _ in range(3):
        with pytest.raises(MailboxEnded):
            box.get(timeout=0)


def test_a_put_after_the_end_says_so():
    box: Mailbox[int] = Mailbox()
    box.end()
    assert box.put(1) is False


def test_a_full_mailbox_times_out_and_takes_again_after_a_get():
    box: Mailbox[int] = Mailbox(2)
    box.put(1)
    box.put(2)
    with pytest.raises(TimeoutError):
        box.put(3, timeout=0.01)
    box.get(timeout=0)
    assert box.put(3, timeout=0)


def test_a_get_waits_for_a_put():
    box: Mailbox[int] = Mailbox()
    got: list[int] = []
    thread = run(lambda: got.append(box.get()))
    box.put(7)
    thread.join(20)
    assert got == [7]


def test_the_end_frees_every_put_that_waits_for_room():
    box: Mailbox[int] = Mailbox(1)
    box.put(0)
    answers: list[bool] = []
    threads = [run(lambda: answers.append(box.put(1))) for _ in range(5)]
    box.end()
    for thread in threads:
        thread.join(20)
    assert answers == [False] * 5


def test_lifting_the_bound_lets_a_waiting_put_go_on():
    box: Mailbox[int] = Mailbox(1)
    box.put(0)
    answers: list[bool] = []
    thread = run(lambda: answers.append(box.put(1)))
    box.lift_bound()
    thread.join(20)
    assert answers == [True]
    assert all(box.put(number, timeout=0) for number in range(100))


def test_sifting_takes_out_in_order_and_makes_room():
    box: Mailbox[int] = Mailbox(4)
    for number in range(4):
        box.put(number)
    asked: list[int] = []
    box.sift(lambda number: bool(asked.append(number)) or number % 2 == 0)
    assert asked == [0, 1, 2, 3]
    assert box.put(5, timeout=0)
    assert box.put(6, timeout=0)
    box.end()
    box.sift(lambda number: number != 5)
    assert [box.get(timeout=0) for _ in range(3)] == [0, 2, 6]
    with pytest.raises(MailboxEnded):
        box.get(timeout=0)


def test_every_item_goes_to_exactly_one_of_many_threads():
    box: Mailbox[int] = Mailbox(3)
    got: list[int] = []
    lock = threading.Lock()

    def take() -> None:
        while True:
            try:
                item = box.get()
            except MailboxEnded:
                return
            with lock:
                got.append(item)

    takers = [run(take) for _ in range(4)]
    putters = [run(lambda start=start: [box.put(start + i) for i in range(100)]) for start in (0, 100, 200)]
    for putter in putters:
        putter.join(20)
    box.end()
    for taker in takers:
        taker.join(20)
    assert sorted(got) == list(range(300))
