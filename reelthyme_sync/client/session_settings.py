"""Tells the server what the session is to be, in the order in which that changes: all that sends ``session.update``."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from typing import Any, cast

from .. import codec
from ..endpoints import Endpoint, Intent, intent_of
from ..errors import ConnectionClosed, NotConnected
from ..events import Error, RealtimeSession, SessionUpdate, TranscriptionSession, TranslationSession
from ..events.base import Unset
from ..session import Session
from ..tools import Tool
from .api import RealtimeAPI
from .settings import DEFAULTS, Kind, Settings
from .toolbox import Toolbox
from .updates import Updates


def purpose(
    session: Session | None, url: str | None, intent: Intent | None, options: Mapping[str, Any]
) -> tuple[Mapping[str, Any], Kind]:
    """The settings to begin with, which are none where others set the session up; and what it is for."""
    endpoint: Endpoint | None = options.get("endpoint")
    kind: Kind = intent or (endpoint.intent if endpoint else intent_of(url or "")) or "realtime"
    follows = options.get("call_id") or (endpoint is not None and endpoint.follows_call)
    return ({} if session is not None or follows or kind != "realtime" else DEFAULTS), kind


class SessionSettings:
    """The settings and the tools of one client. Any thread.

    One lock is held from a change to its being sent, so that the last update says what was changed last.

    Args:
        first: the settings before any was changed.
        intended: what the sessions are for, until they say so themselves.
        toolbox: has the tools that are offered beside those of the settings.
        realtime: the connection.
    """

    def __init__(self, first: Mapping[str, Any], intended: Kind, toolbox: Toolbox, realtime: RealtimeAPI) -> None:
        self._first = first
        self._intended: Kind = intended
        self._toolbox = toolbox
        self._realtime = realtime
        self._changing = threading.RLock()
        self._updates = Updates(first)

    @property
    def wanted(self) -> Settings:
        """All that is wanted."""
        return self._updates.settings

    @property
    def turn_detection(self) -> str | None:
        """Its type: what is wanted, else what the session has; None if it is off."""
        ours = self.wanted.turn_detection
        if not isinstance(ours, Unset):
            return ours
        theirs = self._realtime.session.configuration if self._realtime.is_connected() else None
        return Settings({} if theirs is None else codec.unstructure(theirs)).turn_detection or None

    def open(self, session: Session) -> None:
        """A session is new: tell it all."""
        with self._changing:
            self._updates.begin()
            self._tell(session, session.send)

    def change(self, patch: Mapping[str, Any]) -> None:
        """Want this, too; what cannot be sent is forgotten again.

        Raises:
            ValueError: it declares a tool that was added.
            InvalidEvent: it cannot be encoded.
        """
        with self._changing:
            self.wanted.patched(patch).check(tool.name or "" for tool in self._toolbox.declarations)
            number = self._updates.add(patch)
            try:
                self._tell_session()
            except BaseException:
                self._updates.withdraw(number)
                raise

    def add_tool(self, tool: Tool, timeout: float | Unset | None) -> None:
        """Offer this, too; what cannot be sent is forgotten again.

        Raises:
            ValueError: there is a tool of its name.
            InvalidEvent: its declaration cannot be encoded.
        """
        name = tool.declaration.name or ""
        with self._changing:
            self.wanted.check([name])
            self._toolbox.add(tool, timeout)
            try:
                self._tell_session()
            except BaseException:
                self._toolbox.remove(name)
                raise

    def remove_tool(self, name: str) -> None:
        """Offer it no more.

        Raises:
            ValueError: there is none of this name.
        """
        with self._changing:
            self._toolbox.remove(name)
            self._tell_session(with_tools=True)

    def take_back(self, error: Error) -> None:
        """The server has refused something. If it was a setting, what else was said with it is said again."""
        with self._changing:
            if self._updates.refused(error.error, self._kind(self._session)):
                self._tell_session()

    def forget(self) -> None:
        """Want what was wanted at first."""
        with self._changing:
            self._updates = Updates(self._first)

    @property
    def _session(self) -> Session | None:
        with contextlib.suppress(NotConnected):
            return self._realtime.session
        return None

    def _tell_session(self, *, with_tools: bool = False) -> None:
        if (session := self._session) is not None:
            with contextlib.suppress(ConnectionClosed, NotConnected):  # it has just ended: the next one is told
                self._tell(session, self._realtime.send, with_tools=with_tools)

    def _tell(self, session: Session, send: Callable[[SessionUpdate], object], *, with_tools: bool = False) -> None:
        update = self._updates.update(self._kind(session), self._toolbox.declarations, with_tools=with_tools)
        if update is not None:
            send(update)

    def _kind(self, session: Session | None) -> Kind:
        """What the session is for: what it says, or else what was asked for."""
        if session is None:
            return self._intended
        match session.configuration:
            case RealtimeSession() | TranscriptionSession() | TranslationSession() as said:
                return cast("Kind", said.type)
        return "translation" if session.translates else self._intended
