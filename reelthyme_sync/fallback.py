"""Somebody to talk with in any case: OpenAI when there is a key, otherwise a local server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from . import endpoints
from .endpoints import API_KEY_VARIABLE, DEFAULT_MODEL, Endpoint
from .errors import MissingApiKey
from .local_server import LocalServerUnavailable, serve


@contextlib.contextmanager
def openai_or_local(model: str = DEFAULT_MODEL) -> Iterator[Endpoint]:
    """Where to connect to, for as long as the ``with`` block lasts. For programs that must run on any machine.

        with openai_or_local() as endpoint, connect(endpoint=endpoint) as session:
            ...

    Raises:
        MissingApiKey: there is no key, and no local server can be started either.
    """
    if endpoints.has_api_key():
        yield endpoints.openai(model=model)
        return
    try:
        server = serve()
    except LocalServerUnavailable as error:
        raise MissingApiKey(
            f"Nobody to talk with: set {API_KEY_VARIABLE} for OpenAI, or install the local server: "
            'pip install "reelthyme_sync[local]"'
        ) from error
    with server:
        yield endpoints.relay(server.url, model=model)
