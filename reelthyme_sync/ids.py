"""Ids that we give: to events, so that an error can name the one that it is about, and to items."""

from __future__ import annotations

import secrets
from typing import Final

BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
"""Letters and digits that nobody takes for each other."""


def generate_id(prefix: str, length: int = 21) -> str:
    """A random id that begins with ``prefix`` and has ``length`` characters in all."""
    return prefix + "".join(secrets.choice(BASE58) for _ in range(length - len(prefix)))
