"""Handlers by the name of what happens, and waiting for it. Knows no session."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeAlias, TypeVar, overload

from .chronicle import Chronicle, Happening, Owner

log = logging.getLogger("reelthyme_sync")

Handler: TypeAlias = Callable[[Any], object]
"""Gets what happened. What it returns is ignored."""

H = TypeVar("H", bound=Handler)


class EventHandler:
    """Calls handlers when something of their name happens. Any thread registers and removes them.

    Names are exact. A handler that raises is logged, and told to those of ``error``; the others are called all the
    same.

    Args:
        chronicle: to be shared with another one, for a wait that counts from what either did.
    """

    def __init__(self, chronicle: Chronicle | None = None) -> None:
        self._chronicle = Chronicle() if chronicle is None else chronicle
        self._changing = threading.Lock()
        self._handlers: dict[str, list[Handler]] = {}
        self._next_handlers: dict[str, list[Handler]] = {}

    @overload
    def on(self, name: str, handler: H) -> H: ...
    @overload
    def on(self, name: str) -> Callable[[H], H]: ...
    def on(self, name: str, handler: H | None = None) -> H | Callable[[H], H]:
        """Call ``handler`` whenever this happens. Gives the handler; without one, a decorator."""
        if handler is None:
            return lambda decorated: self.on(name, decorated)
        home = self._home(name)
        home._add(home._handlers, name, handler)
        return handler

    @overload
    def on_next(self, name: str, handler: H) -> H: ...
    @overload
    def on_next(self, name: str) -> Callable[[H], H]: ...
    def on_next(self, name: str, handler: H | None = None) -> H | Callable[[H], H]:
        """Call ``handler`` when this happens next, once. Gives the handler; without one, a decorator."""
        if handler is None:
            return lambda decorated: self.on_next(name, decorated)
        home = self._home(name)
        home._add(home._next_handlers, name, handler)
        return handler

    def off(self, name: str, handler: Handler | None = None) -> Literal[True]:
        """Forget a handler given to ``on``; without one, all of this name.

        Raises:
            ValueError: it is none of them.
        """
        home = self._home(name)
        return home._remove(home._handlers, name, handler, "specified event listener")

    def off_next(self, name: str, handler: Handler | None = None) -> Literal[True]:
        """Forget a handler given to ``on_next``; without one, all of this name.

        Raises:
            ValueError: it is none of them.
        """
        home = self._home(name)
        return home._remove(home._next_handlers, name, handler, "specified next event listener")

    def clear_event_handlers(self) -> Literal[True]:
        """Forget all handlers of all names."""
        with self._changing:
            self._handlers.clear()
            self._next_handlers.clear()
        return True

    def dispatch(self, name: str, event: Any = None) -> Literal[True]:
        """Let it happen: on this thread, those given to ``on`` are called, then those to ``on_next``."""
        self._tell([(self._home(name), name, event)])
        return True

    def wait_for_next(self, name: str, timeout: float | None = None) -> Any:
        """Wait until this happens, and give what its handlers get.

        Counts from what this thread did last, so that an answer that was quicker than the call is not missed.

        Args:
            name: of what.
            timeout: seconds; None waits for ever.

        Raises:
            TimeoutError: it did not happen in time.
            ConnectionClosed: the session has ended, and it will not happen.
        """
        return self._chronicle.wait(self._home(name), name, timeout).payload

    def handles(self, *names: str) -> bool:
        """Whether there is a handler of one of these names."""
        return any(self._handlers.get(name) or self._next_handlers.get(name) for name in names)

    def run(self, happening: Happening, catches: type[BaseException] = Exception) -> None:
        """Call the handlers of what has been noted already; what they raise of this kind, is told to ``error``."""
        with self._changing:  # a handler that is added by one of these waits for the next time
            handlers = [*self._handlers.get(happening.name, ()), *self._next_handlers.pop(happening.name, ())]
        for handler in handlers:
            try:
                handler(happening.payload)
            except catches as error:  # the user's fault must not keep the others from being told
                log.exception("a handler of %s failed", happening.name)
                if happening.name != "error":
                    self._failed(error)

    def _failed(self, error: BaseException) -> None:
        """A handler, or something else of the user's, has raised."""
        self.dispatch("error", error)

    def _tell(self, told: Iterable[tuple[Owner, str, Any]]) -> None:
        for happening in self._chronicle.note(told):
            try:
                happening.owner.run(happening)
            finally:
                self._chronicle.handled([happening])

    def _home(self, name: str) -> EventHandler:
        """Who has the handlers of this name."""
        return self

    def _add(self, handlers: dict[str, list[Handler]], name: str, handler: Handler) -> None:
        if not callable(handler):
            raise TypeError(f"a handler of {name} must be callable, not {type(handler).__name__}")
        with self._changing:
            handlers.setdefault(name, []).append(handler)

    def _remove(
        self, handlers: dict[str, list[Handler]], name: str, handler: Handler | None, what: str
    ) -> Literal[True]:
        with self._changing:
            if handler is None:
                handlers.pop(name, None)
                return True
            try:
                handlers.get(name, []).remove(handler)
            except ValueError:
                raise ValueError(f'Could not turn off {what} for "{name}": not found as a listener') from None
        return True
