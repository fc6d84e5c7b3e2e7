"""The Flask sample, with the service of the load test in the place of its own, and a page that tells what it weighs."""

from __future__ import annotations

import os
import threading
from collections import Counter
from pathlib import Path

from samples.call_desk import desk
from samples.flask_app.app import app


class Elsewhere:
    """The service that the test has started."""

    def place(self) -> dict[str, str]:
        return {"url": os.environ["LOAD_SERVICE"]}

    def calls_url(self) -> str:
        return self.place()["url"].replace("ws", "http", 1) + "/calls"

    def origin(self) -> str:
        return self.calls_url().partition("/v1/")[0]


desk.service = Elsewhere()


@app.get("/weight")
def weight():
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    roles = Counter(thread.name.rpartition("-")[0] for thread in threading.enumerate())
    return {"kib": int(status["VmRSS"].split()[0]), "calls": len(desk.supervisor.calls), "threads": roles}
