"""Responses one at a time, against a model of the service, which refuses what the real one refuses."""

from __future__ import annotations

import itertools
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_service import BUSY, IDLE, Service, created, done, names, refused
from test_reconnect import Service as Network
from test_reconnect import open_session, until

from reelthyme_sync.errors import InvalidEvent, ResponseActive
from reelthyme_sync.events import (
    ConversationItemCreate,
    Disconnected,
    Error,
    ErrorDetail,
    InputText,
    Reconnected,
    ResponseCancel,
    ResponseCreate,
    ResponseParams,
    ServerEvent,
    UserMessage,
)
from reelthyme_sync.sequencer import Request, ResponseSequencer

BESIDE = ResponseParams(conversation="none", input=[])


@pytest.fixture
def sequencer():
    return ResponseSequencer("test")


def begin(sequencer: ResponseSequencer, response: str = "r1") -> Request:
    request, _ = sequencer.create()
    sequencer.hear(created(response))
    return request


def test_a_request_is_followed_from_its_sending_to_the_end_of_its_response(sequencer):
    assert sequencer.state == "free"
    request, (event,) = sequencer.create(ResponseParams(instructions="be brief"))
    assert (event.type, event.event_id, event.response.instructions) == (
        "response.create",
        request.event_id,
        "be brief",
    )
    assert sequencer.state == "requested"
    assert sequencer.hear(created("r1")) == []
    assert (sequencer.state, request.response_id, request.done) == ("active", "r1", False)
    assert sequencer.hear(done("r1")) == []
    assert (sequencer.state, request.response_id, request.done, request.error) == ("free", "r1", True, None)


def test_requests_wait_their_turn_in_order(sequencer):
    first = begin(sequencer)
    (second, nothing), (third, nothing_either) = sequencer.create(), sequencer.create()
    assert nothing == nothing_either == []
    (event,) = sequencer.hear(done("r1"))
    assert (first.done, event.event_id) == (True, second.event_id)
    assert sequencer.hear(done("r1")) == []  # told twice
    sequencer.hear(created("r2"))
    (event,) = sequencer.hear(done("r2"))
    assert event.event_id == third.event_id


@pytest.mark.parametrize("state", ["requested", "active", "cancelling"])
def test_one_that_is_not_to_wait_is_refused_in_the_callers_frame(sequencer, state):
    sequencer.create()
    if state != "requested":
        sequencer.hear(created("r1"))
    if state == "cancelling":
        sequencer.cancel()
    assert sequencer.state == state
    with pytest.raises(ResponseActive, match="cancel it, or wait"):
        sequencer.create(wait=False)
    sequencer.create(BESIDE, wait=False)


def test_a_response_of_the_servers_own_is_waited_for_too(sequencer):
    sequencer.hear(created("r1"))
    assert sequencer.state == "active"
    request, events = sequencer.create()
    assert events == []
    assert [event.event_id for event in sequencer.hear(done("r1"))] == [request.event_id]


def test_one_of_the_servers_own_that_crosses_ours_does_not_count_for_it(sequencer):
    request, (event,) = sequencer.create()
    sequencer.hear(created("vad"))
    refusal = refused(event, BUSY)
    assert sequencer.settles(refusal)
    assert sequencer.hear(refusal) == []
    assert (request.response_id, request.done, request.error) == (None, False, None)
    assert [event.event_id for event in sequencer.hear(done("vad"))] == [request.event_id]
    sequencer.hear(created("r1"))
    assert request.response_id == "r1"


def test_what_was_asked_for_first_stays_first(sequencer):
    request, (event,) = sequencer.create()
    sequencer.create()
    sequencer.hear(created("vad"))
    sequencer.hear(refused(event, BUSY))
    assert [event.event_id for event in sequencer.hear(done("vad"))] == [request.event_id]


def test_nor_when_it_is_over_before_the_refusal_comes(sequencer):
    request, (event,) = sequencer.create()
    for told in (created("vad"), done("vad"), created("another")):
        sequencer.hear(told)
    assert sequencer.hear(refused(event, BUSY)) == []
    assert (request.response_id, request.done) == (None, False)
    assert [event.event_id for event in sequencer.hear(done("another"))] == [request.event_id]


def test_refused_for_good(sequencer):
    request, (event,) = sequencer.create()
    following, _ = sequencer.create()
    refusal = refused(event, "invalid_value")
    assert not sequencer.settles(refusal)
    assert [event.event_id for event in sequencer.hear(refusal)] == [following.event_id]
    assert (request.error, request.done) == (refusal, True)
    assert following.error is None


def test_cancelled_once_and_the_next_waits_for_the_end(sequencer):
    begin(sequencer)
    (cancel,) = sequencer.cancel()
    assert (cancel.type, cancel.response_id) == ("response.cancel", "r1")
    assert sequencer.cancel() == []
    assert sequencer.create()[1] == []
    assert names(sequencer.hear(done("r1", status="cancelled"))) == ["response.create"]


def test_a_cancel_drops_what_waits(sequencer):
    begin(sequencer)
    waiting, _ = sequencer.create()
    sequencer.cancel()
    assert (waiting.done, waiting.response_id, waiting.error) == (True, None, None)
    assert sequencer.hear(done("r1")) == []


def test_a_cancel_before_the_response_has_begun_reaches_it_when_it_begins(sequencer):
    sequencer.create()
    assert sequencer.cancel() == []
    (cancel,) = sequencer.hear(created("r1"))
    assert cancel.response_id == "r1"


def test_a_cancelled_request_that_is_refused_is_not_asked_for_again(sequencer):
    request, (event,) = sequencer.create()
    sequencer.cancel()
    assert sequencer.hear(refused(event, BUSY)) == []
    assert request.done


def test_nothing_to_cancel(sequencer):
    assert sequencer.cancel() == sequencer.cancel("r1") == []
    begin(sequencer)
    assert sequencer.cancel("another") == []
    sequencer.hear(done("r1"))
    assert sequencer.cancel() == sequencer.cancel("r1") == []


def test_one_alone_is_cancelled_and_the_next_begins(sequencer):
    begin(sequencer)
    waiting, _ = sequencer.create()
    (cancel,) = sequencer.cancel("r1")
    assert cancel.response_id == "r1"
    assert not waiting.done
    assert names(sequencer.hear(done("r1"))) == ["response.create"]


def test_a_cancel_that_crosses_the_end_is_nobodys_fault(sequencer):
    begin(sequencer)
    (cancel,) = sequencer.cancel()
    sequencer.hear(done("r1"))
    refusal = refused(cancel, IDLE)
    assert sequencer.settles(refusal)
    assert sequencer.hear(refusal) == []
    assert sequencer.state == "free"


def test_a_refused_cancel_tells_of_an_end_that_was_not_told(sequencer):
    request = begin(sequencer)
    (cancel,) = sequencer.cancel()
    sequencer.create()
    assert names(sequencer.hear(refused(cancel, IDLE))) == ["response.create"]
    assert request.done


def test_a_cancel_that_was_refused_for_another_reason_can_be_tried_again(sequencer):
    begin(sequencer)
    (cancel,) = sequencer.cancel()
    refusal = refused(cancel, "server_error")
    assert not sequencer.settles(refusal)
    assert sequencer.hear(refusal) == []
    assert sequencer.state == "active"
    assert names(sequencer.cancel()) == ["response.cancel"]


def test_a_beginning_that_is_told_again_changes_nothing(sequencer):
    request = begin(sequencer)
    beside, (event,) = sequencer.create(BESIDE)
    for _ in range(2):
        assert sequencer.hear(created("r1")) == []
        assert sequencer.hear(created("b1", conversation_id=None, metadata=event.response.metadata)) == []
    assert (request.done, beside.response_id) == (False, "b1")
    sequencer.hear(done("r1"))
    sequencer.hear(done("b1", conversation_id=None))
    assert (request.done, beside.done) == (True, True)
    sequencer.hear(created("r1"))
    assert sequencer.state == "free"


def test_beside_the_conversation_everything_is_sent_at_once(sequencer):
    begin(sequencer)
    request, (event,) = sequencer.create(ResponseParams(conversation="none", metadata={"topic": "mood"}))
    assert event.response.metadata == {"topic": "mood", "reelthyme_request": request.event_id}
    other, (another,) = sequencer.create(BESIDE)
    sequencer.hear(created("b2", conversation_id=None, metadata=another.response.metadata))
    sequencer.hear(created("b1", conversation_id=None, metadata=event.response.metadata))
    assert (request.response_id, other.response_id, sequencer.state) == ("b1", "b2", "active")
    (cancel,) = sequencer.cancel("b1")
    assert cancel.response_id == "b1"
    assert sequencer.cancel("b1") == []
    sequencer.hear(done("b1", conversation_id=None))
    assert (request.done, other.done, sequencer.state) == (True, False, "active")


def test_beside_on_a_server_that_gives_no_metadata_back(sequencer):
    begin(sequencer)
    request, _ = sequencer.create(BESIDE)
    sequencer.hear(created("b1", conversation_id=None))
    assert request.response_id == "b1"


def test_beside_on_a_server_that_names_no_conversations(sequencer):
    request, (event,) = sequencer.create(BESIDE)
    sequencer.hear(created("b1", conversation_id=None, metadata=event.response.metadata))
    assert (request.response_id, sequencer.state) == ("b1", "free")
    sequencer.hear(created("r1", conversation_id=None))
    assert sequencer.state == "active"


def test_beside_refused(sequencer):
    request, (event,) = sequencer.create(BESIDE)
    refusal = refused(event, BUSY)
    assert not sequencer.settles(refusal)
    sequencer.hear(refusal)
    assert (request.error, request.done) == (refusal, True)


def test_metadata_must_leave_room(sequencer):
    full = ResponseParams(conversation="none", metadata={f"key{number}": "" for number in range(16)})
    with pytest.raises(InvalidEvent, match="17 keys"):
        sequencer.create(full)
    assert sequencer.create(BESIDE)[1]


def test_what_a_request_is_to_answer_is_sent_right_before_it_and_once(sequencer):
    question = ConversationItemCreate(event_id="q", item=UserMessage(content=[InputText(text="?")]))
    begin(sequencer)
    request, events = sequencer.create(before=[question])
    assert events == []
    _, create = events = sequencer.hear(done("r1"))
    assert events == [question, create]
    assert create.event_id == request.event_id
    assert sequencer.hear(refused(create, BUSY)) == []
    assert sequencer.hear(Disconnected()) == [create]


def test_what_a_cancelled_request_was_to_answer_is_never_sent(sequencer):
    begin(sequencer)
    sequencer.create(before=[ConversationItemCreate(item=UserMessage(content=[]))])
    assert names(sequencer.cancel()) == ["response.cancel"]
    assert sequencer.hear(done("r1")) == []


def test_beside_the_conversation_what_is_to_be_answered_is_sent_at_once(sequencer):
    question = ConversationItemCreate(item=UserMessage(content=[]))
    begin(sequencer)
    assert names(sequencer.create(BESIDE, before=[question])[1]) == ["conversation.item.create", "response.create"]


def test_a_request_that_could_not_be_sent_stands_in_nobodys_way(sequencer):
    request, _ = sequencer.create()
    following, nothing = sequencer.create()
    assert nothing == []
    assert [event.event_id for event in sequencer.not_sent(request.event_id)] == [following.event_id]
    assert (request.done, request.error, request.response_id) == (True, None, None)
    assert sequencer.not_sent(request.event_id) == []
    sequencer.hear(created("r1"))
    assert following.response_id == "r1"


def test_beside_the_conversation_one_that_could_not_be_sent_is_not_waited_for(sequencer):
    request, _ = sequencer.create(BESIDE)
    assert sequencer.not_sent(request.event_id) == []
    assert request.done


def test_an_error_that_names_nothing_refuses_what_was_asked_for_last(sequencer):
    request, _ = sequencer.create()
    following, _ = sequencer.create()
    error = Error(error=ErrorDetail(type="server_error", message="The server had an error"))
    assert not sequencer.settles(error)
    assert [event.event_id for event in sequencer.hear(error)] == [following.event_id]
    assert (request.done, request.error) == (True, error)


def test_if_it_begins_all_the_same_it_is_one_of_the_servers_own(sequencer):
    request, _ = sequencer.create()
    sequencer.hear(Error(error=ErrorDetail(type="server_error")))
    sequencer.hear(created("r1"))
    assert (sequencer.state, request.response_id) == ("active", None)


def test_a_request_is_found_by_its_response_also_when_that_has_ended(sequencer):
    request = begin(sequencer)
    assert sequencer.find("r1") is request
    sequencer.hear(done("r1"))
    assert sequencer.find("r1") is request
    assert sequencer.find("r2") is None
    beside, (create,) = sequencer.create(BESIDE)
    sequencer.hear(created("r3", conversation_id=None, metadata=create.response.metadata))
    assert sequencer.find("r3") is beside


def test_what_the_application_sends_by_itself_is_waited_for(sequencer):
    sequencer.note_sent(ResponseCreate())
    assert sequencer.state == "requested"
    request, events = sequencer.create()
    assert events == []
    sequencer.hear(created("r1"))
    sequencer.note_sent(ResponseCancel())
    assert sequencer.state == "cancelling"
    assert sequencer.cancel("r1") == []
    assert [event.event_id for event in sequencer.hear(done("r1"))] == [request.event_id]


@pytest.mark.parametrize("event_id", [None, "given by the session"])
def test_an_error_that_is_not_ours_may_be_the_answer_to_a_request_without_an_id(sequencer, event_id):
    sequencer.note_sent(ResponseCreate())
    request, _ = sequencer.create()
    error = Error(error=ErrorDetail(code="invalid_value", event_id=event_id))
    assert not sequencer.settles(error)
    assert [event.event_id for event in sequencer.hear(error)] == [request.event_id]


def test_our_own_events_are_not_noted_twice(sequencer):
    _, (event,) = sequencer.create(BESIDE)
    sequencer.note_sent(event)
    sequencer.note_sent(ResponseCreate(response=BESIDE))
    assert sequencer.state == "free"


def test_what_was_asked_for_is_answered_by_the_next_server_because_the_session_asks_again(sequencer):
    request, _ = sequencer.create()
    assert sequencer.hear(Disconnected()) == sequencer.hear(Reconnected()) == []
    assert sequencer.state == "requested"
    sequencer.hear(created("r1"))
    assert request.response_id == "r1"


@pytest.mark.parametrize("news", [Disconnected(), Reconnected(planned=True)])
def test_a_new_server_may_use_the_same_ids(sequencer, news):
    begin(sequencer)
    sequencer.hear(done("r1"))
    sequencer.hear(news)
    assert begin(sequencer).response_id == "r1"


def test_what_was_in_the_way_and_unseen_is_gone_with_its_server(sequencer):
    _, (event,) = sequencer.create()
    sequencer.hear(refused(event, BUSY))
    assert sequencer.state == "active"
    assert names(sequencer.hear(Disconnected())) == ["response.create"]


@pytest.mark.parametrize("event", [done("r9"), refused(ResponseCreate(event_id="yours"), BUSY), Error()])
def test_what_is_not_ours_changes_nothing(sequencer, event):
    request = begin(sequencer)
    assert not sequencer.settles(event)
    assert sequencer.hear(event) == []
    assert (sequencer.state, request.done) == ("active", False)


def test_over_a_lost_connection_each_is_asked_for_once_more_if_it_was_not_answered():
    numbers = itertools.count(1)
    deaf = threading.Event()
    deaf.set()

    def reply(message):
        if message["type"] != "response.create" or deaf.is_set():
            return []
        response = {"id": f"r{next(numbers)}", "conversation_id": "conv_1", "status": "completed"}
        return [{"type": f"response.{what}", "response": response} for what in ("created", "done")]

    network = Network(reply)
    sequencer = ResponseSequencer("test")
    with open_session(network) as session:

        def route(event: ServerEvent) -> bool:
            for each in sequencer.hear(event):
                session.send(each)
            return False

        session.intercept(route)
        (first, events), (second, nothing) = sequencer.create(), sequencer.create()
        session.send(events[0])
        assert nothing == []
        network.first.wait_sent("response.create")
        deaf.clear()
        network.first.hang_up(None)
        until(session, "reelthyme.reconnected")
        until(session, "response.done")
        until(session, "response.done")
    asked = [message["event_id"] for message in network.transport(1).sent if message["type"] == "response.create"]
    assert asked == [first.event_id, second.event_id]
    assert (first.response_id, second.response_id) == ("r1", "r2")
    assert first.done
    assert second.done


STEPS = [
    "create",
    "create",
    "beside",
    "cancel",
    "cancel one",
    "hear",
    "hear",
    "serve",
    "serve",
    "end",
    "others",
    "again",
]


@given(st.lists(st.sampled_from(STEPS), max_size=80))
@settings(max_examples=500)
def test_whatever_crosses_whatever_every_request_ends_as_it_should_and_no_refusal_reaches_the_user(steps):
    sequencer, service = ResponseSequencer("test"), Service()
    requests: list[Request] = []
    wanted: set[str] = set()

    def send(events) -> None:
        service.inbox.extend(events)

    heard: list[ServerEvent] = []

    def hear() -> None:
        event = service.outbox.popleft()
        heard.append(event)
        if isinstance(event, Error):
            assert sequencer.settles(event)
        send(sequencer.hear(event))

    def create(*arguments) -> None:
        request, events = sequencer.create(*arguments)
        requests.append(request)
        wanted.add(request.event_id)
        send(events)

    for step in steps:
        match step:
            case "create":
                create()
            case "beside":
                create(BESIDE)
            case "cancel":
                wanted -= {request.event_id for request in requests if not request.done}
                send(sequencer.cancel())
            case "cancel one" if requests and (cancelled := requests[-1]).response_id is not None:
                wanted.discard(cancelled.event_id)
                send(sequencer.cancel(cancelled.response_id))
            case "hear" if service.outbox:
                hear()
            case "again" if heard and not isinstance(heard[-1], Error):
                send(sequencer.hear(heard[-1]))
            case "serve":
                service.take_one()
            case "end":
                service.end()
            case "others":
                service.begin()
    for _ in range(3 * len(steps) + 3):
        while service.inbox:
            service.take_one()
        while service.outbox:
            hear()
        service.end()
        for response in list(service.beside):
            service.end_beside(response)
    assert sequencer.state == "free"
    assert all(request.done and request.error is None for request in requests)
    assert wanted <= set(service.made_for.values())


@given(st.lists(st.sampled_from(["create", "cancel", "hear", "hear", "serve", "serve", "end", "others"]), max_size=80))
@settings(max_examples=300)
def test_never_two_of_ours_are_on_their_way_when_a_response_lasts_longer_than_a_message(steps):
    sequencer, service = ResponseSequencer("test"), Service()
    for step in steps:
        match step:
            case "create":
                service.inbox.extend(sequencer.create()[1])
            case "cancel":
                service.inbox.extend(sequencer.cancel())
            case "hear" if service.outbox:
                service.inbox.extend(sequencer.hear(service.outbox.popleft()))
            case "serve":
                service.take_one()
            case "end" if not service.inbox and not service.outbox:
                service.end()
            case "others":
                service.begin()
        assert names(service.inbox).count("response.create") <= 1
