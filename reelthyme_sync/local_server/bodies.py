"""The JSON bodies of REST calls: read, or refused as the service refuses them. Pure."""

from __future__ import annotations

from typing import Any, Final

import orjson

from .. import codec
from ..endpoints import DEFAULT_MODEL
from ..events import RealtimeSession, TranscriptionSession
from .refusal import Refusal, invalid_value, missing
from .settings import AnySettings, given, realtime_session, transcription_session, updated

_KINDS: Final[dict[object, type[AnySettings]]] = {"realtime": RealtimeSession, "transcription": TranscriptionSession}


def parsed(body: bytes) -> object:
    """What a body says; an empty one says ``{}``."""
    try:
        return orjson.loads(body or b"{}")
    except orjson.JSONDecodeError:
        raise Refusal("We could not parse the JSON body of your request.", code=None) from None


def object_of(value: object, param: str) -> dict[str, Any]:
    """The value, if it is an object."""
    if not isinstance(value, dict):
        raise Refusal(f"Invalid type for {param}: expected an object.", code="invalid_type", param=param)
    return value


def session_of(asked: object, session_id: str) -> AnySettings:
    """All that a session will be, from what was said about it; None says nothing.

    Raises:
        Refusal: it asks for what there is not.
    """
    patch = session_patch({"type": "realtime"} if asked is None else asked)
    if isinstance(patch, RealtimeSession):
        defaults: AnySettings = realtime_session(session_id, given(patch.model, DEFAULT_MODEL), 0)
    else:
        defaults = transcription_session(session_id, 0)
    return updated(defaults, patch, has_spoken=False)


def session_patch(asked: object) -> AnySettings:
    """What was said about a session, and no more.

    Raises:
        Refusal: it says something that no session has.
    """
    wire = object_of(asked, "session")
    if (name := wire.get("type")) is None:
        raise missing("session.type")
    if (kind := _KINDS.get(name if isinstance(name, str) else "")) is None:
        raise invalid_value("Supported values are: 'realtime' and 'transcription'.", "session.type")
    try:
        return codec.structure(wire, kind)
    except TypeError as error:
        raise Refusal(f"Invalid type in 'session': {error}.", code="invalid_type", param="session") from None
