"""The sample that answers a telephone: whole calls over its endpoint, and everything that is no call."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from keys import TEST_WEBHOOK_SECRET
from webhook_endpoint import endpoint
from werkzeug.serving import make_server

from reelthyme_sync import RequestFailed, local_server, webhooks
from reelthyme_sync.events import IncomingCall, RealtimeCallIncoming
from reelthyme_sync.local_server import Phone
from reelthyme_sync.supervise import Supervisor
from reelthyme_sync.testing import signed_webhook

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from samples.phone_calls.app import create_app  # noqa: E402
from samples.phone_calls.conversation import Conversation  # noqa: E402
from samples.phone_calls.webhook import Once, create_endpoint  # noqa: E402

SECRET = TEST_WEBHOOK_SECRET
PATIENCE = 30.0


@pytest.fixture
def server() -> Iterator[local_server.LocalServer]:
    with local_server.serve() as server:
        yield server


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    supervisor = Supervisor(limit=2)
    yield supervisor
    supervisor.close()


class Said:
    """What the sample tells of a conversation."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self._changed = threading.Condition()

    def tell(self, who: str, text: str) -> None:
        with self._changed:
            self.lines.append((who, text))
            self._changed.notify_all()

    def wait_for(self, words: str) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: any(words in text for _, text in self.lines), PATIENCE), self.lines


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def app(server, supervisor, said):
    return create_app(supervisor, secret=SECRET, url=server.url, tell=said.tell)


@pytest.fixture
def web(app) -> Iterator[str]:
    """The address of the endpoint, served as Flask itself does it."""
    web = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=web.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{web.port}/openai"
    web.shutdown()
    thread.join()
    web.server_close()


@pytest.fixture
def ringing(server) -> Iterator[tuple[Phone, RealtimeCallIncoming]]:
    """A telephone that rings, and the event of which its webhook tells; the sample has not heard of it."""
    with endpoint() as elsewhere:
        phone = server.ring(elsewhere.url, secret=SECRET)
        assert elsewhere.came.wait(PATIENCE)
        yield phone, elsewhere.webhooks[0][1]
        phone.hang_up()


def post(client: FlaskClient, event: object, **options: object) -> int:
    body, headers = signed_webhook(event, options.pop("secret", SECRET), **options)
    return client.post("/openai", data=body, headers=headers).status_code


def test_an_order_is_asked_for_by_keys_and_the_goodbye_sounds_before_the_line_goes_dead(server, supervisor, web, said):
    phone = server.ring(web, secret=SECRET, pace=8)
    phone.wait_heard("type the number", PATIENCE)
    phone.press("4")
    phone.press("2#")
    phone.wait_heard("order 42 is delivered", PATIENCE)
    phone.say("Good bye.")
    phone.wait("ended", PATIENCE)
    assert [(each.text, each.whole) for each in phone.heard][-1] == (
        "Thank you for calling the lamp shop. Good bye!",
        True,
    )
    supervisor.close()
    assert [who for who, _ in said.lines] == ["assistant", "assistant", "caller", "assistant"]


def test_whoever_says_more_while_the_goodbye_sounds_stays_on_the_line(server, web, said, monkeypatch):
    def end_call(conversation: Conversation) -> str:
        """End the call, when the caller says good bye."""
        return brief(conversation) * 4

    brief = Conversation.end_call
    monkeypatch.setattr(Conversation, "end_call", end_call)
    phone = server.ring(web, secret=SECRET, says=["Good bye."], pace=2)
    said.wait_for("Thank you for calling")  # made, and for seconds not heard yet
    phone.say("What is six times seven?")
    phone.wait_heard("42", PATIENCE)
    assert phone.status == "answered"
    assert [each.whole for each in phone.heard] == [True, False, True]
    phone.hang_up()


def test_some_callers_are_declined(server, supervisor, web):
    phone = server.ring(web, secret=SECRET, caller="+15550199")
    phone.wait("rejected", PATIENCE)
    assert phone.sip_code == 603
    assert supervisor.calls == []


def test_a_call_too_many_does_not_wait_on_the_line(server, supervisor, web):
    phones = [server.ring(web, secret=SECRET) for _ in range(2)]
    for phone in phones:
        phone.wait("answered", PATIENCE)
    one_more = server.ring(web, secret=SECRET)
    one_more.wait("ended", PATIENCE)
    assert [phone.status for phone in phones] == ["answered", "answered"]


def test_a_webhook_that_comes_twice_is_one_call(app, supervisor, ringing):
    phone, event = ringing
    assert [post(app.test_client(), event) for _ in range(2)] == [200, 200]
    phone.wait("answered", PATIENCE)
    assert [call.call_id for call in supervisor.calls] == [phone.call_id]


def test_a_caller_who_has_hung_up_is_no_reason_to_send_it_again(app, supervisor, ringing):
    phone, event = ringing
    phone.hang_up()
    phone.wait("ended", PATIENCE)
    assert post(app.test_client(), event) == 200
    assert supervisor.calls == []


def test_what_cannot_be_answered_now_is_asked_for_again(supervisor, ringing):
    with local_server.serve() as gone:
        pass
    client = create_app(supervisor, secret=SECRET, url=gone.url).test_client()
    _, event = ringing
    assert [post(client, event) for _ in range(2)] == [503, 503]


def test_what_fails_is_not_taken_for_done():
    answers = iter([RuntimeError("the disk is full"), None])

    def answer(_event: RealtimeCallIncoming) -> None:
        if (failure := next(answers)) is not None:
            raise failure

    client = create_endpoint(Once(answer), SECRET).test_client()
    assert [post(client, CALL) for _ in range(3)] == [500, 200, 200]


def test_what_comes_again_while_it_is_being_answered_comes_to_the_same():
    asked, failing = threading.Event(), threading.Event()

    def answer(_event: RealtimeCallIncoming) -> None:
        asked.set()
        assert failing.wait(PATIENCE)
        raise RequestFailed("the service is away", recoverable=True)

    application = create_endpoint(Once(answer), SECRET)
    with ThreadPoolExecutor() as executor:
        posts = [executor.submit(post, application.test_client(), CALL) for _ in range(2)]
        assert asked.wait(PATIENCE)
        threading.Timer(0.2, failing.set).start()  # by then the other has come, and waits
        assert [post.result() for post in posts] == [503, 503]


def test_only_so_many_calls_are_remembered():
    answered: list[str] = []
    once = Once(lambda event: answered.append(event.call_id), most=2)
    for call_id in ("1", "2", "2", "3", "1"):
        once(RealtimeCallIncoming(data=IncomingCall(call_id=call_id)))
    assert answered == ["1", "2", "3", "1"]


CALL = RealtimeCallIncoming(id="evt_1", data=IncomingCall(call_id="rtc_1"))


@pytest.mark.parametrize(
    ("event", "options", "status"),
    [
        (CALL, {"secret": "whsec_YW5vdGhlciBzZWNyZXQ="}, 400),
        (CALL, {"timestamp": int(time.time()) - 3600}, 400),
        (CALL, {"timestamp": int(time.time()) + 3600}, 400),
        (CALL, {}, 200),  # signed, but nobody is there: the service answers 404
        ({"type": "realtime.call.incoming", "data": {"call_id": "../../files"}}, {}, 400),
        ({"type": "realtime.call.incoming"}, {}, 400),
        ({"type": "response.completed", "id": "evt_2"}, {}, 200),
    ],
    ids=[
        "forged",
        "old",
        "of tomorrow",
        "of no call",
        "of no call's id",
        "without a call",
        "another event",
    ],
)
def test_what_is_no_call_is_answered_and_nothing_is_followed(app, supervisor, event, options, status):
    assert post(app.test_client(), event, **options) == status
    assert supervisor.calls == []


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"[]", b'{"no": "type"}'])
def test_what_the_service_signs_and_is_no_event_is_refused(app, body):
    _, headers = signed_webhook(CALL, SECRET)
    timestamp = headers["webhook-timestamp"]
    headers["webhook-signature"] = webhooks.signature(body, SECRET, webhook_id="wh_test", timestamp=timestamp)
    assert app.test_client().post("/openai", data=body, headers=headers).status_code == 400


@pytest.mark.parametrize(
    ("body", "status"), [(b"", 400), (b"\xff\xfe", 400), (b"{" * 5000, 400), (b" " * 200_000, 413)]
)
def test_what_is_not_signed_at_all_is_refused(app, body, status):
    assert app.test_client().post("/openai", data=body).status_code == status


def test_the_demonstration_runs_without_a_key():
    environment = {name: value for name, value in os.environ.items() if name != "OPENAI_API_KEY"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "samples.phone_calls"],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        cwd=ROOT,
    )
    assert (done.returncode, done.stderr) == (0, "")
    printed = done.stdout.splitlines()
    assert printed[0].startswith("assistant: Welcome to the lamp shop.")
    assert "assistant: Order 17 is on its way to you." in printed
    assert printed[-1] == "assistant: Thank you for calling the lamp shop. Good bye!"
