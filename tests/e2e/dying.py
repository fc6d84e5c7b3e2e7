"""The programs of the Celery sample on a machine that is switched off in the middle: once, at the moment ``DIES``.

celery -A dying worker, gunicorn dying:web
"""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from redis import Redis

sys.path.insert(0, str(Path(__file__).parents[2]))

from reelthyme_sync import calls
from reelthyme_sync.events import ConversationItemCreate, FunctionCallOutput, ResponseCreate
from samples.celery_calls import conversation, switchboard, tasks
from samples.celery_calls.web import app as web  # noqa: F401

app = tasks.app

_redis = Redis.from_url(os.environ["REDIS_URL"])
_moment, _, _whole = os.environ["DIES"].partition(":")


def _die() -> None:
    """Kill this process, or the whole program with all its processes. Only the first time."""
    if _redis.set("dying", 1, nx=True):
        if _whole == "alone":
            os.kill(os.getpid(), signal.SIGKILL)
        os.killpg(0, signal.SIGKILL)


def _dies(place: Any, name: str, *, before: Callable[..., bool] | None = None) -> None:
    """Before a function is called with such arguments, or after it has given something."""
    function = getattr(place, name)

    @functools.wraps(function)
    def dying(*args: Any, **options: Any) -> Any:
        if before is not None and before(*args, **options):
            _die()
        given = function(*args, **options)
        if before is None and given is not False:
            _die()
        return given

    setattr(place, name, dying)


def _gives_output(_lease: object, event: object = None) -> bool:
    return isinstance(event, ConversationItemCreate) and isinstance(event.item, FunctionCallOutput)


def _asks_again(_lease: object, event: object = None) -> bool:
    return isinstance(event, ResponseCreate) and _redis.incr("asked") == 3


match _moment:
    case "known":
        _dies(switchboard, "add")
    case "queued":
        _dies(tasks, "queue")
    case "leased":
        _dies(switchboard, "lines")
    case "accepted":
        _dies(calls, "accept")
    case "connected":
        _dies(tasks, "connect")
    case "called":
        _dies(conversation, "order_status", before=lambda **_: True)
    case "output":
        _dies(switchboard.Lease, "renew", before=_gives_output)
    case "answering":
        _dies(switchboard.Lease, "renew", before=_asks_again)
    case other:
        raise ValueError(other)
