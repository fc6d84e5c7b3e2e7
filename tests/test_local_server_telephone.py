"""The fake telephone: it rings by a webhook, and once it is answered talks and listens like somebody who has called."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from keys import TEST_WEBHOOK_SECRET
from webhook_endpoint import endpoint

from reelthyme_sync import RequestFailed, calls, connect, local_server, pcm
from reelthyme_sync.events import (
    ConversationItemTruncated,
    FunctionCall,
    InputAudioBufferDtmfEventReceived,
    OutputAudioBufferCleared,
    OutputAudioBufferStarted,
    OutputAudioBufferStopped,
    RealtimeCallIncoming,
    Response,
    ResponseCreate,
    ResponseDone,
    ResponseOutputAudioTranscriptDelta,
    ResponseParams,
)
from reelthyme_sync.local_server import HeardAnswer, Phone
from reelthyme_sync.local_server.call import Call, Terms
from reelthyme_sync.local_server.caller import Caller
from reelthyme_sync.local_server.known_sounds import KnownSounds
from reelthyme_sync.local_server.speech import Speech
from reelthyme_sync.local_server.telephone import Ring, Telephones

SECRET = TEST_WEBHOOK_SECRET
PATIENCE = 30.0
PACE = 8.0

BLOCK = pcm.ms_to_bytes(20)
LINES = [b"\1\1" * 700, b"\2\2" * 1300]

# --- the caller ---------------------------------------------------------------------------------------------


def said(caller: Caller, ms: float = 1000) -> bytes:
    """What it says in that time, without the silence."""
    return b"".join(caller.speak(BLOCK) for _ in range(round(ms / 20))).replace(b"\0", b"")


def answered(caller: Caller, response_id: str = "r1", words: str = "Hello.") -> None:
    caller.told(ResponseOutputAudioTranscriptDelta(response_id=response_id, delta=words))
    caller.told(OutputAudioBufferStarted(response_id=response_id))
    caller.told(ResponseDone(response=Response(id=response_id, output=[])))
    caller.told(OutputAudioBufferStopped(response_id=response_id))


def test_a_caller_waits_to_be_greeted():
    caller = Caller(LINES)
    assert said(caller) == b""
    answered(caller)
    assert said(caller) == LINES[0]


def test_a_caller_who_does_not_wait_begins():
    assert said(Caller(LINES, greeted=False)) == LINES[0]


def test_a_caller_says_a_line_after_each_answer():
    caller = Caller(LINES, greeted=False)
    assert said(caller) == LINES[0]
    answered(caller)
    assert said(caller) == LINES[1]
    answered(caller, "r2")
    assert said(caller) == b""


def test_a_caller_does_not_talk_while_the_assistant_does():
    caller = Caller(LINES)
    caller.told(OutputAudioBufferStarted(response_id="r1"))
    assert said(caller) == b""


def test_a_caller_waits_for_what_a_function_gives():
    caller = Caller(LINES)
    caller.told(OutputAudioBufferStarted(response_id="r1"))
    caller.told(ResponseDone(response=Response(id="r1", output=[FunctionCall(call_id="c", name="f", arguments="{}")])))
    caller.told(OutputAudioBufferStopped(response_id="r1"))
    assert said(caller) == b""
    answered(caller, "r2")
    assert said(caller) == LINES[0]


def test_what_a_caller_is_told_to_say_is_said_at_once_and_takes_the_turn():
    caller = Caller(LINES)
    caller.told(OutputAudioBufferStarted(response_id="r1"))
    caller.say(b"\3\3" * 50)
    caller.told(OutputAudioBufferCleared(response_id="r1"))
    assert said(caller) == b"\3\3" * 50
    answered(caller, "r2")
    assert said(caller) == LINES[0]


def test_a_caller_has_heard_what_sounded_and_no_more():
    caller = Caller()
    answered(caller, "r1", "One.")
    for response_id in ("r2", "r3"):
        caller.told(ResponseOutputAudioTranscriptDelta(response_id=response_id, delta="Two"))
    caller.told(OutputAudioBufferStarted(response_id="r2"))
    caller.told(OutputAudioBufferCleared(response_id="r2"))
    caller.told(OutputAudioBufferCleared(response_id="r3"))
    assert caller.heard == (HeardAnswer("One.", True), HeardAnswer("Two", False))


HAPPENINGS = st.lists(st.sampled_from(["started", "stopped", "cleared", "called", "time"]), max_size=60)


@given(HAPPENINGS, st.integers(1, 2000))
def test_whatever_happens_each_line_is_said_once_and_in_order(happenings, block):
    caller, heard = Caller(LINES, greeted=False), b""
    events = {
        "started": OutputAudioBufferStarted(response_id="r"),
        "stopped": OutputAudioBufferStopped(response_id="r"),
        "cleared": OutputAudioBufferCleared(response_id="r"),
        "called": ResponseDone(response=Response(id="r", output=[FunctionCall(call_id="c", name="f", arguments="{}")])),
    }
    for happening in happenings:
        if happening == "time":
            piece = caller.speak(block)
            assert len(piece) == block
            heard += piece.replace(b"\0", b"")
        else:
            caller.told(events[happening])
    assert b"".join(LINES).startswith(heard)


# --- its own voice ------------------------------------------------------------------------------------------


def test_the_server_knows_again_what_was_said_into_its_telephones():
    known = KnownSounds()
    known.remember("Hello. ", b"abcdefgh" * 100)
    known.remember("Good bye.", b"stuvwxyz" * 100)
    assert known.words(b"." * 99 + b"stuvwxyz" * 100 + b"abcdefgh" * 100) == "Good bye. Hello."
    assert known.words(b"abcdefgh" * 20) == ""
    assert known.words(b"") == ""


def test_a_turn_that_cuts_the_quiet_ends_of_a_sentence_is_known():
    known = KnownSounds()
    sound = bytes(range(1, 251)) * 80
    known.remember("Hello.", sound)
    assert known.words(sound[2000:-2000]) == "Hello."


# --- telephones that ring -----------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[local_server.LocalServer]:
    with local_server.serve() as server:
        yield server


@contextmanager
def taken_call(server: local_server.LocalServer, **options: object) -> Iterator[tuple[Phone, object]]:
    """A call that was accepted, and the session that follows it."""

    def accept(event: RealtimeCallIncoming) -> int:
        calls.accept(event.call_id, url=server.url)
        return 200

    with endpoint(accept) as web:
        phone = server.ring(web.url, secret=SECRET, pace=PACE, **options)
        phone.wait("answered", PATIENCE)
        with connect(call_id=phone.call_id, url=server.url) as session:
            yield phone, session
        phone.hang_up()
        phone.wait("ended", PATIENCE)


def greet(session: object, words: str = "Say: Welcome to the shop.") -> None:
    session.send(ResponseCreate(response=ResponseParams(instructions=words)))


def next_of(session: object, kind: type | tuple[type, ...]) -> object:
    while not isinstance(event := session.receive(timeout=PATIENCE), kind):
        pass
    return event


def test_a_call_is_told_of_by_a_signed_webhook(server):
    with endpoint() as web:
        phone = server.ring(web.url, secret=SECRET, caller="+15550123", called="+15550199")
        assert web.came.wait(PATIENCE)
        event = web.webhooks[0][1]
        assert (event.call_id, event.caller) == (phone.call_id, "sip:+15550123@sip.example.com")
        assert "+15550199" in event.header("To")
        assert (phone.status, phone.heard, phone.sound) == ("ringing", (), b"")
        phone.hang_up()
        phone.wait("ended", PATIENCE)


def test_a_conversation_by_telephone(server):
    with taken_call(server, says=["What is six times seven?", "What is three plus four?"]) as (phone, session):
        greet(session)
        phone.wait_heard("3 plus 4 is 7", PATIENCE)
        assert [each.text for each in phone.heard] == [
            "Welcome to the shop.",
            "6 times 7 is 42.",
            "3 plus 4 is 7.",
        ]
        assert all(each.whole for each in phone.heard)
        assert len(phone.sound.replace(b"\0", b"")) > pcm.ms_to_bytes(1000)
    assert phone.webhook_status == 200


def test_a_caller_who_interrupts_is_answered(server):
    with taken_call(server) as (phone, session):
        # 94 s of sound, which take 12: before 16 s of it were over, a slow machine had not yet made the interruption
        greet(session, "Say: " + "I am going to tell you a very long story about a lighthouse. " * 30)
        next_of(session, OutputAudioBufferStarted)
        phone.say("What is six times seven?")
        cut = {type(next_of(session, (OutputAudioBufferCleared, ConversationItemTruncated))) for _ in range(2)}
        assert len(cut) == 2
        assert phone.wait_heard("42", PATIENCE).whole
        assert not phone.heard[0].whole


def test_keys_are_pressed_in_order(server):
    with taken_call(server) as (phone, session):
        phone.press("12#")
        phone.press("*A")
        assert [next_of(session, InputAudioBufferDtmfEventReceived).event for _ in range(5)] == list("12#*A")
        with pytest.raises(ValueError, match="keys of a telephone"):
            phone.press("12 3")


@pytest.fixture
def ringing(server) -> Iterator[Phone]:
    with endpoint() as web:
        phone = server.ring(web.url, secret=SECRET)
        assert web.came.wait(PATIENCE)
        yield phone


def test_a_call_that_is_rejected(server, ringing):
    calls.reject(ringing.call_id, status_code=486, url=server.url)
    ringing.wait("rejected", PATIENCE)
    assert ringing.sip_code == 486
    with pytest.raises(TimeoutError, match="it is rejected"):
        ringing.wait("answered", PATIENCE)
    with pytest.raises(TimeoutError, match="was not heard"):
        ringing.wait_heard("anything", PATIENCE)
    with pytest.raises(RequestFailed) as refused:
        calls.accept(ringing.call_id, url=server.url)
    assert refused.value.status == 404


def test_a_call_that_is_passed_on(server, ringing):
    calls.accept(ringing.call_id, url=server.url)
    ringing.wait("answered", PATIENCE)
    calls.refer(ringing.call_id, "tel:+15550177", url=server.url)
    ringing.wait("referred", PATIENCE)
    assert (ringing.status, ringing.target_uri) == ("referred", "tel:+15550177")


def test_a_call_that_the_application_ends(server, ringing):
    calls.accept(ringing.call_id, url=server.url)
    ringing.wait("answered", PATIENCE)
    calls.hangup(ringing.call_id, url=server.url)
    ringing.wait("ended", PATIENCE)
    ringing.wait("answered", PATIENCE)  # it was


def test_a_caller_who_has_hung_up_cannot_be_answered(server, ringing):
    ringing.hang_up()
    ringing.wait("ended", PATIENCE)
    ringing.hang_up()
    with pytest.raises(RequestFailed) as refused:
        calls.accept(ringing.call_id, url=server.url)
    assert refused.value.status == 404


def test_a_caller_whom_nobody_answers_gives_up(server):
    with endpoint() as web:
        phone = server.ring(web.url, secret=SECRET, rings_for=0.2)
        phone.wait("ended", PATIENCE)
    with pytest.raises(RequestFailed) as refused:
        calls.accept(phone.call_id, url=server.url)
    assert refused.value.status == 404


def test_a_webhook_comes_again_until_it_is_taken_and_no_redirect_is_followed(server):
    statuses = iter([500, 307, 204])
    with endpoint(lambda _event: next(statuses)) as web:
        phone = server.ring(web.url, secret=SECRET)
        wait_until(lambda: phone.webhook_status == 204)
        phone.hang_up()
        phone.wait("ended", PATIENCE)
        ids, events = zip(*web.webhooks, strict=True)
    assert web.paths == {"/openai"}
    assert len(ids) == 3
    assert len(set(ids)) == 1
    assert {event.id for event in events} == {events[0].id}


def test_an_endpoint_that_is_not_there_yet_is_asked_again(server):
    with endpoint() as web:
        url = web.url
    phone = server.ring(url, secret=SECRET, rings_for=1.0)
    phone.wait("ended", PATIENCE)
    assert phone.webhook_status is None


def wait_until(condition: Callable[[], bool]) -> None:
    done = threading.Event()
    for _ in range(round(PATIENCE / 0.02)):
        if condition() or done.wait(0.02):
            return
    raise AssertionError("it did not come about")


def test_the_end_of_the_server_is_the_end_of_its_calls():
    with endpoint() as web:
        with local_server.serve() as server:
            talking, ringing = (server.ring(web.url, secret=SECRET) for _ in range(2))
            calls.accept(talking.call_id, url=server.url)
            talking.wait("answered", PATIENCE)
        assert (talking.status, ringing.status) == ("ended", "ended")
        talking.say("Is anybody there?")
        talking.press("1")
        ringing.hang_up()
        with pytest.raises(RuntimeError):
            server.ring(web.url, secret=SECRET)


def test_a_telephone_that_has_not_begun_to_ring_is_hung_up_too_and_none_rings_later():
    async def ring_and_close() -> Phone:
        telephones = Telephones(lambda: Call("rtc_1", cast(Terms, None)), cast(Speech, None))
        ring = Ring("http://127.0.0.1:9/", SECRET, "+1", "+2", [], greeted=True, voice="ash", pace=1.0, rings_for=30.0)
        phone = await telephones.ring(ring)
        await telephones.close()
        with pytest.raises(RuntimeError, match="closed"):
            await telephones.ring(ring)
        return phone

    assert asyncio.run(ring_and_close()).status == "ended"


@pytest.mark.parametrize("has_ended", [True, False])
def test_who_rings_while_the_server_ends_does_not_wait_for_ever(monkeypatch, has_ended):
    """A loop that ends may have taken work that it never begins."""

    class Forgotten(Future[Phone]):
        def result(self, timeout: float | None = PATIENCE) -> Phone:
            return super().result(timeout)

    server = local_server.serve()
    closing = threading.Thread(target=server.close)

    def taken_and_forgotten(*_: object) -> Future[Phone]:
        closing.start()
        if has_ended:
            closing.join(PATIENCE)
        return Forgotten()

    monkeypatch.setattr("reelthyme_sync.local_server.server.asyncio.run_coroutine_threadsafe", taken_and_forgotten)
    with pytest.raises(RuntimeError, match="closed"):
        server.ring("http://127.0.0.1:9/", secret=SECRET)
    closing.join(PATIENCE)


@pytest.mark.parametrize(
    "wrong",
    [{"webhook": "ws://127.0.0.1/"}, {"secret": "whsec_"}, {"pace": 0}, {"rings_for": -1}, {"pace": float("nan")}],
    ids=str,
)
def test_what_makes_no_sense_is_refused_before_anything_rings(server, wrong):
    with pytest.raises(ValueError, match=r"webhook|above zero"):
        server.ring(**{"webhook": "http://127.0.0.1:9/", "secret": SECRET, **wrong})
