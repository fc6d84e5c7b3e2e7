"""Celery workers that follow telephone calls. When one is killed, another goes on with its calls.

REDIS_URL=redis://localhost celery -A samples.celery_calls.tasks worker --pool threads --concurrency 100

A task is acknowledged as it begins, and whoever runs it holds the call's lease: a queue would find out too late, or too
often, that a task which lasts as long as a call is running no more.
"""

import logging
import os
import threading
from multiprocessing.sharedctypes import RawValue
from time import sleep

import orjson
from celery import Celery
from celery.signals import worker_ready, worker_shutting_down
from redis import Redis

from reelthyme_sync import ConnectFailed, Session, connect
from reelthyme_sync.supervise import Line

from .conversation import Conversation
from .switchboard import Lease, Lost, Switchboard

log = logging.getLogger(__name__)

REDIS_URL = os.environ["REDIS_URL"]
PLACE = {"url": os.environ["REALTIME_URL"]} if "REALTIME_URL" in os.environ else {}  # otherwise OpenAI

app = Celery("calls", broker=REDIS_URL)
app.conf.update(worker_prefetch_multiplier=1, task_ignore_result=True, broker_connection_retry_on_startup=True)
switchboard = Switchboard(Redis.from_url(REDIS_URL))
leaving = RawValue("b", 0)  # made before the pool forks: all processes of the worker see it


@app.task
def follow(call_id: str) -> None:
    """Follow a call, unless somebody does."""
    if (lease := switchboard.lease(call_id)) is None:
        return
    try:
        ended = hold(call_id, lease)
    except Lost:
        log.warning("the lease of a call was lost")
    except ConnectFailed as error:
        if error.status != 404:
            raise  # the lease runs out, and the next will try
        lease.end("the caller has hung up")
    else:
        if ended:
            lease.end("the call is over")
        else:
            lease.release()
            follow.delay(call_id)


def hold(call_id: str, lease: Lease) -> bool:
    """The conversation, from here on. Whether it came to an end before this worker does."""
    with connect(call_id=call_id, open_timeout=3, **PLACE) as session:
        over = threading.Event()
        keeper = threading.Thread(target=keep, args=(lease, session, over), name=f"lease-{call_id}")
        keeper.start()
        try:
            messages = [orjson.loads(message) for _, message in switchboard.read(call_id)]
            lines = [Line(**each) for each in messages if each.pop("kind") == "line"]
            Conversation(session, lease, {line.item_id: line for line in lines}).hold()
        finally:
            over.set()
            keeper.join()
    lease.renew()  # or the session has ended because the lease was lost
    return not leaving.value


def keep(lease: Lease, session: Session, over: threading.Event) -> None:
    """Renew the lease until the conversation is over; end that when it cannot go on here."""
    try:
        while not (over.wait(1) or leaving.value):
            lease.renew()
    except Exception as error:
        log.warning("a lease was not renewed: %s", error)
    finally:
        session.close()


@worker_ready.connect
def watch(**_: object) -> None:
    """Look for calls that nobody follows, as long as the worker lives."""

    def look() -> None:
        while True:
            try:
                for call_id in switchboard.unattended():
                    follow.delay(call_id)
            except Exception:
                log.exception("no look for calls that nobody follows")
            sleep(1)

    threading.Thread(target=look, name="watch", daemon=True).start()


@worker_shutting_down.connect
def leave(**_: object) -> None:
    """Leave calls to others: they may last longer than anybody waits for a worker to end."""
    leaving.value = 1
