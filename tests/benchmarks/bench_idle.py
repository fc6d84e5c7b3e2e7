"""What a session costs that says nothing: memory and threads, over 200 of them in one process."""

from __future__ import annotations

import gc
import json
import sys
import threading
from pathlib import Path
from typing import Final

import figures
import peer

SESSIONS: Final = 200


def measure(url: str) -> dict[str, float]:
    """KB of memory and threads for each session, once the first has loaded all the code."""
    import reelthyme_sync

    first = reelthyme_sync.connect(url=f"{url}/v1/realtime")
    memory, threads = _resident_kb(), threading.active_count()
    sessions = [reelthyme_sync.connect(url=f"{url}/v1/realtime") for _ in range(SESSIONS)]
    each = {
        "memory": (_resident_kb() - memory) / SESSIONS,
        "threads": (threading.active_count() - threads) / SESSIONS,
    }
    for session in (first, *sessions):
        session.close()
    return each


def _resident_kb() -> int:
    gc.collect()
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


def main() -> None:
    with peer.running("answer") as url:
        rounds = [figures.in_fresh_process(__file__, url) for _ in range(figures.ROUNDS)]
    said = figures.Figures()
    said.at_most("idle session: memory", [each["memory"] for each in rounds], 100, "KB")
    said.at_most("idle session: threads", [each["threads"] for each in rounds], 2, "threads")
    said.exit()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1])))
    else:
        main()
