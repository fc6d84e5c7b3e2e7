"""The servers behind the fault proxy, and a check that a test left nothing behind."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from faults.census import Census
from faults.patience import PATIENCE
from faults.proxy import FaultProxy
from faults.talker import SCRIPT, Talker

from reelthyme_sync import _link, local_server
from reelthyme_sync.events import ResponseDone

SPEED = 8.0
"""A word of an answer lasts 5 ms: the story a tenth of a second, the saga ten seconds."""


@pytest.fixture(autouse=True)
def a_goodbye_may_take_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """As much as the close timeout gives: a machine that stands still for a second does not answer within one."""
    monkeypatch.setattr(_link, "_GOODBYE_WITHIN", PATIENCE)


@pytest.fixture(scope="session")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("faults") / "script.json"
    path.write_text(json.dumps(SCRIPT))
    return path


@pytest.fixture(scope="module")
def server(script: Path) -> Iterator[local_server.LocalServer]:
    with local_server.serve(script=script, speed=SPEED) as server:
        _warm_up(server.url)
        yield server


@pytest.fixture(scope="module")
def tls_server(script: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[local_server.LocalServer]:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    bundle = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    with pytest.MonkeyPatch.context() as patch, local_server.serve(script=script, speed=SPEED, tls=context) as server:
        patch.setenv("SSL_CERT_FILE", str(bundle))
        _warm_up(server.url)
        yield server


@pytest.fixture
def proxy(server: local_server.LocalServer) -> Iterator[FaultProxy]:
    """A fault proxy in front of the server; when the test is over, nothing of it and its clients must be left."""
    census = Census()
    with FaultProxy(server.url) as proxy:
        yield proxy
    census.check()


def _warm_up(url: str) -> None:
    """Let the server start what it starts once."""
    talker = Talker(url)
    with talker.open():
        talker.ask("my order")
        talker.read_until(ResponseDone)
