"""Which calls are met, each once, and when the model is asked to go on."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reelthyme_sync.events import (
    ConversationItemAdded,
    ConversationItemCreate,
    ConversationItemDone,
    Disconnected,
    FunctionCall,
    FunctionCallOutput,
    McpApprovalRequest,
    McpApprovalResponse,
    Reconnected,
    Response,
    ResponseCreated,
    ResponseDone,
    ResponseFunctionCallArgumentsDone,
    ResponseOutputItemDone,
)
from reelthyme_sync.tools.calls import Calls

APPROVAL = McpApprovalRequest(id="mcpr_1", server_label="maps", name="route", arguments="{}")


@pytest.fixture
def calls():
    return Calls()


def call(number: int = 1, status: str = "completed") -> FunctionCall:
    return FunctionCall(
        id=f"item_{number}", call_id=f"call_{number}", name="get_weather", arguments="{}", status=status
    )


def begun(response: str = "r1", **fields) -> ResponseCreated:
    return ResponseCreated(response=Response(id=response, **{"conversation_id": "conv_1", **fields}))


def item_done(item, response: str = "r1") -> ResponseOutputItemDone:
    return ResponseOutputItemDone(response_id=response, item=item)


def done(*output, response: str = "r1", status: str = "completed", **fields) -> ResponseDone:
    fields = {"conversation_id": "conv_1", **fields}
    return ResponseDone(response=Response(id=response, status=status, output=list(output), **fields))


def output(number: int = 1) -> FunctionCallOutput:
    return FunctionCallOutput(call_id=f"call_{number}", output="1")


def met(calls: Calls, *events) -> list[str]:
    questions = [question for event in events for question in calls.hear(event)]
    return [getattr(question, "call_id", None) or question.id for question in questions]


def test_a_call_is_met_as_soon_as_it_is_complete_and_only_then(calls):
    told_again = [
        ResponseFunctionCallArgumentsDone(response_id="r1", call_id="call_1", arguments="{}"),
        ConversationItemDone(item=call()),
        item_done(call()),
        done(call()),
        done(call()),
    ]
    calls.hear(begun())
    (question,) = calls.hear(item_done(call()))
    assert (question.call_id, question.item_id, question.response_id) == ("call_1", "item_1", "r1")
    assert (question.name, question.arguments, question.cancelled) == ("get_weather", "{}", False)
    assert met(calls, *told_again) == []


@pytest.mark.parametrize("status", ["incomplete", "in_progress"])
def test_a_call_that_was_cut_short_is_never_run(calls, status):
    for end in ("cancelled", "incomplete", "completed"):
        assert met(calls, begun(), item_done(call(status=status)), done(call(status=status), status=end)) == []
        assert not calls.take_due()


def test_one_without_a_status_is_as_its_response(calls):
    unsaid = FunctionCall(call_id="call_1", name="get_weather", arguments="{}")
    other = FunctionCall(call_id="call_2", name="get_weather", arguments="{}")
    assert met(calls, begun(), item_done(unsaid)) == []
    assert met(calls, done(unsaid)) == ["call_1"]
    assert met(calls, done(other, response="r2", status="cancelled")) == []


@pytest.mark.parametrize("news", [Disconnected(), Reconnected(planned=True)])
def test_a_new_server_may_use_the_same_ids(calls, news):
    assert met(calls, item_done(call()), news, done(call(), status="failed"), item_done(call(), "r2")) == ["call_1"]
    assert met(calls, news, item_done(call(), "r3")) == ["call_1"]


def test_a_call_without_an_id_cannot_be_answered(calls):
    assert met(calls, done(FunctionCall(name="get_weather", arguments="{}"))) == []


def test_the_model_goes_on_once_after_the_last_answer_and_the_end_of_the_response(calls):
    met(calls, begun(), item_done(call(1)), item_done(call(2)))
    assert calls.answer("call_1")
    calls.sent("call_1")
    assert calls.answer("call_2")
    calls.sent("call_2")
    assert not calls.take_due()
    met(calls, done(call(1), call(2)))
    assert calls.take_due()
    assert not calls.take_due()
    met(calls, done(call(1), call(2)))
    assert not calls.take_due()


def test_an_answer_that_is_only_on_its_way_is_waited_for(calls):
    met(calls, begun(), item_done(call()), done(call()))
    assert calls.answer("call_1")
    assert not calls.take_due()
    calls.sent("call_1")
    assert calls.take_due()


@pytest.mark.parametrize("status", ["cancelled", "failed"])
def test_after_a_response_that_was_cut_short_it_does_not_go_on(calls, status):
    met(calls, begun(), item_done(call()), done(call(), status=status))
    assert calls.answer("call_1")
    calls.sent("call_1")
    assert not calls.take_due()


def test_after_one_that_was_too_long_it_does(calls):
    met(calls, begun(), item_done(call()), done(call(), status="incomplete"))
    calls.answer("call_1")
    calls.sent("call_1")
    assert calls.take_due()


def test_each_is_answered_once(calls):
    met(calls, item_done(call()))
    assert calls.answer("call_1")
    assert not calls.answer("call_1")
    calls.sent("call_1")
    assert not calls.answer("call_1")
    assert not calls.answer("unheard of")


def test_what_the_application_answers_is_waited_for_until_it_has_arrived(calls):
    met(calls, begun(), item_done(call(1)), item_done(call(2)), done(call(1), call(2)))
    calls.answer("call_1")
    calls.sent("call_1")
    calls.note_sent(ConversationItemCreate(item=output(2)))
    assert not calls.answer("call_2")
    assert not calls.take_due()  # it may not have gone out yet
    met(calls, ConversationItemAdded(item=output(2)))
    assert calls.take_due()


def test_after_its_own_answers_alone_the_application_asks_by_itself(calls):
    met(calls, item_done(call()), done(call()), ConversationItemAdded(item=output()))
    assert not calls.take_due()
    assert not calls.answer("call_1")


def test_our_own_answer_that_comes_back_is_not_taken_for_the_applications(calls):
    met(calls, item_done(call()), done(call()))
    calls.answer("call_1")
    calls.note_sent(ConversationItemCreate(item=output()))
    met(calls, ConversationItemAdded(item=output()))
    calls.sent("call_1")
    assert calls.take_due()


def test_calls_beside_the_conversation_are_the_applications(calls):
    met(calls, begun("r0"), done(response="r0"))
    assert met(calls, begun("r1", conversation_id=None), item_done(call())) == []
    assert met(calls, done(call(), conversation_id=None), item_done(call())) == []
    assert met(calls, done(call(2), response="unseen", conversation_id=None), item_done(call(2), "unseen")) == []


def test_so_they_are_on_the_first_response_of_all_if_we_have_asked_for_it(calls):
    marked = {"conversation_id": None, "metadata": {"reelthyme_request": "ours_1"}}
    assert met(calls, begun("r1", **marked), item_done(call()), done(call(), **marked)) == []


def test_a_server_that_names_no_conversation_has_its_calls_answered(calls):
    assert met(calls, begun(conversation_id=None), item_done(call())) == ["call_1"]


def test_an_approval_is_asked_for_once_and_answered_once(calls):
    assert met(calls, begun(), item_done(APPROVAL), done(APPROVAL)) == ["mcpr_1"]
    assert calls.answer("mcpr_1")
    assert not calls.answer("mcpr_1")
    calls.sent("mcpr_1")
    assert calls.take_due()


def test_an_approval_that_the_application_gives_is_not_given_twice(calls):
    met(calls, item_done(APPROVAL), done(APPROVAL))
    response = McpApprovalResponse(id="yes", approval_request_id="mcpr_1", approve=True)
    calls.note_sent(ConversationItemCreate(item=response))
    assert not calls.answer("mcpr_1")
    met(calls, ConversationItemAdded(item=response))
    assert not calls.take_due()


EVENTS = st.sampled_from(
    [
        *(begun(response, conversation_id=place) for response in ("r1", "r2") for place in ("conv_1", None)),
        *(item_done(call(number, status), "r1") for number in (1, 2) for status in ("completed", "incomplete")),
        *(
            done(call(number), response="r1", status=status)
            for number in (1, 2)
            for status in ("completed", "cancelled")
        ),
        done(call(3), response="r2", conversation_id=None),
        item_done(APPROVAL, "r2"),
        ConversationItemAdded(item=output(2)),
        ConversationItemCreate(item=output(1)),
    ]
)


@given(st.lists(st.one_of(EVENTS, st.sampled_from(["answer", "sent"])), max_size=40))
@settings(max_examples=300)
def test_whatever_is_told_in_whatever_order_each_is_met_and_answered_once(steps):
    calls = Calls()
    seen, answered, on_their_way, asked_to_go_on = [], [], [], 0
    for step in steps:
        if step == "answer":
            answered += (claimed := [each for each in seen if calls.answer(each)])
            on_their_way += claimed
        elif step == "sent":
            while on_their_way:
                calls.sent(on_their_way.pop())
        elif isinstance(step, ConversationItemCreate):
            calls.note_sent(step)
        else:
            seen += met(calls, step)
        asked_to_go_on += len(calls.take_due())
    assert len(set(seen)) == len(seen)
    assert len(set(answered)) == len(answered)
    assert asked_to_go_on <= len(answered)
