"""A server on this machine that speaks the Realtime protocol, hears and talks: no network, no key, no cost.

    with serve() as server, connect(url=server.url) as session:
        ...

Use it to try the library, to develop without a bill, and in tests. It understands English, does sums, tells the time
and stories, repeats what you say and calls your tools; it is no language model and does not pretend to be one.

Browsers call it by WebRTC, as they call the service (with ``reelthyme_sync[webrtc]``), telephones ring by
``LocalServer.ring``, and ``connect(url=server.url, call_id=...)`` follows the calls of both.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import ssl
from typing import TYPE_CHECKING

from ..errors import RealtimeError

if TYPE_CHECKING:
    from .caller import HeardAnswer
    from .phone import Phone
    from .server import LocalServer

__all__ = ["HeardAnswer", "LocalServer", "LocalServerUnavailable", "Phone", "serve"]

_LATE = {"HeardAnswer": ".caller", "LocalServer": ".server", "Phone": ".phone"}


class LocalServerUnavailable(RealtimeError, ImportError):
    """The local server cannot run here: what it is made of is not installed."""


def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: ssl.SSLContext | None = None,
    script: str | os.PathLike[str] | None = None,
    speed: float = 8.0,
    lifetime: float = 3600.0,
    api_key: str | None = None,
) -> LocalServer:
    """Start a local server on a thread of its own. It takes any model.

    Args:
        host: the address to listen at; the default can be reached from this machine only.
        port: 0 takes a free one.
        tls: a server's context, for ``wss``.
        script: a JSON file with answers that come before all others, a list of
            ``{"when": "regular expression", "say": "words"}`` and
            ``{"when": "...", "call": {"name": "a tool", "arguments": {}}}``, or a list of such calls, made at once.
        speed: how many times faster than real time responses stream; ``math.inf`` does not wait at all. What a caller
            hears takes its time all the same.
        lifetime: seconds until a session expires, as the service's do after an hour; a call ends with its session.
        api_key: the only key that it takes; others get the service's error, ``invalid_api_key``, and are closed (3000).
            Without one it takes any key, and none. Client secrets, which it makes for who has the key
            (``create_client_secret(url=server.url)``), it takes until they expire. A browser's call can be followed
            and ended with the secret that it was made with, with the key that the secret was made with, and with this
            key; a telephone's with any key that is taken.

    Raises:
        LocalServerUnavailable: ``aiohttp`` is not installed.
        OSError: the port is taken, or the script cannot be read.
        ValueError: the script is none.
    """
    if importlib.util.find_spec("aiohttp") is None:
        raise LocalServerUnavailable('The local server is not installed: pip install "reelthyme_sync[local]"')
    from .app import Options
    from .script import read_script
    from .server import LocalServer

    lines = [] if script is None else read_script(script)
    return LocalServer(
        Options(host=host, port=port, tls=tls, script=lines, speed=speed, lifetime=lifetime, api_key=api_key)
    )


def __getattr__(name: str) -> object:
    """What is first asked for when it is needed: importing this package must not import asyncio."""
    if name in _LATE:
        return getattr(importlib.import_module(_LATE[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
