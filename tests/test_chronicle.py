"""A wait comes back when the handlers of what it waited for have run, whatever the handlers of other things do."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from reelthyme_sync.client.chronicle import KEPT, STARTING, Chronicle, Mark
from reelthyme_sync.client.dispatcher import Dispatcher
from reelthyme_sync.client.event_handler import EventHandler
from reelthyme_sync.errors import EventsMissed
from reelthyme_sync.testing import PATIENCE

START = Mark(0, 1)


@pytest.fixture
def chronicle() -> Chronicle:
    return Chronicle()


@pytest.fixture
def handlers(chronicle) -> EventHandler:
    return EventHandler(chronicle)


@pytest.fixture
def dispatcher(chronicle) -> Iterator[Dispatcher]:
    dispatcher = Dispatcher(1, 1, chronicle, lambda event: event, lambda error: None, threaded=True)
    yield dispatcher
    dispatcher.end()
    dispatcher.join()


@pytest.fixture
def held(handlers, dispatcher) -> Iterator[threading.Event]:
    """What happens is told to a handler that takes its time: until this is set."""
    began, go_on = threading.Event(), threading.Event()

    @handlers.on("held")
    def wait(_):
        began.set()
        assert go_on.wait(PATIENCE)

    dispatcher.post([(handlers, "held", None)])
    assert began.wait(PATIENCE)
    yield go_on
    go_on.set()


def test_a_wait_ends_when_the_handlers_have_run(handlers, chronicle, held):
    with pytest.raises(TimeoutError):
        chronicle.wait(handlers, "held", 0, after=START)
    held.set()
    chronicle.wait(handlers, "held", PATIENCE, after=START)


def test_what_another_thread_dispatches_is_handled_and_what_came_before_is_not(handlers, chronicle, held):
    handlers.dispatch("other")
    chronicle.wait(handlers, "other", 0, after=START)
    with pytest.raises(TimeoutError):
        chronicle.wait(handlers, "held", 0, after=START)


def test_a_handler_that_fails_does_not_end_the_waits_for_what_comes_behind(handlers, chronicle, dispatcher):
    began, go_on = threading.Event(), threading.Event()

    @handlers.on("first")
    def fail(_):
        dispatcher.post([(handlers, "second", None)])
        raise ValueError

    @handlers.on("second")
    def wait(_):
        began.set()
        assert go_on.wait(PATIENCE)

    dispatcher.post([(handlers, "first", None)])
    assert began.wait(PATIENCE)
    chronicle.wait(handlers, "error", 0, after=START)
    with pytest.raises(TimeoutError):
        chronicle.wait(handlers, "second", 0, after=START)
    go_on.set()
    chronicle.wait(handlers, "second", PATIENCE, after=START)


def test_what_is_dispatched_is_not_handled_because_what_came_later_is(handlers, chronicle, dispatcher):
    @handlers.on("mine")
    def post(_):
        dispatcher.post([(handlers, "later", None)])
        seen = threading.Thread(target=chronicle.wait, args=(handlers, "later", PATIENCE), kwargs={"after": START})
        seen.start()
        seen.join()
        with pytest.raises(TimeoutError):
            chronicle.wait(handlers, "mine", 0, after=START)

    failures = []
    handlers.on("error", failures.append)
    handlers.dispatch("mine")
    assert not failures


def test_a_wait_in_a_handler_counts_from_what_the_handler_is_told(handlers, chronicle, dispatcher):
    found = []

    @handlers.on("told")
    def wait_and_do_something(_):
        found.append(chronicle.wait(handlers, "news", PATIENCE).payload)
        chronicle.mark()

    told = [("news", 0), ("told", None), ("news", 1), ("news", 2), ("told", None), ("news", 3), ("told", None)]
    dispatcher.post([(handlers, *each) for each in told])
    dispatcher.post([(handlers, "news", 4), (handlers, "last", None)])
    chronicle.wait(handlers, "last", PATIENCE, after=START)
    assert found == [1, 3, 4]


def test_what_is_posted_before_the_thread_runs_is_not_handled_yet(handlers, chronicle):
    chronicle.handled_on(STARTING, 1)
    chronicle.note([(handlers, "early", None)])
    with pytest.raises(TimeoutError):
        chronicle.wait(handlers, "early", 0, after=START)


def test_what_nobody_was_told_of_does_not_keep_the_next_connection_from_ending(handlers, chronicle):
    chronicle.note([(handlers, "late", None)])
    chronicle.begin()
    chronicle.handled_on(STARTING, 1)
    chronicle.end(1, lambda: ConnectionError("over"))
    with pytest.raises(ConnectionError, match="over"):
        chronicle.wait(handlers, "another", PATIENCE, after=START)


def test_nothing_is_waited_for_when_nobody_runs_handlers_any_more(handlers, chronicle, dispatcher):
    dispatcher.end()
    dispatcher.join()
    chronicle.end(1, lambda: ConnectionError("over"))
    dispatcher.post([(handlers, "late", None)])
    with pytest.raises(ConnectionError, match="over"):
        chronicle.wait(handlers, "another", PATIENCE, after=START)


# --- connections ------------------------------------------------------------------------------------------------


def over(number: int):
    return lambda: ConnectionError(f"the end of {number}")


def test_a_wait_ends_with_the_connection_of_its_mark_although_another_has_begun(handlers, chronicle):
    first = chronicle.begin()
    mark = chronicle.mark()
    chronicle.end(first, over(first))
    second = chronicle.begin()
    chronicle.note([(handlers, "news", None)])
    with pytest.raises(ConnectionError, match="the end of 1"):
        chronicle.wait(handlers, "news", PATIENCE, after=mark)
    chronicle.end(second, over(second))
    with pytest.raises(ConnectionError, match="the end of 2"):
        chronicle.wait(handlers, "others", PATIENCE)


def test_a_wait_under_way_does_not_miss_the_end_when_another_connection_begins_at_once(handlers, chronicle):
    first = chronicle.begin()
    ends = []

    def wait(mark: Mark) -> None:
        with pytest.raises(ConnectionError) as raised:
            chronicle.wait(handlers, "news", PATIENCE, after=mark)
        ends.append(str(raised.value))

    waiting = threading.Thread(target=wait, args=[chronicle.mark()])
    waiting.start()
    with chronicle._lock:  # the one who waits has no time to look between the end and the beginning
        chronicle.end(first, over(first))
        chronicle.begin()
    waiting.join()
    assert ends == ["the end of 1"]


def test_whoever_has_been_told_of_the_end_counts_from_the_next_connection(handlers, chronicle):
    chronicle.begin()
    told, go_on, found = threading.Event(), threading.Event(), []

    def wait_twice() -> None:
        chronicle.mark()
        told.set()
        assert go_on.wait(PATIENCE)
        with pytest.raises(ConnectionError, match="the end of 1"):
            chronicle.wait(handlers, "news", PATIENCE)
        found.append(chronicle.wait(handlers, "news", PATIENCE).payload)

    waiting = threading.Thread(target=wait_twice)
    waiting.start()
    assert told.wait(PATIENCE)
    chronicle.end(1, over(1))
    chronicle.begin()
    chronicle.note([(handlers, "news", "of 2")])
    go_on.set()
    waiting.join()
    assert found == ["of 2"]


def test_what_an_old_connection_still_has_to_say_is_its_own(handlers, chronicle):
    old, _ = chronicle.begin(), chronicle.begin()
    chronicle.handled_on(STARTING, old)  # does not count any more
    chronicle.note([(handlers, "close", "old")], old)
    with pytest.raises(TimeoutError):
        chronicle.wait(handlers, "close", 0)
    chronicle.end(old, over(old))
    with pytest.raises(TimeoutError):
        chronicle.wait(handlers, "close", 0)
    chronicle.note([(handlers, "close", "new")])
    assert chronicle.wait(handlers, "close", 0).payload == "new"


def test_who_waits_before_there_is_a_connection_waits_for_the_first(handlers, chronicle):
    mark = chronicle.mark()
    chronicle.begin()
    chronicle.note([(handlers, "news", 1)])
    assert chronicle.wait(handlers, "news", 0, after=mark).payload == 1


# --- what is kept -----------------------------------------------------------------------------------------------


def tell(chronicle: Chronicle, handlers: EventHandler, *payloads: object) -> None:
    """Let one after another happen, and handlers be told of it."""
    for payload in payloads:
        chronicle.handled(chronicle.note([(handlers, "news", payload)]))


def test_what_has_not_been_handled_is_kept_however_much_comes(handlers, chronicle):
    chronicle.handled_on(STARTING, 1)
    late = chronicle.note([(handlers, "news", payload) for payload in range(3 * KEPT)])
    chronicle.handled(late)
    assert chronicle.wait(handlers, "news", 0, after=START).payload == 0


def test_what_somebody_waits_for_is_kept_however_much_comes(handlers, chronicle):
    look, found = threading.Event(), []

    def matches(payload: int) -> bool:
        return look.is_set()

    waiting = threading.Thread(
        target=lambda: found.append(chronicle.wait(handlers, "news", PATIENCE, matches=matches, after=START))
    )
    waiting.start()
    while not chronicle._waiting:
        assert waiting.is_alive()
    tell(chronicle, handlers, *range(3 * KEPT))
    look.set()
    chronicle.wake()
    waiting.join()
    assert found[0].payload == 0


def test_a_wait_that_begins_too_late_says_so_and_the_next_goes_on_with_what_there_is(handlers, chronicle):
    chronicle.mark()
    tell(chronicle, handlers, *range(KEPT + 2))
    with pytest.raises(EventsMissed, match="news"):
        chronicle.wait(handlers, "news", 0)
    assert [chronicle.wait(handlers, "news", 0).payload for _ in range(KEPT)] == list(range(2, KEPT + 2))


def test_what_its_owner_keeps_is_found_although_it_is_forgotten_here(handlers, chronicle):
    answer = object()
    wait = lambda: chronicle.wait_until_told(  # noqa: E731
        handlers, "news", 0, payload=lambda: answer, refused=lambda _: None, after=START
    )
    with pytest.raises(TimeoutError):
        wait()  # nobody has been told
    tell(chronicle, handlers, answer, *range(KEPT))
    assert wait().payload is answer


# --- waits of one thread ----------------------------------------------------------------------------------------


def test_what_comes_between_two_waits_that_find_nothing_is_found_by_the_next(handlers, chronicle):
    with pytest.raises(TimeoutError):
        chronicle.wait(handlers, "news", 0)
    tell(chronicle, handlers, 1)
    assert chronicle.wait(handlers, "news", 0).payload == 1


def test_a_wait_in_vain_names_its_time_and_a_handler_that_holds_it_up(handlers, chronicle, held):
    with pytest.raises(TimeoutError, match=r"^no other for 0\.001 s$"):
        chronicle.wait(handlers, "other", 0.001, after=START)
    with pytest.raises(TimeoutError, match=r"^no held for 0 s: it has come, and a handler .* still runs$"):
        chronicle.wait(handlers, "held", 0, after=START)


def test_what_a_hook_drops_is_not_found_and_what_it_changes_is_found_as_it_is_told(handlers, chronicle):
    one, other = chronicle.note([(handlers, "news", "one"), (handlers, "news", "other")])
    chronicle.drop([one])
    assert chronicle.tell_as(other, "another").payload == "another"
    assert chronicle.wait(handlers, "news", 0, after=START).payload == "another"
