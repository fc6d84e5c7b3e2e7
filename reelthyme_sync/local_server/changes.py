"""Frozen values with some fields changed. Pure."""

from __future__ import annotations

from typing import Any, TypeVar, cast

import attrs

T = TypeVar("T")


def changed(value: T, **fields: Any) -> T:
    """``value`` with other ``fields``: ``attrs.evolve``, for classes that type checkers do not know to be attrs."""
    return cast("T", attrs.evolve(cast("Any", value), **fields))
