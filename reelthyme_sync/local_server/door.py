"""Who asks, and what they may: by the key or the client secret that they present. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from ..events import Error
from .api_keys import key_error, presented_key
from .client_secrets import ClientSecrets
from .settings import AnySettings


@attrs.frozen
class Visitor:
    """Somebody whose key or secret is good.

    Attributes:
        credential: what they presented; None is nothing, where no key is asked for.
        session: what it opens, when it is a client secret.
        maker: whose key made it, when it is one.
        has_the_key: whether it is the one key of a server that asks for one.
    """

    credential: str | None = attrs.field(repr=False)
    session: AnySettings | None = None
    maker: str | None = attrs.field(default=None, repr=False)
    has_the_key: bool = False

    @property
    def owners(self) -> frozenset[str | None]:
        """Whose a call is that they begin: theirs, and that of whoever made their secret."""
        return frozenset([self.credential] if self.session is None else [self.credential, self.maker])

    def may_join(self, owners: frozenset[str | None] | None) -> bool:
        """Whether they may follow and end a call of these owners; None: of anybody who has a key."""
        if self.has_the_key:
            return True
        return self.session is None if owners is None else self.credential in owners


class Door:
    """Lets in who has the key, or one of the secrets that were made with it.

    Args:
        api_key: the only key that is right; None takes any, and none.
    """

    def __init__(self, api_key: str | None) -> None:
        self._api_key = api_key
        self.secrets = ClientSecrets()

    def admit(self, headers: Mapping[str, str], now: float) -> Visitor | Error:
        """Who comes with these headers; or what they are told who may not."""
        credential = presented_key(headers)
        session = self.secrets.session_of(credential, now)
        if credential is not None and session is not None:
            return Visitor(credential, session, self.secrets.maker_of(credential))
        return self.admit_key(headers)

    def admit_key(self, headers: Mapping[str, str]) -> Visitor | Error:
        """The same, where a secret is not enough."""
        if (error := key_error(self._api_key, headers)) is not None:
            return error
        return Visitor(presented_key(headers), has_the_key=self._api_key is not None)
