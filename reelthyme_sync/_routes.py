"""Routes: who looks at an event on the reader thread, before it enters the stream."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TypeAlias

from .events import ServerEvent

log = logging.getLogger("reelthyme_sync")

Route: TypeAlias = Callable[[ServerEvent], bool]
"""Looks at an event, at once; True takes it out of the stream."""


class Routes:
    """The routes of one session, asked in the order in which they were added, and those that come last after them."""

    def __init__(self) -> None:
        self._routes: tuple[Route, ...] = ()  # replaced, never changed: the reader walks it without a lock
        self._last: frozenset[Route] = frozenset()
        self._changing = threading.Lock()

    def add(self, route: Route, *, last: bool = False) -> Callable[[], None]:
        """Ask ``route`` from now on, ``last`` also after those that are added later. Gives what removes it again."""
        with self._changing:
            self._last = self._last | {route} if last else self._last
            self._routes = tuple(sorted((*self._routes, route), key=self._last.__contains__))
        return lambda: self._remove(route)

    def take(self, event: ServerEvent) -> bool:
        """Show the event to the routes until one takes it. Tells whether one did."""
        return bool(self._routes) and any(ask(route, event) for route in self._routes)

    def _remove(self, route: Route) -> None:
        with self._changing:
            self._routes = tuple(other for other in self._routes if other is not route)
            self._last -= {route}


def ask(route: Route, event: ServerEvent) -> bool:
    """Whether the route takes the event; one that fails does not."""
    try:
        return route(event)
    except Exception:  # a user's fault must not end the session, nor lose the event
        log.exception("a route failed on %s", event.type)
        return False
