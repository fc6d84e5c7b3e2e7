"""What the user has made of the session: all updates that the server took, as one. Pure."""

from __future__ import annotations

from typing import Any, Final

_PATCHED: Final = frozenset({"audio", "input", "output"})
"""Objects that an update changes field by field; all other values it replaces."""


def merged(known: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """The settings after one more update."""
    together = dict(known)
    for key, value in patch.items():
        before = together.get(key)
        if key in _PATCHED and isinstance(before, dict) and isinstance(value, dict):
            value = merged(before, value)
        together[key] = value
    return together
