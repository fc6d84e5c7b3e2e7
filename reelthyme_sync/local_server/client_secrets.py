"""The client secrets that a server has given out: what each is for, and until when. Knows no socket and no clock."""

from __future__ import annotations

import itertools
import secrets
from typing import Final

import attrs

from .._credentials import Secret
from ..events import ClientSecret
from .api_keys import SECRET_PREFIX
from .bodies import object_of, parsed, session_of
from .refusal import Refusal, invalid_value
from .settings import AnySettings

_USUAL_SECONDS: Final = 600
_BOUNDS: Final = (10, 7200)


@attrs.frozen
class _Given:
    session: AnySettings
    expires_at: int
    maker: str | None = attrs.field(repr=False)


class ClientSecrets:
    """Gives secrets out, and knows them again. One thread at a time."""

    def __init__(self) -> None:
        self._given: dict[str, _Given] = {}
        self._numbers = itertools.count(1)

    def create(self, body: bytes, now: float, maker: str | None = None) -> ClientSecret:
        """A new secret, as the body of the request of ``maker`` asks for it.

        Raises:
            Refusal: it asks for what there is not.
        """
        asked = object_of(parsed(body), "the body")
        seconds = _seconds(asked.get("expires_after"))
        session = session_of(asked.get("session"), f"sess_secret_{next(self._numbers):04d}")
        self._given = {value: each for value, each in self._given.items() if now < each.expires_at}
        value = Secret(SECRET_PREFIX + secrets.token_hex(16))
        self._given[value] = _Given(session, int(now) + seconds, maker)
        return ClientSecret(value=value, expires_at=int(now) + seconds, session=session)

    def session_of(self, value: str | None, now: float) -> AnySettings | None:
        """What a session that presents this is; None if it is no secret, or none any more."""
        known = self._given.get(value or "")
        return known.session if known is not None and now < known.expires_at else None

    def maker_of(self, value: str) -> str | None:
        """The key of whoever had this secret made; None had none."""
        return self._given[value].maker


def _seconds(expires_after: object) -> int:
    if expires_after is None:
        return _USUAL_SECONDS
    wanted = object_of(expires_after, "expires_after")
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
