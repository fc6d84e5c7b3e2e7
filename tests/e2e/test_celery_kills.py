"""The sample for more than one machine, whatever is killed at whatever moment: each question is answered once."""

from __future__ import annotations

import threading

import pytest
import requests
from keys import TEST_WEBHOOK_SECRET
from machines import PATIENCE, address, conversation, transcript, wait_until
from webhook_endpoint import endpoint

from reelthyme_sync import connect
from reelthyme_sync.local_server import outputs
from reelthyme_sync.local_server.brain import Brain
from reelthyme_sync.testing import signed_webhook

pytest_plugins = ["machine_room"]

ORDER = "What is the status of order seventeen?"
CALLED = ("tool", 'order_status({"number":17})')
SAID = [
    ("assistant", "Welcome to the shop."),
    ("user", ORDER),
    CALLED,
    ("tool", "Order 17 is on its way."),
    ("assistant", "Order 17 is on its way."),
    ("user", "What is six times seven?"),
    ("assistant", "6 times 7 is 42."),
]
HEARD = [words for who, words in SAID if who == "assistant"]


def ring(server, web, *says):
    return server.ring(f"{web}/openai", secret=TEST_WEBHOOK_SECRET, says=says, pace=8, rings_for=60)


def finish(phone):
    """Ask one thing more, and hang up when it is answered."""
    phone.wait_heard("order 17 is on its way", PATIENCE)
    phone.say("What is six times seven?")
    phone.wait_heard("42", PATIENCE)
    phone.hang_up()
    return [each.text for each in phone.heard]


@pytest.mark.parametrize(
    ("moment", "pool", "next_pool"),
    [
        pytest.param("queued", "threads", "prefork", marks=pytest.mark.slow),
        pytest.param("leased", "prefork", "threads", marks=pytest.mark.slow),
        pytest.param("accepted", "threads", "prefork", marks=pytest.mark.slow),
        pytest.param("connected", "prefork", "threads", marks=pytest.mark.slow),
        pytest.param("called", "threads", "prefork", marks=pytest.mark.slow),  # as where two turns are taken
        ("output", "prefork", "threads"),
        pytest.param("answering", "threads", "prefork", marks=pytest.mark.slow),
    ],
)
def test_a_worker_is_killed(server, web, start_worker, moment, pool, next_pool):
    first = start_worker("first", pool, dies=moment)
    first.wait_for("ready")
    phone = ring(server, web, ORDER)
    first.wait()
    start_worker("second", next_pool)
    assert finish(phone) == HEARD
    assert conversation(transcript(web, phone.call_id)) == SAID


@pytest.mark.parametrize("moment", ["known", pytest.param("queued", marks=pytest.mark.slow)])
def test_a_web_worker_is_killed_as_it_takes_a_webhook(server, start_worker, start_web, moment):
    worker, dying = start_worker("worker", "threads"), start_web("web", dies=f"{moment}:alone")
    worker.wait_for("ready")
    web = address(dying)
    phone = ring(server, web, ORDER)
    assert finish(phone) == HEARD
    assert conversation(transcript(web, phone.call_id)) == SAID


def test_a_call_of_a_function_is_not_written_to_its_end(server, redis, web, start_worker, monkeypatch):
    looked_back = threading.Event()
    slices, retrieve = outputs.ToolCall.slices, Brain._retrieve_item

    def paused(call):
        for each in slices(call):
            yield each
            while not looked_back.is_set():
                yield outputs.Slice([], 160.0)  # 20 ms of this server's time

    def watched(brain, event):
        found = retrieve(brain, event)
        if found[0].item.type == "function_call":
            assert found[0].item.status == "in_progress"
            looked_back.set()
        return found

    monkeypatch.setattr(outputs.ToolCall, "slices", paused)
    monkeypatch.setattr(Brain, "_retrieve_item", watched)
    first = start_worker("first", "prefork")
    first.wait_for("ready")
    phone = ring(server, web, ORDER)
    phone.wait("answered", PATIENCE)
    second = start_worker("second", "threads")
    wait_until(lambda: "order_status" in str(redis.xrange(f"words:{phone.call_id}")))
    first.kill()
    assert finish(phone) == HEARD
    assert looked_back.is_set()
    assert conversation(transcript(web, phone.call_id)) == SAID
    assert "Traceback" not in second.log.read_text()


def test_two_turns_are_taken_while_nobody_follows(server, web, start_worker):
    first = start_worker("first", "threads", dies="called")
    first.wait_for("ready")
    phone = ring(server, web, ORDER)
    first.wait()
    with connect(url=server.url, call_id=phone.call_id) as listening:
        for question in ("What is six times seven?", "What is three plus four?"):
            phone.say(question)
            while listening.receive(PATIENCE).type != "input_audio_buffer.committed":
                pass
    start_worker("second", "prefork")
    phone.wait_heard("order 17 is on its way", PATIENCE)
    phone.hang_up()
    said = conversation(transcript(web, phone.call_id))
    assert said[:3] == SAID[:3]
    assert sorted(said[3:]) == [SAID[4], SAID[3], ("user", "What is three plus four?")]


def test_redis_is_away_for_five_seconds(server, database, web, start_worker):
    worker = start_worker("worker", "threads")
    worker.wait_for("ready")
    phone = ring(server, web)
    phone.wait_heard("welcome", PATIENCE)
    database.kill()
    phone.say(ORDER)
    threading.Event().wait(5)
    database.start()
    assert finish(phone) == HEARD
    assert conversation(transcript(web, phone.call_id)) == SAID


@pytest.fixture
def webhook(server):
    """A telephone that rings, and the webhook that tells of it: nobody has been told yet."""
    with endpoint() as elsewhere:
        phone = server.ring(elsewhere.url, secret=TEST_WEBHOOK_SECRET)
        assert elsewhere.came.wait(PATIENCE)
        yield phone, signed_webhook(elsewhere.webhooks[0][1], TEST_WEBHOOK_SECRET)
        phone.hang_up()


def post(web, webhook):
    body, headers = webhook
    return requests.post(f"{web}/openai", data=body, headers=headers, timeout=PATIENCE).status_code


def test_a_webhook_that_cannot_be_taken_is_taken_when_it_comes_again(database, redis, web, webhook):
    phone, told = webhook
    database.kill()
    assert post(web, told) == 500
    database.start()
    assert post(web, told) == 200
    assert redis.smembers("calls") == {phone.call_id}


def test_after_the_end_there_is_nothing_more_to_tell_and_nothing_to_follow(redis, web, start_worker, webhook):
    worker = start_worker("worker", "threads")
    phone, told = webhook
    assert post(web, told) == 200
    phone.wait_heard("welcome", PATIENCE)
    phone.hang_up()
    messages = transcript(web, phone.call_id)
    assert transcript(web, phone.call_id, messages[-1][0]) == []
    assert post(web, told) == 200
    assert redis.smembers("calls") == set()
    assert transcript(web, phone.call_id) == messages
    assert redis.ttl(f"words:{phone.call_id}") > 0
    worker.wait_for("raised expected: ConnectFailed")


@pytest.mark.parametrize("number", ["", "$", "x", "1-99999999999999999999"])
def test_a_reader_who_makes_up_a_number_is_told_everything(redis, web, number):
    redis.xadd("words:rtc_1", {"message": '{"kind":"ended","why":"the call is over"}'})
    assert [message["kind"] for _, message in transcript(web, "rtc_1", number)] == ["ended"]
