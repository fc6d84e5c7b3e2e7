"""Waiting for what has no event of its own to wait for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic

PATIENCE = 20.0
"""Seconds that only a test that fails ever waits."""


def wait_until(reached: Callable[[], object], patience: float = PATIENCE) -> bool:
    """Look until something is true. Tells whether it came about."""
    deadline = monotonic() + patience
    while not (found := bool(reached())) and monotonic() < deadline:
        threading.Event().wait(0.002)
    return found
