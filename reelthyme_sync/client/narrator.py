"""What a connection asks of whoever keeps books about it: to add to what handlers are told."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

from ..errors import ConnectionClosed
from ..events import ClientEvent, ServerEvent, UnknownEvent
from ..session import Session
from .chronicle import Owner
from .narration import Closed

Told: TypeAlias = list[tuple[Owner, str, Any]]
"""Whose handlers, of which name, are given what."""


class Narration(Protocol):
    """Tells of one connection. Called on threads of its session, and on those that send."""

    def received(self, event: ServerEvent, told: Told) -> Told:
        """An event of the server, and what the handlers of the connection are told of it."""

    def follow(self) -> None:
        """What was received has been entered: do what is due because of it."""

    def sent(self, event: ClientEvent | UnknownEvent, told: Told) -> Told:
        """An event of ours, just before it is sent."""

    def closed(self, closed: Closed, told: Told) -> Told:
        """The end."""

    def named(self, end: ConnectionClosed) -> ConnectionClosed:
        """How it ended, in the words of whoever ended it."""


class Narrator(Protocol):
    """Tells of one connection after another."""

    def opened(self, session: Session) -> Narration:
        """A connection has been opened; nothing has been heard on it yet."""

    def failed(self, error: BaseException, told: Told) -> Told:
        """A handler or a hook has raised."""
