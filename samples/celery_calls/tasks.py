"""Celery workers that answer telephone calls, and follow them. When one is killed, another goes on with its calls.

REDIS_URL=redis://localhost celery -A samples.celery_calls.tasks worker --pool threads --concurrency 100

A task is acknowledged as it begins, and whoever runs it holds the call's lease: a queue would find out too late, or too
often, that a task which lasts as long as a call is running no more. Redis has to keep what it is told through its own
restarts (``appendonly yes``): what it forgets, nobody follows.
"""

import logging
import os
from contextlib import closing, suppress
from multiprocessing.sharedctypes import RawValue
from threading import Thread
from time import sleep

from celery import Celery
from celery.signals import worker_ready, worker_shutting_down

from reelthyme_sync import ConnectFailed, RequestFailed, Session, calls, connect

from . import switchboard
from .conversation import SESSION, Conversation
from .switchboard import Lease, Lost

PLACE = {"url": os.environ["REALTIME_URL"]} if "REALTIME_URL" in os.environ else {}  # otherwise OpenAI

app = Celery("calls", broker=os.environ["REDIS_URL"])
app.conf.update(worker_prefetch_multiplier=1, task_ignore_result=True, broker_connection_retry_on_startup=True)
leaving = RawValue("b", 0)  # made before the pool forks: all processes of the worker see it


def queue(call_id: str) -> None:
    """Have a call followed, unless somebody follows it, or will: the lease is held from here on."""
    if lease := switchboard.lease(call_id):
        follow.delay(call_id, lease.token)


@app.task(throws=(Lost, ConnectFailed))
def follow(call_id: str, token: str) -> None:
    """Follow a call. If this fails, or has waited for too long, the lease runs out, and the call is queued again."""
    lease = Lease(call_id, token)
    lease.renew()
    try:
        if not (lines := switchboard.lines(call_id)):
            answer(call_id)
            lease.renew()
        with connect(call_id=call_id, open_timeout=3, outgoing=lease.renew, **PLACE) as session:
            Thread(target=keep, args=(lease, session), name="keep", daemon=True).start()
            Conversation(session, lease, lines).hold()
    except ConnectFailed as error:
        if not error.recoverable:
            lease.end("the call is over")
        raise
    lease.release()
    queue(call_id)  # for whoever is left; if the call is over, there is nothing to connect to


def answer(call_id: str) -> None:
    """Answer a call. It may have been answered: whoever did that may have been killed since."""
    try:
        calls.accept(call_id, session=SESSION, timeout=3, **PLACE)
    except RequestFailed as error:
        if error.recoverable:
            raise


def keep(lease: Lease, session: Session) -> None:
    """Renew the lease as long as the session lasts; end that when it cannot go on here."""
    with closing(session), suppress(Lost):
        while not (session.closed or leaving.value):
            lease.renew()
            sleep(1)


def watch() -> None:
    """Have calls followed that nobody follows, as long as the worker lives."""
    while True:
        try:
            for call_id in switchboard.calls():
                queue(call_id)
        except Exception:  # Redis is away for a while
            logging.exception("no look for calls that nobody follows")
        sleep(1)


worker_ready.connect(lambda **_: Thread(target=watch, name="watch", daemon=True).start(), weak=False)


@worker_shutting_down.connect
def leave(**_: object) -> None:
    """Leave calls to others: they may last longer than anybody waits for a worker to end."""
    leaving.value = 1
