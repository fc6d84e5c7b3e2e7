"""Which functions the model may call, as far as both sides have said. Pure; one thread at a time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..events import (
    ClientEvent,
    FunctionTool,
    ResponseCreate,
    ServerEvent,
    SessionCreated,
    SessionUpdate,
    SessionUpdated,
)


class Declared:
    """The names of the functions of one session: those of the session itself, and those of single responses."""

    def __init__(self) -> None:
        self._session: frozenset[str] | None = None  # None: nobody has said
        self._responses: frozenset[str] = frozenset()

    def lacks(self, name: str) -> bool:
        """Whether it is known that this function is not declared: the model has made it up, or it was taken back."""
        return self._session is not None and name not in self._session | self._responses

    def hear(self, event: ServerEvent) -> None:
        """The server says what the session is."""
        if isinstance(event, SessionCreated | SessionUpdated):
            self.begin(event.session)

    def note_sent(self, event: ClientEvent) -> None:
        """We say what the session, or a response, is to be."""
        match event:
            case SessionUpdate(session=session):
                self.begin(session)
            case ResponseCreate(response=response) if response:
                self._responses |= _names(response.tools) or frozenset()

    def begin(self, session: object) -> None:
        """The session is this: what it does not say, stays. A stored prompt brings functions that nobody names here."""
        names = None if getattr(session, "prompt", None) else _names(getattr(session, "tools", None))
        self._session = self._session if names is None else names


def _names(tools: Any) -> frozenset[str] | None:
    """Of those that are functions; None if it is not said which there are."""
    if not isinstance(tools, Iterable):
        return None
    return frozenset(str(tool.name) for tool in tools if isinstance(tool, FunctionTool))
