"""Whom to talk with, as the arguments and the environment say; and saying it."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from rich.console import Console

from .. import endpoints
from ..connecting import connect
from ..endpoints import API_KEY_VARIABLE
from ..fallback import openai_or_local
from ..reconnect import Reconnect
from ..session import Session

CLOSE_WITHIN: Final = 1.5
"""Seconds: Ctrl-C is to be over in two."""


@contextlib.contextmanager
def partner(
    arguments: argparse.Namespace, console: Console, *, reconnect: Reconnect | None = None
) -> Iterator[Session]:
    """A session with ``--url``, or OpenAI with a key, or a local server that is started for the occasion."""
    options: dict[str, Any] = {"close_timeout": CLOSE_WITHIN, "reconnect": reconnect}
    if arguments.url:
        console.print(f"Talking with {urlsplit(arguments.url).netloc}, as --url says.", highlight=False)
        with connect(url=arguments.url, model=arguments.model, **options) as session:
            yield session
        return
    with openai_or_local(arguments.model) as endpoint:
        if endpoints.has_api_key():
            console.print(
                f"Talking with OpenAI's {arguments.model}, because {API_KEY_VARIABLE} is set.", highlight=False
            )
        else:
            console.print(f"Talking with a local server, because {API_KEY_VARIABLE} is not set.", highlight=False)
        with connect(endpoint=endpoint, **options) as session:
            yield session
