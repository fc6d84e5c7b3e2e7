"""Many sessions, one after the other: nothing of them stays, not a thread, not a descriptor, not a kilobyte."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import trustme
from faults.census import Census
from faults.elsewhere import server_elsewhere
from faults.patience import PATIENCE

from reelthyme_sync import connect
from reelthyme_sync.events import SessionCreated

WARM_UP = 50
MAY_GROW = 1.05


@pytest.fixture
def certificate(tmp_path, monkeypatch):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "server.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return str(tmp_path / "server.pem")


A_FEW = 200
"""Of which each may keep five times as much as each of a thousand before it is noticed."""

SOME_OR_MANY = pytest.mark.parametrize("count", [A_FEW, pytest.param(1000, marks=pytest.mark.slow)])


@SOME_OR_MANY
def test_sessions_leave_nothing(count):
    with server_elsewhere() as url:
        check_cycles(url, count)


@pytest.mark.slow
def test_a_thousand_sessions_over_tls_leave_nothing(certificate):
    with server_elsewhere(certificate) as url:
        check_cycles(url, 1000)


def check_cycles(url: str, count: int) -> None:
    for _ in range(WARM_UP):
        cycle(url)
    census, resident = Census(), resident_bytes()
    for _ in range(count):
        cycle(url)
    census.check()
    assert resident_bytes() < resident * MAY_GROW


def cycle(url: str) -> None:
    with connect(url=url) as session:
        assert isinstance(session.receive(timeout=PATIENCE), SessionCreated)


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
