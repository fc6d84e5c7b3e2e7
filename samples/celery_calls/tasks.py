"""Celery workers that follow telephone calls. When one is killed, another goes on with its calls.

REDIS_URL=redis://localhost celery -A samples.celery_calls.tasks worker --pool threads --concurrency 100

A task is acknowledged as it begins, and whoever runs it holds the call's lease: a queue would find out too late, or too
often, that a task which lasts as long as a call is running no more.
"""

import logging
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.sharedctypes import RawValue
from threading import Event, Thread
from time import sleep

from celery import Celery
from celery.signals import worker_ready, worker_shutting_down
from redis import Redis

from reelthyme_sync import ConnectFailed, Session, connect

from .conversation import Conversation
from .switchboard import Lease, Lost, Switchboard

log = logging.getLogger(__name__)

REDIS_URL = os.environ["REDIS_URL"]
PLACE = {"url": os.environ["REALTIME_URL"]} if "REALTIME_URL" in os.environ else {}  # otherwise OpenAI

app = Celery("calls", broker=REDIS_URL)
app.conf.update(worker_prefetch_multiplier=1, task_ignore_result=True, broker_connection_retry_on_startup=True)
switchboard = Switchboard(Redis.from_url(REDIS_URL, socket_timeout=5))
leaving = RawValue("b", 0)  # made before the pool forks: all processes of the worker see it


@app.task
def follow(call_id: str) -> None:
    """Follow a call, unless somebody does."""
    if (lease := switchboard.lease(call_id)) is None:
        return
    try:
        connected = connect(call_id=call_id, open_timeout=3, outgoing=lease.guard, **PLACE)
        with connected as session, kept(lease, session):
            Conversation(session, lease, switchboard.lines(call_id)).hold()
        if leaving.value:
            lease.release()
            follow.delay(call_id)
        else:
            lease.end("the call is over")
    except ConnectFailed as error:
        if error.status != 404:
            raise  # the lease runs out, and the next will try
        lease.end("the caller has hung up")
    except Lost as error:
        log.warning("%s", error)


@contextmanager
def kept(lease: Lease, session: Session) -> Iterator[None]:
    """Renews the lease until the block ends; ends the session when it cannot go on here."""
    over = Event()

    def keep() -> None:
        try:
            while not (over.wait(1) or leaving.value):
                lease.renew()
        finally:
            session.close()

    with ThreadPoolExecutor(1) as executor:
        keeping = executor.submit(keep)
        try:
            yield
        finally:
            over.set()
    keeping.result()


@worker_ready.connect
def watch(**_: object) -> None:
    """Look for calls that nobody follows, as long as the worker lives."""

    def look() -> None:
        while True:
            try:
                for call_id in switchboard.unattended():
                    follow.delay(call_id)
            except Exception:  # Redis is away for a while
                log.exception("no look for calls that nobody follows")
            sleep(1)

    Thread(target=look, name="watch", daemon=True).start()


@worker_shutting_down.connect
def leave(**_: object) -> None:
    """Leave calls to others: they may last longer than anybody waits for a worker to end."""
    leaving.value = 1
