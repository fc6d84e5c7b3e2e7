"""Web workers, as many as you like: they accept calls, and any of them shows what is said on any call.

REDIS_URL=redis://localhost gunicorn --threads 100 samples.celery_calls.web:app
"""

from flask import Response, abort, request

from reelthyme_sync import calls
from samples.phone_calls.webhook import create_endpoint

from .conversation import SESSION
from .tasks import PLACE, follow, switchboard

KEEPALIVE_MS = 3_000  # less than Redis has to answer in


def answer(event):
    calls.accept(event.call_id, session=SESSION, timeout=3, **PLACE)
    switchboard.add(event.call_id)
    follow.delay(event.call_id)


app = create_endpoint(answer, switchboard)


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
