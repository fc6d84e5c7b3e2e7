"""The client secrets that a server has given out: what each is for, and until when. Knows no socket and no clock."""

from __future__ import annotations

import itertools
import secrets
from typing import Any, Final

import attrs
import orjson

from .. import codec
from .._credentials import Secret
from ..endpoints import DEFAULT_MODEL
from ..events import ClientSecret, RealtimeSession, TranscriptionSession
from .api_keys import SECRET_PREFIX
from .refusal import Refusal, invalid_value, missing
from .settings import AnySettings, given, realtime_session, transcription_session, updated

_USUAL_SECONDS: Final = 600
_BOUNDS: Final = (10, 7200)
_KINDS: Final[dict[object, type[AnySettings]]] = {"realtime": RealtimeSession, "transcription": TranscriptionSession}


@attrs.frozen
class _Given:
    session: AnySettings
    expires_at: int


class ClientSecrets:
    """Gives secrets out, and knows them again. One thread at a time."""

    def __init__(self) -> None:
        self._given: dict[str, _Given] = {}
        self._numbers = itertools.count(1)

    def create(self, body: bytes, now: float) -> ClientSecret:
        """A new secret, as the body of the request asks for it.

        Raises:
            Refusal: it asks for what there is not.
        """
        asked = _object(_parsed(body), "the body")
        seconds = _seconds(asked.get("expires_after"))
        session = _session(asked.get("session"), f"sess_secret_{next(self._numbers):04d}")
        self._given = {value: each for value, each in self._given.items() if now < each.expires_at}
        value = Secret(SECRET_PREFIX + secrets.token_hex(16))
        self._given[value] = _Given(session, int(now) + seconds)
        return ClientSecret(value=value, expires_at=int(now) + seconds, session=session)

    def session_of(self, value: str | None, now: float) -> AnySettings | None:
        """What a session that presents this is; None if it is no secret, or none any more."""
        known = self._given.get(value or "")
        return known.session if known is not None and now < known.expires_at else None


def _parsed(body: bytes) -> object:
    try:
        return orjson.loads(body or b"{}")
    except orjson.JSONDecodeError:
        raise Refusal("We could not parse the JSON body of your request.", code=None) from None


def _object(value: object, param: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Refusal(f"Invalid type for {param}: expected an object.", code="invalid_type", param=param)
    return value


def _seconds(expires_after: object) -> int:
    if expires_after is None:
        return _USUAL_SECONDS
    wanted = _object(expires_after, "expires_after")
    if wanted.get("anchor", "created_at") != "created_at":
        raise invalid_value("Supported values are: 'created_at'.", "expires_after.anchor")
    seconds, param = wanted.get("seconds", _USUAL_SECONDS), "expires_after.seconds"
    if type(seconds) is not int:
        raise Refusal(f"Invalid type for '{param}': expected an integer.", code="invalid_type", param=param)
    least, most = _BOUNDS
    if seconds < least:
        code, bound = "integer_below_min_value", f">= {least}"
    elif seconds > most:
        code, bound = "integer_above_max_value", f"<= {most}"
    else:
        return seconds
    raise Refusal(f"Invalid '{param}': expected a value {bound}, but got {seconds} instead.", code=code, param=param)


def _session(asked: object, session_id: str) -> AnySettings:
    """All that a session will be, from what was said about it."""
    wire = _object({"type": "realtime"} if asked is None else asked, "session")
    if (name := wire.get("type")) is None:
        raise missing("session.type")
    if (kind := _KINDS.get(name if isinstance(name, str) else "")) is None:
        raise invalid_value("Supported values are: 'realtime' and 'transcription'.", "session.type")
    try:
        patch: AnySettings = codec.structure(wire, kind)
    except TypeError as error:
        raise Refusal(f"Invalid type in 'session': {error}.", code="invalid_type", param="session") from None
    if isinstance(patch, RealtimeSession):
        defaults: AnySettings = realtime_session(session_id, given(patch.model, DEFAULT_MODEL), 0)
    else:
        defaults = transcription_session(session_id, 0)
    return updated(defaults, patch, has_spoken=False)
