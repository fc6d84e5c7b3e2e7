"""``reelthyme serve``: the local server, until Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import threading

from rich.console import Console

from .. import local_server
from ..errors import RealtimeError


def serve(arguments: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM."""
    console = Console()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        server = local_server.serve(host=arguments.host, port=arguments.port, script=arguments.script)
    except (OSError, OverflowError, ValueError) as error:
        raise RealtimeError(f"The local server cannot start: {error}") from error
    with server:
        console.print(f"Serving the realtime protocol at {server.url}", highlight=False)
        console.print(f"Talk with it: reelthyme talk --url {server.url}   (Ctrl-C ends it)", highlight=False)
        threading.Event().wait()
    return 0
