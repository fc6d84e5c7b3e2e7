"""Hooks: callables that see every event on its way out or in, and may change or drop it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias, TypeVar

E = TypeVar("E")

Hook: TypeAlias = Callable[[E], E | None]
Hooks: TypeAlias = Hook[E] | Iterable[Hook[E]] | None


def chain(hooks: Hooks[E]) -> Hook[E]:
    """One hook that applies all, in their order, and stops at the first that drops the event."""
    steps = () if hooks is None else (hooks,) if callable(hooks) else tuple(hooks)
    if not steps:
        return _unchanged

    def apply(event: E) -> E | None:
        current: E | None = event
        for step in steps:
            if current is None:
                break
            current = step(current)
        return current

    return apply


def _unchanged(event: E) -> E:
    return event
