"""A wait comes back when the handlers of what it waited for have run, whatever the handlers of other things do."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from reelthyme_sync.client.chronicle import STARTING, Chronicle, Mark
from reelthyme_sync.client.dispatcher import Dispatcher
from reelthyme_sync.client.event_handler import EventHandler
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
