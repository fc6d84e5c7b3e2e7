"""A supervisor's first connection imports nothing: a child that is forked meanwhile would wait for that for ever."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from reelthyme_sync.local_server import LocalServer, serve

FOLLOW = """
import json, sys
from reelthyme_sync import ConnectFailed, Supervisor

supervisor = Supervisor()
before = set(sys.modules)
try:
    supervisor.follow("rtc_unknown", print, url=sys.argv[1], api_key="key")
except ConnectFailed:
    print(json.dumps(sorted(set(sys.modules) - before)))
"""


@pytest.fixture(scope="module")
def server():
    with serve() as server:
        yield server


def imported(url: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", FOLLOW, url], capture_output=True, check=True, timeout=60)
    return json.loads(done.stdout)


def test_it_has_all_that_it_needs_from_the_beginning(server: LocalServer):
    assert imported(server.url) == []


def test_also_where_nobody_answers():
    assert imported("ws://127.0.0.1:9/v1/realtime") == []
