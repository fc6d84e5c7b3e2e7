"""Web workers, as many as you like: they take webhooks, and any of them shows what is said on any call.

REDIS_URL=redis://localhost gunicorn --threads 100 samples.celery_calls.web:app

They do not answer calls themselves: what has been written down is answered by whoever follows it, and a web worker that
is killed before has not taken the webhook, which therefore comes again.
"""

import re

from flask import Response, abort, request

from samples.phone_calls.webhook import create_endpoint

from . import switchboard
from .tasks import queue


def take(event):
    switchboard.add(event.call_id)
    queue(event.call_id)


app = create_endpoint(take)


@app.get("/calls/<call_id>/transcript")
def transcript(call_id):
    """What is said, as server-sent events. Whoever knows the id may read: put your login before it."""
    if not (switchboard.goes_on(call_id) or switchboard.read(call_id)):
        abort(404)
    number = re.fullmatch("[0-9]{1,19}-[0-9]{1,19}", request.headers.get("Last-Event-ID", ""))
    return Response(stream(call_id, number[0] if number else "0"), content_type="text/event-stream")


def stream(call_id, number):
    goes_on = True
    while goes_on:
        goes_on = switchboard.goes_on(call_id)  # first: what is said before the end is read after this
        messages = switchboard.read(call_id, number, 3_000 if goes_on else None)
        for number, message in messages:
            yield f"id: {number}\ndata: {message}\n\n"
        yield ":\n\n"  # shows the server whether the reader is still there
