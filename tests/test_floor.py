"""The floor against a model of the service, which refuses what the real one refuses."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_service import BUSY, IDLE, Service, created, done, names, refused

from reelthyme_sync.events import Error, ErrorDetail, Response, ResponseCancel, ResponseCreate, ResponseCreated
from reelthyme_sync.floor import Floor


@pytest.fixture
def floor():
    return Floor("test")


def test_a_turn_is_answered(floor):
    assert floor.take() == []
    (create,) = floor.hand_over()
    assert isinstance(create, ResponseCreate)
    assert floor.hear(created("r1")) == []
    assert floor.hear(done("r1")) == []


def test_an_active_response_is_cancelled_once_and_the_answer_waits_for_its_end(floor):
    floor.hear(created("r1"))
    (cancel,) = floor.take()
    assert (cancel.type, cancel.response_id) == ("response.cancel", "r1")
    assert floor.take() == []
    assert floor.hand_over() == []
    assert names(floor.hear(done("r1"))) == ["response.create"]


def test_nothing_is_cancelled_when_nothing_is_active(floor):
    floor.hear(created("r1"))
    floor.hear(done("r1"))
    assert floor.take() == []


def test_an_answer_in_flight_is_cancelled_when_it_appears(floor):
    floor.hand_over()
    assert floor.take() == []
    (cancel,) = floor.hear(created("r1"))
    assert cancel.response_id == "r1"
    floor.leave()
    assert floor.hear(done("r1")) == []


def test_so_it_is_when_the_next_turn_is_over_before_it_appears(floor):
    floor.hand_over()
    floor.take()
    assert floor.hand_over() == []
    assert names(floor.hear(created("r1"))) == ["response.cancel"]
    assert names(floor.hear(done("r1"))) == ["response.create"]


def test_a_response_beside_the_conversation_does_not_matter(floor):
    floor.hear(created("r1"))
    floor.hear(done("r1"))
    floor.hear(ResponseCreated(response=Response(id="beside")))
    assert floor.take() == []
    assert names(floor.hand_over()) == ["response.create"]


def test_a_server_that_names_no_conversation_is_interrupted_too(floor):
    floor.hear(ResponseCreated(response=Response(id="r1")))
    (cancel,) = floor.take()
    assert cancel.response_id == "r1"
    floor.leave()
    assert floor.hear(done("r1")) == []


def test_a_response_of_somebody_else_is_cancelled_while_the_user_talks(floor):
    floor.take()
    assert names(floor.hear(created("r1"))) == ["response.cancel"]


def test_refused_because_of_a_response_that_nobody_saw_begin(floor):
    (create,) = floor.hand_over()
    refusal = refused(create, BUSY)
    assert floor.settles(refusal)
    (cancel,) = floor.hear(refusal)
    assert (cancel.type, cancel.response_id or None) == ("response.cancel", None)
    assert names(floor.hear(done("unseen"))) == ["response.create"]


def test_refused_because_of_a_response_that_has_ended_meanwhile(floor):
    (create,) = floor.hand_over()
    (cancel,) = floor.hear(refused(create, BUSY))
    refusal = refused(cancel, IDLE)
    assert floor.settles(refusal)
    assert names(floor.hear(refusal)) == ["response.create"]


def test_refused_while_the_user_talks_again(floor):
    (create,) = floor.hand_over()
    floor.take()
    assert floor.hear(refused(create, BUSY)) == []
    assert names(floor.hand_over()) == ["response.create"]


def test_refused_for_another_reason_is_for_the_user(floor):
    (create,) = floor.hand_over()
    refusal = refused(create, "insufficient_quota")
    assert not floor.settles(refusal)
    assert floor.hear(refusal) == []
    floor.take()
    assert names(floor.hand_over()) == ["response.create"]


def test_a_cancel_that_crosses_the_end_is_no_news(floor):
    floor.hear(created("r1"))
    (cancel,) = floor.take()
    assert floor.hear(done("r1")) == []
    refusal = refused(cancel, IDLE)
    assert floor.settles(refusal)
    assert floor.hear(refusal) == []


def test_refusals_of_others_are_not_ours(floor):
    floor.hand_over()
    assert not floor.settles(refused(ResponseCancel(event_id="yours"), IDLE))
    assert not floor.settles(Error(error=ErrorDetail(code=BUSY)))
    assert floor.hear(refused(ResponseCreate(event_id="yours"), BUSY)) == []


STEPS = ["take", "leave", "hand_over", "hear", "hear", "serve", "serve", "end", "others"]


@given(st.lists(st.sampled_from(STEPS), max_size=60))
@settings(max_examples=500)
def test_whatever_crosses_whatever_the_last_turn_is_answered_and_no_refusal_reaches_the_user(steps):
    floor, service, waiting, held = Floor("test"), Service(), False, False

    def hear() -> None:
        event = service.outbox.popleft()
        if isinstance(event, Error):
            assert floor.settles(event)
        service.inbox.extend(floor.hear(event))

    for step in steps:
        match step:
            case "take" if not held:
                held, waiting = True, False
                service.inbox.extend(floor.take())
            case "leave" if held:
                held = False
                floor.leave()
            case "hand_over" if held:
                held, waiting = False, True
                service.turn += 1
                service.inbox.extend(floor.hand_over())
            case "hear" if service.outbox:
                hear()
            case "serve":
                service.take_one()
            case "end":
                service.end()
            case "others":
                service.begin()
    for _ in range(100):
        service.take_one()
        while service.outbox:
            hear()
    assert not service.inbox
    if held:
        assert service.active is None
    if waiting:
        assert service.answered_turn == service.turn
