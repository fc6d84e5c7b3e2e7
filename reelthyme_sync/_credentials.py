"""Keys and tokens: kept out of every ``repr``, and asked for again whenever a connection is made.

Knows no URL and no environment. A traceback that is shown with its local variables shows their ``repr``: so whoever is
given a credential hides it first, before anything can fail. Pure; called on the thread that connects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import attrs

from .errors import MissingApiKey

Credential: TypeAlias = str | Callable[[], str]
"""A key or a token, or a callable that gives the one that is valid now."""


class Secret(str):
    """A text like any other, but for its ``repr``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


class _Provider:
    """A callable credential: the ``repr`` of a ``functools.partial`` would show what it was given."""

    def __init__(self, ask: Callable[[], str]) -> None:
        self._ask = ask

    def __call__(self) -> str:
        given = self._ask()
        if isinstance(given, str) and given.strip():
            return Secret(given.strip())
        kind = "an empty string" if isinstance(given, str) else type(given).__name__
        del given  # the repr of azure-identity's AccessToken shows the token
        raise MissingApiKey(f"The callable that was given as a credential must give a key or a token. It gave: {kind}")


def hidden(credential: Credential | None) -> Credential | None:
    """The same credential, with a ``repr`` that does not show it, and without the line end that a file's key has."""
    if credential is None or isinstance(credential, _Provider):
        return credential
    return Secret(credential.strip()) if isinstance(credential, str) else _Provider(credential)


def hidden_values(headers: Mapping[str, str]) -> dict[str, str]:
    """The same headers, with a ``repr`` that shows only their names."""
    return {name: Secret(value) for name, value in headers.items()}


@attrs.frozen
class Authorization:
    """A credential that is hidden already, and the header that carries it.

    Attributes:
        credential: a string, or a callable that is asked by each call of ``header``.
        name: the header's name.
        prefix: what stands before the credential in the header.
    """

    credential: Credential = attrs.field(repr=False)
    name: str = "Authorization"
    prefix: str = "Bearer "

    def header(self) -> dict[str, str]:
        """The header for one request.

        Raises:
            MissingApiKey: the callable gave nothing to use.
            ValueError: the credential cannot stand in a header.
        """
        text = Secret(self.credential() if callable(self.credential) else self.credential)
        if not (text.isascii() and text.isprintable()):
            raise ValueError(
                f"The key or token for the header {self.name!r} holds a line break or another character that none has"
            )
        return {self.name: Secret(self.prefix + text)}
