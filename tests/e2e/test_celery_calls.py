"""The sample for more than one machine: a telephone call outlives the Celery workers that follow it."""

from __future__ import annotations

import signal
import time
from typing import Any

import requests
from keys import TEST_WEBHOOK_SECRET
from machines import PATIENCE, address, conversation, transcript, wait_until
from webhook_endpoint import endpoint

from reelthyme_sync.testing import signed_webhook

pytest_plugins = ["machine_room"]


def test_a_killed_workers_call_is_taken_over_and_nothing_is_lost_or_said_twice(
    server, redis, web, start_worker, start_web
):
    first, another_web = start_worker("first", "prefork"), start_web("another_web")
    first.wait_for("ready")
    phone = server.ring(
        f"{web}/openai", secret=TEST_WEBHOOK_SECRET, says=["What is six times seven?"], pace=8, rings_for=60
    )
    phone.wait("answered", PATIENCE)
    second = start_worker("second", "threads")
    phone.wait_heard("42", PATIENCE)
    second.wait_for("ready")
    lease = redis.get(f"lease:{phone.call_id}")
    first.kill()
    phone.say("What is the status of order seventeen?")  # while nobody follows the call
    wait_until(lambda: redis.get(f"lease:{phone.call_id}") not in (lease, None))
    phone.wait_heard("order 17 is on its way", PATIENCE)
    phone.say("What is three plus four?")
    phone.wait_heard("3 plus 4 is 7", PATIENCE)
    assert [each.text for each in phone.heard] == [
        "Welcome to the shop.",
        "6 times 7 is 42.",
        "Order 17 is on its way.",
        "3 plus 4 is 7.",
    ]
    phone.hang_up()
    messages = transcript(address(another_web), phone.call_id)
    assert conversation(messages) == [
        ("assistant", "Welcome to the shop."),
        ("user", "What is six times seven?"),
        ("assistant", "6 times 7 is 42."),
        ("user", "What is the status of order seventeen?"),
        ("tool", 'order_status({"number":17})'),
        ("tool", "Order 17 is on its way."),
        ("assistant", "Order 17 is on its way."),
        ("user", "What is three plus four?"),
        ("assistant", "3 plus 4 is 7."),
    ]
    assert transcript(web, phone.call_id, messages[3][0]) == messages[4:]
    assert redis.smembers("calls") == set()


def test_whoever_was_taken_for_dead_says_nothing_more_and_whoever_ends_hands_over(server, redis, web, start_worker):
    sleeper = start_worker("sleeper", "threads")
    sleeper.wait_for("ready")
    phone = server.ring(f"{web}/openai", secret=TEST_WEBHOOK_SECRET, pace=8, rings_for=60)
    phone.wait("answered", PATIENCE)
    other = start_worker("other", "prefork")
    phone.wait_heard("welcome", PATIENCE)
    other.wait_for("ready")
    lease = redis.get(f"lease:{phone.call_id}")
    sleeper.signal(signal.SIGSTOP)
    wait_until(lambda: redis.get(f"lease:{phone.call_id}") not in (lease, None))
    phone.say("What is the status of order seventeen?")
    phone.wait_heard("order 17 is on its way", PATIENCE)
    sleeper.signal(signal.SIGCONT)  # it finds the question and the call of the function, as if they were just asked
    sleeper.wait_for("lease of .* has run out")
    phone.say("What is six times seven?")
    phone.wait_heard("42", PATIENCE)
    other.signal(signal.SIGTERM)
    assert other.wait() == 0
    phone.say("What is three plus four?")
    phone.wait_heard("3 plus 4 is 7", PATIENCE)
    phone.hang_up()
    assert [each.text for each in phone.heard] == [
        "Welcome to the shop.",
        "Order 17 is on its way.",
        "6 times 7 is 42.",
        "3 plus 4 is 7.",
    ]
    assert conversation(transcript(web, phone.call_id)) == [
        ("assistant", "Welcome to the shop."),
        ("user", "What is the status of order seventeen?"),
        ("tool", 'order_status({"number":17})'),
        ("tool", "Order 17 is on its way."),
        ("assistant", "Order 17 is on its way."),
        ("user", "What is six times seven?"),
        ("assistant", "6 times 7 is 42."),
        ("user", "What is three plus four?"),
        ("assistant", "3 plus 4 is 7."),
    ]


def test_what_is_no_call_is_refused_and_a_call_comes_once(server, redis, web):
    def post(event: object, secret: str = TEST_WEBHOOK_SECRET, **options: Any) -> int:
        body, headers = signed_webhook(event, secret, **options)
        return requests.post(f"{web}/openai", data=body, headers=headers, timeout=PATIENCE).status_code

    with endpoint() as elsewhere:
        phone = server.ring(elsewhere.url, secret=TEST_WEBHOOK_SECRET)
        assert elsewhere.came.wait(PATIENCE)
        call = elsewhere.webhooks[0][1]
    assert post(call, "whsec_YW5vdGhlciBzZWNyZXQ=") == 400
    assert post(call, timestamp=int(time.time()) - 3600) == 400
    assert requests.post(f"{web}/openai", data=b"\xff{", timeout=PATIENCE).status_code == 400
    assert requests.post(f"{web}/openai", data=b" " * 200_000, timeout=PATIENCE).status_code == 413
    assert post({"type": "realtime.call.incoming", "id": "evt_x", "data": {"call_id": "../../files"}}) == 400
    assert post({"type": "response.completed", "id": "evt_y"}) == 200
    chunks = iter([b" " * 50_000] * 4)  # without a length
    assert requests.post(f"{web}/openai", data=chunks, timeout=PATIENCE).status_code in (400, 413)
    assert redis.keys() == []
    assert [post(call) for _ in range(2)] == [200, 200]
    assert redis.smembers("calls") == {phone.call_id}
    assert redis.llen("celery") == 1
    assert requests.get(f"{web}/calls/rtc_unknown/transcript", timeout=PATIENCE).status_code == 404
    phone.hang_up()
