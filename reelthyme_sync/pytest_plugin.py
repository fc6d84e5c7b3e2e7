"""The pytest fixture ``realtime_server``, there for whoever has the library and pytest installed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .local_server import LocalServer


@pytest.fixture
def realtime_server() -> Iterator[LocalServer]:
    """A local server that hears and talks, as long as one test: ``connect(url=realtime_server.url)``."""
    from .local_server import serve

    with serve() as server:
        yield server
