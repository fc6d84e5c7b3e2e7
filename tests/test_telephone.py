"""A telephone call from its webhook to its answer: a web server of the standard library, and a service that listens."""

import contextlib
import json
import threading
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
import requests
from http_peer import http_peer
from keys import TEST_KEY, TEST_WEBHOOK_SECRET

from reelthyme_sync import InvalidSignature, webhooks
from reelthyme_sync.events import IncomingCall, RealtimeCallIncoming, RealtimeSession, SipHeader
from reelthyme_sync.rest import calls
from reelthyme_sync.testing import signed_webhook

PATIENCE = 20
DONE = (200, {}, b"")


class Silent(WSGIRequestHandler):
    def log_message(self, *_):
        """Nothing."""


@contextlib.contextmanager
def front_desk(service):
    """Answers whoever calls from +1, and declines all others."""

    def app(environ, start_response):
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        try:
            call = webhooks.unwrap(body, environ, TEST_WEBHOOK_SECRET)
        except InvalidSignature:
            start_response("400 Bad Request", [])
            return []
        if call.caller.startswith("sip:+1"):
            calls.accept(call.call_id, session=RealtimeSession(instructions="Be kind."), url=service, api_key=TEST_KEY)
        else:
            calls.reject(call.call_id, status_code=486, url=service, api_key=TEST_KEY)
        start_response("200 OK", [])
        return []

    with make_server("127.0.0.1", 0, app, handler_class=Silent) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join(PATIENCE)


@pytest.mark.parametrize(
    ("caller", "verb", "body"),
    [
        ("<sip:+14155550123@a.test>;tag=1", "accept", {"type": "realtime", "instructions": "Be kind."}),
        ("sip:+4915550123@a.test", "reject", {"status_code": 486}),
    ],
)
def test_a_call_is_answered_or_declined(caller, verb, body):
    call = RealtimeCallIncoming(data=IncomingCall(call_id="rtc_1", sip_headers=[SipHeader(name="From", value=caller)]))
    told, headers = signed_webhook(call, TEST_WEBHOOK_SECRET)
    with http_peer(DONE) as service, front_desk(service.url) as url:
        assert requests.post(url, data=told, headers=headers, timeout=PATIENCE).status_code == 200
    assert service.only.path == f"/v1/realtime/calls/rtc_1/{verb}"
    assert json.loads(service.only.body) == body


def test_a_forged_call_is_not_answered():
    told, headers = signed_webhook(RealtimeCallIncoming(), "another secret")
    with http_peer(DONE) as service, front_desk(service.url) as url:
        assert requests.post(url, data=told, headers=headers, timeout=PATIENCE).status_code == 400
    assert service.asked == []
