"""Web workers, as many as you like: they accept calls, and any of them shows what is said on any call.

REDIS_URL=redis://localhost gunicorn --threads 100 samples.celery_calls.web:app
"""

from flask import Flask, Response, abort, request

from reelthyme_sync import InvalidSignature, ProtocolError, RequestFailed, calls, webhooks
from reelthyme_sync.events import RealtimeCallIncoming

from .conversation import SESSION
from .tasks import PLACE, follow, switchboard

KEEPALIVE_MS = 3_000  # less than Redis has to answer in
SEEN_S = 600

app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = 100_000


@app.post("/openai")
def told():
    try:
        event = webhooks.unwrap(request.get_data(), request.headers)
    except (InvalidSignature, ProtocolError):
        return "", 400
    if not isinstance(event, RealtimeCallIncoming):
        return "", 200
    seen = f"webhook:{event.id}"
    if not switchboard.redis.set(seen, 1, nx=True, ex=SEEN_S):
        return "", 200
    try:
        calls.accept(event.call_id, session=SESSION, timeout=3, **PLACE)
    except RequestFailed as error:
        if error.recoverable:
            switchboard.redis.delete(seen)
            return "", 503  # the service will send it again
        return "", 200  # such as 404: the caller has hung up
    except ValueError:  # no id of a call
        return "", 400
    switchboard.add(event.call_id)
    follow.delay(event.call_id)
    return "", 200


@app.get("/calls/<call_id>/transcript")
def transcript(call_id):
    """What is said, as server-sent events. Whoever knows the id may read: put your login before it."""
    if not switchboard.knows(call_id):
        abort(404)
    return Response(stream(call_id, request.headers.get("Last-Event-ID", "0")), content_type="text/event-stream")


def stream(call_id, number):
    while True:
        messages = switchboard.read(call_id, number, KEEPALIVE_MS)
        for number, message in messages:
            yield b"id: %b\ndata: %b\n\n" % (number.encode(), message)
            if b'"kind":"ended"' in message[:20]:
                return
        if not messages:
            yield b":\n\n"
