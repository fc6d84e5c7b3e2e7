"""The local server in a process of its own: its ears keep the interpreter busy, and a sound card does not wait."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson


@contextmanager
def local_server_process(script: list[dict[str, Any]], folder: Path) -> Iterator[str]:
    """A server that answers as scripted, as long as the block lasts; gives its URL."""
    path = folder / "script.json"
    path.write_bytes(orjson.dumps(script))
    command = [sys.executable, "-u", "-m", "reelthyme_sync", "serve", "--port", "0", "--script", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            found = re.search(r"ws://\S+", process.stdout.readline())
            assert found, "the server did not start"
            yield found[0]
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate()
