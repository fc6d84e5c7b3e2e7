"""Tools at work: what is sent, once each, whatever the functions do."""

from __future__ import annotations

import json
import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_tool_calls import APPROVAL, begun, call, done, item_done

from reelthyme_sync import ConnectionClosed, connect
from reelthyme_sync.events import (
    UNSET,
    ClientEvent,
    ConversationItemAdded,
    ConversationItemCreate,
    Error,
    FunctionCall,
    FunctionCallOutput,
    FunctionTool,
    InputText,
    McpApprovalResponse,
    RealtimeSession,
    ResponseCreate,
    ResponseOutputTextDone,
    ResponseParams,
    SessionCreated,
    SessionUpdate,
    SessionUpdated,
    UserMessage,
)
from reelthyme_sync.testing import PATIENCE
from reelthyme_sync.tool_runner import ToolRunner
from reelthyme_sync.tools import Tool, ToolCall

RESPOND = "respond"


class Desk:
    """A runner, and what it sends: items, and the word ``respond``. Every wait fails after a while."""

    def __init__(self, **options: Any) -> None:
        self.sent: queue.Queue[Any] = queue.Queue()
        self.failures: queue.Queue[Exception] = queue.Queue()
        self.runner = ToolRunner(
            ordinal=1, send=self._send, respond=lambda _: self.sent.put(RESPOND), failed=self.failures.put, **options
        )

    def _send(self, event: Any) -> None:
        self.runner.note_sent(event)
        self.sent.put(event.item)

    def next(self) -> Any:
        return self.sent.get(timeout=PATIENCE)

    def output(self) -> Any:
        item = self.next()
        assert isinstance(item, FunctionCallOutput)
        return json.loads(item.output)

    def rest(self) -> list[Any]:
        return list(self.sent.queue)

    def called(self, *items: Any, response: str = "r1") -> None:
        """A whole response that consists of these."""
        for event in (begun(response), *(item_done(item, response) for item in items), done(*items, response=response)):
            self.runner.hear(event)


class Gate:
    """A function that has to be let go."""

    def __init__(self) -> None:
        self.began = threading.Semaphore(0)
        self.open = threading.Event()
        self.ended = threading.Semaphore(0)
        self.calls: list[ToolCall] = []

    def __call__(self, call: ToolCall) -> str:
        self.calls.append(call)
        self.began.release()
        assert self.open.wait(PATIENCE)
        self.ended.release()
        return '"let go"'


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open.set()


@pytest.fixture
def desk():
    """Makes one; it is closed at the end."""
    made = []

    def make(function=None, *, timeout_of_tool=..., **options) -> Desk:
        made.append(Desk(**options))
        if function is not None:
            own = {} if timeout_of_tool is ... else {"timeout": timeout_of_tool}
            made[-1].runner.add(Tool.of(function, name="get_weather"), **own)
        return made[-1]

    yield make
    for each in made:
        each.runner.close()


def threads_of(name: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == name]


def join_calls() -> None:
    """Wait for all functions that run, and for those that run when they have ended."""
    while threads := threads_of("reelthyme-tool-1"):
        threads[0].join(PATIENCE)


def clocks() -> list[threading.Thread]:
    return threads_of("reelthyme-tool-timer-1")


def test_a_call_is_run_on_a_thread_of_its_own_and_the_model_goes_on(desk):
    names = []

    def get_weather() -> dict[str, str]:
        names.append(threading.current_thread().name)
        return {"forecast": "sunny"}

    at = desk(get_weather)
    at.called(call())
    assert at.output() == {"forecast": "sunny"}
    assert at.next() == RESPOND
    assert names == ["reelthyme-tool-1"]


def test_an_output_does_not_wait_for_the_response_but_going_on_does(desk):
    at = desk(lambda: 1)
    at.runner.hear(begun())
    at.runner.hear(item_done(call()))
    assert at.output() == 1
    assert at.rest() == []
    at.runner.hear(done(call()))
    assert at.next() == RESPOND


def test_several_calls_run_at_once_and_one_response_follows(desk, gate):
    at = desk(gate)
    at.called(call(1), call(2), call(3))
    for _ in range(3):
        assert gate.began.acquire(timeout=PATIENCE)
    gate.open.set()
    assert sorted(at.next().call_id for _ in range(3)) == ["call_1", "call_2", "call_3"]
    assert at.next() == RESPOND


def test_only_so_many_run_at_once_and_the_others_wait_in_order(desk, gate):
    at = desk(gate, at_once=2)
    at.called(*map(call, range(5)))
    assert gate.began.acquire(timeout=PATIENCE)
    assert gate.began.acquire(timeout=PATIENCE)
    assert len(gate.calls) == 2
    gate.open.set()
    for _ in range(5):
        at.next()
    assert sorted(each.call_id for each in gate.calls[:2]) == ["call_0", "call_1"]
    assert len(gate.calls) == 5
    assert at.next() == RESPOND


def test_one_that_takes_too_long_is_answered_for_and_makes_room(desk, gate):
    at = desk(gate, timeout=0.05, at_once=1)
    at.runner.add(Tool.of(lambda: 2, name="quick"), timeout=None)
    at.called(call(1), FunctionCall(call_id="call_2", name="quick", arguments="{}", status="completed"))
    assert at.output() == {"error": "get_weather timed out after 0.05 s"}
    assert at.output() == 2
    assert at.next() == RESPOND
    assert isinstance(at.failures.get(timeout=PATIENCE), TimeoutError)
    assert gate.calls[0].cancelled
    gate.open.set()
    assert gate.ended.acquire(timeout=PATIENCE)
    assert at.rest() == []


def test_a_tool_may_have_its_own_time_or_none(desk, gate):
    at = desk(gate, timeout=0.001, timeout_of_tool=None)
    at.called(call())
    assert gate.began.acquire(timeout=PATIENCE)
    assert clocks() == []
    gate.open.set()
    assert at.output() == "let go"


def test_the_clock_runs_only_while_something_runs(desk, gate):
    at = desk(gate, timeout=300.0)
    at.called(call(1), call(2))
    assert gate.began.acquire(timeout=PATIENCE)
    (clock,) = clocks()
    gate.open.set()
    at.next(), at.next()
    clock.join(PATIENCE)
    assert not clock.is_alive()


def test_what_a_function_raises_is_told_to_the_model_and_to_the_owner(desk):
    def get_weather() -> str:
        raise LookupError("no such city")

    at = desk(get_weather)
    at.called(call())
    assert at.output() == {"error": "LookupError: no such city"}
    assert at.next() == RESPOND
    assert str(at.failures.get(timeout=PATIENCE)) == "no such city"


def test_arguments_that_do_not_fit_are_told_to_the_model_alone(desk):
    def get_weather(city: str) -> str:
        return city

    at = desk(get_weather)
    at.called(call())
    assert "missing required field `city`" in at.output()["error"]
    assert at.next() == RESPOND
    assert at.failures.empty()


def test_a_result_that_is_no_json_is_a_failure_of_the_function(desk):
    at = desk(lambda: object())
    at.called(call())
    assert at.output()["error"].startswith("TypeError: the result of get_weather cannot be made JSON")
    assert isinstance(at.failures.get(timeout=PATIENCE), TypeError)


def test_even_one_that_ends_its_thread_is_answered(desk, caplog):
    at = desk(lambda: sys.exit(3))
    at.called(call())
    assert at.output() == {"error": "SystemExit: 3"}
    assert at.next() == RESPOND


def test_nothing_is_null(desk):
    at = desk(lambda: None)
    at.called(call())
    assert at.output() is None


@pytest.mark.parametrize("call_id", [None, "call_1"])
def test_cancelled(desk, gate, call_id):
    at = desk(gate, at_once=1)
    at.called(call(1))
    assert gate.began.acquire(timeout=PATIENCE)
    at.runner.cancel(call_id)
    at.runner.cancel(call_id)
    at.runner.cancel("unknown")
    assert at.output() == {"error": "cancelled"}
    assert at.next() == RESPOND
    assert gate.calls[0].cancelled
    gate.open.set()
    assert gate.ended.acquire(timeout=PATIENCE)
    at.called(call(2), response="r2")
    assert at.output() == "let go"
    assert at.next() == RESPOND
    assert at.rest() == []


def test_what_waits_is_cancelled_before_it_runs(desk, gate):
    at = desk(gate, at_once=1)
    at.called(call(1), call(2))
    assert gate.began.acquire(timeout=PATIENCE)
    at.runner.cancel("call_2")
    assert at.next().call_id == "call_2"
    gate.open.set()
    assert at.next().call_id == "call_1"
    assert at.next() == RESPOND
    assert len(gate.calls) == 1


def test_what_is_cancelled_before_its_thread_gets_to_run_is_not_begun(desk, gate, monkeypatch):
    made = []
    monkeypatch.setattr(
        "reelthyme_sync.tool_runner.Worker", lambda _name, target, _ended: made.append(target) or Mock()
    )
    at = desk(gate)
    at.called(call())
    at.runner.cancel()
    (begin,) = made
    begin()
    assert at.output() == {"error": "cancelled"}
    assert gate.calls == []


def test_a_call_of_an_unknown_function_is_left_to_the_application_and_waited_for(desk):
    at = desk(lambda: 1)
    theirs = FunctionCall(call_id="theirs", name="unknown", arguments="{}", status="completed")
    at.called(call(), theirs)
    assert at.output() == 1
    answer = FunctionCallOutput(call_id="theirs", output="2")
    at.runner.note_sent(ConversationItemCreate(item=answer))
    assert at.rest() == []
    at.runner.hear(ConversationItemAdded(item=answer))
    assert at.next() == RESPOND


CLOCK = FunctionTool(name="clock")


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        ([SessionCreated(session=RealtimeSession(tools=[]))], True),
        ([SessionCreated(session=RealtimeSession(tools=[CLOCK]))], False),
        ([SessionCreated(session=RealtimeSession())], False),  # the server does not say
        ([SessionCreated(session=RealtimeSession(tools=[], prompt={"id": "p"}))], False),
        (
            [SessionCreated(session=RealtimeSession(tools=[])), SessionUpdate(session=RealtimeSession(tools=[CLOCK]))],
            False,
        ),
        (
            [SessionCreated(session=RealtimeSession(tools=[])), ResponseCreate(response=ResponseParams(tools=[CLOCK]))],
            False,
        ),
        (
            [SessionCreated(session=RealtimeSession(tools=[CLOCK])), SessionUpdate(session=RealtimeSession(tools=[]))],
            True,
        ),
        (
            [
                SessionCreated(session=RealtimeSession(tools=[])),
                SessionUpdated(session=RealtimeSession(instructions="x")),
            ],
            True,
        ),
    ],
)
def test_a_call_of_what_was_never_declared_or_is_not_any_more_is_answered_for(desk, said, answered):
    at = desk()
    for event in said:
        (at.runner.note_sent if isinstance(event, ClientEvent) else at.runner.hear)(event)
    called = FunctionCall(call_id="c", name="clock", arguments="{}", status="completed")
    assert at.runner.answers([called]) is answered
    at.called(called)
    if answered:
        assert at.output() == {"error": 'Tool "clock" has not been added'}
        assert at.next() == RESPOND
    assert at.rest() == []


def test_what_the_service_said_before_we_came_counts_too(desk):
    at = desk()
    at.runner.take_over(RealtimeSession(tools=[CLOCK]))
    assert not at.runner.answers([FunctionCall(name="clock", arguments="{}")])
    assert at.runner.answers([FunctionCall(name="ghost", arguments="{}")])


def test_the_owner_is_told_from_which_responses_the_model_goes_on(desk):
    told = queue.Queue()
    runner = ToolRunner(ordinal=1, send=lambda _: None, respond=told.put, failed=pytest.fail)
    runner.add(Tool.of(lambda: 1, name="get_weather"))
    with closing(runner):
        for event in (begun("r7"), item_done(call(), "r7"), done(call(), response="r7")):
            runner.hear(event)
        assert list(told.get(timeout=PATIENCE)) == ["r7"]


def test_what_is_forgone_is_answered_but_the_model_does_not_go_on(desk, gate):
    at = desk(gate)
    at.called(call())
    assert gate.began.acquire(timeout=PATIENCE)
    assert at.runner.forgo("another") == []
    assert at.runner.forgo() == ["r1"]
    gate.open.set()
    assert at.output() == "let go"
    join_calls()
    assert at.rest() == []


def test_a_response_under_way_is_forgone_with_all_that_it_still_calls(desk):
    at = desk(lambda: 1)
    at.runner.hear(begun())
    assert at.runner.forgo() == ["r1"]
    at.runner.hear(item_done(call()))
    at.runner.hear(done(call()))
    assert at.output() == 1
    join_calls()
    assert at.rest() == []


def test_a_call_that_the_application_has_answered_first_is_not_run(desk, gate):
    at = desk(gate, at_once=1)
    at.called(call(1), call(2))
    assert gate.began.acquire(timeout=PATIENCE)
    answer = FunctionCallOutput(call_id="call_2", output="2")
    at.runner.note_sent(ConversationItemCreate(item=answer))
    at.runner.hear(ConversationItemAdded(item=answer))
    gate.open.set()
    assert at.next().call_id == "call_1"
    assert at.next() == RESPOND
    join_calls()
    assert len(gate.calls) == 1


def test_after_close_nothing_is_sent(desk, gate):
    at = desk(gate, at_once=1)
    at.called(call(1), call(2))
    assert gate.began.acquire(timeout=PATIENCE)
    (clock,) = clocks()
    at.runner.close()
    at.runner.close()
    clock.join(PATIENCE)
    assert not clock.is_alive()
    assert gate.calls[0].cancelled
    gate.open.set()
    assert gate.ended.acquire(timeout=PATIENCE)
    at.called(call(3), response="r2")
    join_calls()
    at.runner.cancel()
    assert at.rest() == []
    assert len(gate.calls) == 1


def test_the_end_of_the_session_is_the_quiet_end_of_the_tools():
    tried, failures = threading.Event(), []

    def send(_event):
        tried.set()
        raise ConnectionClosed("over")

    runner = ToolRunner(ordinal=1, send=send, respond=pytest.fail, failed=failures.append)
    runner.add(Tool.of(lambda: 1, name="get_weather"))
    runner.hear(done(call()))
    assert tried.wait(PATIENCE)
    assert failures == []


def test_what_cannot_be_sent_does_not_keep_the_model_waiting():
    told, failures = queue.Queue(), queue.Queue()

    def send(_event):
        raise ValueError("a hook refuses it")

    runner = ToolRunner(ordinal=1, send=send, respond=lambda _: told.put(RESPOND), failed=failures.put)
    runner.add(Tool.of(lambda: 1, name="get_weather"))
    runner.hear(done(call()))
    assert told.get(timeout=PATIENCE) == RESPOND
    assert str(failures.get(timeout=PATIENCE)) == "a hook refuses it"
    runner.close()


def test_a_function_may_use_everything_that_it_is_run_by(desk):
    at = desk()

    def get_weather(call: ToolCall) -> str:
        at.runner.add(Tool.of(lambda: 1, name="another"))
        at.runner.remove("another")
        at.runner.cancel("another")
        at.runner.note_sent(ResponseCreate())
        assert at.runner.declarations
        at.runner.cancel(call.call_id)
        at.runner.close()
        return "late"

    at.runner.add(Tool.of(get_weather))
    at.called(call())
    assert at.output() == {"error": "cancelled"}


def test_tools_are_known_by_name_once(desk):
    at = desk(lambda: 1)
    assert [declaration.name for declaration in at.runner.declarations] == ["get_weather"]
    with pytest.raises(ValueError, match='"get_weather" already added'):
        at.runner.add(Tool.of(lambda: 1, name="get_weather"))
    at.runner.remove("get_weather")
    assert at.runner.declarations == []
    with pytest.raises(ValueError, match='"get_weather" does not exist'):
        at.runner.remove("get_weather")


def test_an_approval_is_given_by_whoever_may(desk):
    at = desk()
    at.runner.approver = lambda request: request.server_label == "maps"
    at.called(APPROVAL)
    answer = at.next()
    assert isinstance(answer, McpApprovalResponse)
    assert (answer.approval_request_id, answer.approve) == ("mcpr_1", True)
    assert len(answer.id) <= 32
    assert at.next() == RESPOND


@pytest.mark.parametrize("decision", [1, "yes", "", None, {"approve": True}])
def test_nothing_but_true_is_a_yes(desk, decision):
    at = desk()
    at.runner.approver = lambda request: decision
    at.called(APPROVAL)
    answer = at.next()
    assert (answer.approve, answer.reason) == (False, "yes" if decision == "yes" else UNSET)


def test_an_approver_that_fails_refuses(desk):
    def approver(_request):
        raise LookupError("nobody to ask")

    at = desk()
    at.runner.approver = approver
    at.called(APPROVAL)
    answer = at.next()
    assert (answer.approve, answer.reason) == (False, "LookupError: nobody to ask")
    assert str(at.failures.get(timeout=PATIENCE)) == "nobody to ask"


def test_without_an_approver_the_application_answers(desk):
    at = desk()
    at.called(APPROVAL)
    assert at.rest() == []


def test_when_ends_and_deadlines_and_cancels_meet_each_call_is_still_answered_once(desk):
    """The deadline is about as long as the function takes, and another thread cancels all the while."""
    moment = threading.Event()
    at = desk(lambda: moment.wait(0.002), at_once=4, timeout=0.002)
    over = threading.Event()

    def cancel_again_and_again():
        number = 0
        while not over.wait(0.0005):
            at.runner.cancel(f"call_{number % 300}")
            number += 7

    canceller = threading.Thread(target=cancel_again_and_again)
    canceller.start()
    for number in range(0, 300, 3):
        at.called(*map(call, range(number, number + 3)), response=f"r{number}")
    sent = [at.next() for _ in range(400)]
    over.set()
    canceller.join(PATIENCE)
    answered = [item.call_id for item in sent if item != RESPOND]
    assert sorted(answered) == sorted(f"call_{number}" for number in range(300))
    assert sent.count(RESPOND) == 100
    for number in range(0, 300, 3):
        batch = [f"call_{each}" for each in range(number, number + 3)]
        last = max(place for place, item in enumerate(sent) if item != RESPOND and item.call_id in batch)
        assert RESPOND in sent[last:]
    assert at.rest() == []


def test_over_a_real_socket_the_call_is_answered_and_the_answer_told(realtime_server):
    def get_weather(city: str) -> dict[str, str]:
        """Get the weather forecast of a city."""
        return {"forecast": f"sunny in {city}"}

    asked = UserMessage(content=[InputText(text="What is the weather in Paris?")])
    with (
        connect(url=realtime_server.url) as session,
        closing(
            ToolRunner(
                ordinal=session.ordinal,
                send=session.send,
                respond=lambda _: session.send(ResponseCreate()),
                failed=pytest.fail,
            )
        ) as runner,
    ):
        runner.add(Tool.of(get_weather))
        session.intercept(lambda event: bool(runner.hear(event)))
        session.send(SessionUpdate(session=RealtimeSession(output_modalities=["text"], tools=runner.declarations)))
        session.send(ConversationItemCreate(item=asked))
        session.send(ResponseCreate())
        while not isinstance(event := session.receive(timeout=PATIENCE), ResponseOutputTextDone):
            assert not isinstance(event, Error), event
    assert "sunny in Paris" in event.text


@given(st.lists(st.sampled_from(["call", "let go", "cancel", "cancel one", "close", "again"]), max_size=12))
@settings(max_examples=60)
def test_whatever_happens_each_call_is_answered_once_at_most_and_once_if_it_can_be(steps):
    at, gate = Desk(at_once=2, timeout=300.0), Gate()
    at.runner.add(Tool.of(gate, name="get_weather"))
    called, closed, last = 0, False, None
    for step in steps:
        match step:
            case "call":
                last = [call(called), call(called + 1)]
                called += 0 if closed else 2
                at.called(*last, response=f"r{called}")
            case "again" if last:
                at.called(*last, response=f"r{called}")
            case "let go":
                gate.open.set()
            case "cancel":
                at.runner.cancel()
            case "cancel one":
                at.runner.cancel(f"call_{called - 1}")
            case "close":
                closed = True
                at.runner.close()
    gate.open.set()
    ids, follow_ups = [], 0
    while not closed and (len(ids) < called or follow_ups < called / 2):
        item = at.next()
        follow_ups += item == RESPOND
        ids += [] if item == RESPOND else [item.call_id]
    at.runner.close()
    assert len(set(ids)) == len(ids)
    assert RESPOND not in at.rest() or closed
