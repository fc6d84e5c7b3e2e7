"""The strict check of an outgoing event, for those who ask for it: ``connect(outgoing=schema.validate)``.

It finds what the service would refuse, before it is sent, and says all of it at once. What a value may be follows
from the annotations of ``events`` (``shapes``); what these cannot say is a table (``rules``). It knows one event at a
time, and no session: whether an item exists, or a voice can still change, only the service can tell.

Pure, with no state but a cache: every thread may call it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

from .. import codec
from ..errors import InvalidEvent
from ..events import (
    CLIENT_EVENTS,
    SERVER_EVENTS,
    CallCreate,
    CallRefer,
    CallReject,
    ClientEvent,
    ClientSecretRequest,
    Part,
    TranslationClientSecretRequest,
)
from .problems import Problem, alike, quoted, short
from .rules import OLD_EVENTS
from .shapes import record

E = TypeVar("E", bound=ClientEvent | Part | Mapping[str, Any])

BODIES: Final = (ClientSecretRequest, TranslationClientSecretRequest, CallCreate, CallRefer, CallReject)
"""What is sent beside the socket, and checked in the same way."""


def validate(event: E) -> E:
    """The same event, or body of a REST call, once it is known to be what the protocol takes.

    Use it while you develop, or where events come from outside. An event or a part that only another vendor knows is a
    problem here: do not validate what you send to that vendor. What JSON cannot say at all, ``codec.encode`` refuses.

    Raises:
        InvalidEvent: ``problems`` holds every one, such as ``session.audio.output.speed: 2.0 is above 1.5``.
    """
    if isinstance(event, Part) and not isinstance(event, BODIES):
        raise InvalidEvent(f"{type(event).__name__} is a part of an event, not an event")
    try:
        wire = codec.unstructure(event)
    except RecursionError:
        raise InvalidEvent("an event that is nested too deeply, or holds itself, is invalid") from None
    body: Any = type(event) if isinstance(event, BODIES) else None
    found = _check(wire) if body is None else record(body)(wire)
    if problems := [str(problem) for problem in found]:
        raise InvalidEvent(f"{short(wire['type']) if body is None else body.__name__} is invalid", problems)
    return event


def _check(wire: dict[str, Any]) -> Iterable[Problem]:
    cls: Any = CLIENT_EVENTS.get(wire["type"])
    return _not_ours(wire["type"]) if cls is None else record(cls)(wire)


def _not_ours(name: str) -> Iterable[Problem]:
    if name in SERVER_EVENTS:  # the likeness of an answer to what it answers, such as session.updated
        yield Problem(".type", f"{quoted(name)} is sent by the server{alike(name, CLIENT_EVENTS, 0.9)}")
    else:
        yield Problem(".type", f"unknown event {quoted(name)}{alike(name, CLIENT_EVENTS, 0.8, OLD_EVENTS)}")
