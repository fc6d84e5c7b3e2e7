"""What holds for every test: none leaves a thread behind, none shows a key, and in the CI none is skipped."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from reelthyme_sync import Session
from reelthyme_sync.testing import ScriptedTransport

pytest_plugins = ["leaks", "pytester"]

# how long an example takes says more of the machine than of the code: one that stands still for 0.2 s is no failure
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as of all that a shell runs in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)

THREADS_END_WITHIN = 20.0
SKIPS_ARE_FAILURES = os.environ.get("CI") == "true" and sys.platform == "linux"


@pytest.fixture(autouse=True)
def no_thread_is_left_behind() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + THREADS_END_WITHIN
    for thread in _ours() - before:
        thread.join(max(0.0, deadline - time.monotonic()))
    left = sorted(thread.name for thread in _ours() - before)
    assert not left, f"left behind: {', '.join(left)}"


@pytest.fixture
def transport() -> ScriptedTransport:
    return ScriptedTransport()


@pytest.fixture
def session(transport: ScriptedTransport) -> Iterator[Session]:
    with Session(transport) as session:
        yield session


def _ours() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("reelthyme-")}


def pytest_sessionfinish(session: pytest.Session) -> None:
    if _skipped(session.config) and SKIPS_ARE_FAILURES and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if SKIPS_ARE_FAILURES and (skipped := _skipped(config)):
        terminalreporter.section("skipped, which here is a failure")
        terminalreporter.write_line("\n".join(skipped))


def _skipped(config: pytest.Config) -> list[str]:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return [report.nodeid for report in reporter.stats.get("skipped", [])] if reporter else []
