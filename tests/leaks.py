"""A plugin: no test may show a test key, neither in what it prints nor in what it logs nor in an exception's text.

Looked through are what pytest captured, logs from DEBUG on, what a test took out of ``capsys`` or ``capfd`` for itself,
every exception that a test expected, with its causes, and the report of one that it did not expect. The output of
subprocesses is seen only where it is not redirected.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator

import keys
import pytest

LOGGERS = ["reelthyme_sync", "websocket"]


class Leaks:
    """Where keys were seen since the current test began."""

    def __init__(self) -> None:
        self.places: list[str] = []

    def look(self, place: str, text: str) -> None:
        if any(key in text for key in keys.ALL) and place not in self.places:
            self.places.append(place)

    @pytest.hookimpl
    def pytest_runtest_logstart(self) -> None:
        self.places.clear()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> Iterator[None]:
        report = yield
        for title, text in report.sections:
            self.look(title, text)
        self.look(f"the report of {report.when}", report.longreprtext)
        if call.when == "teardown" and self.places:
            report.outcome = "failed"
            report.longrepr = f"a test key was shown, in: {', '.join(self.places)}"
        return report


def pytest_configure(config: pytest.Config) -> None:
    leaks, patch = Leaks(), pytest.MonkeyPatch()
    config.pluginmanager.register(leaks)
    config.add_cleanup(patch.undo)
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.DEBUG)
    read, expect = pytest.CaptureFixture.readouterr, pytest.ExceptionInfo.fill_unfilled

    def readouterr(fixture):
        taken = read(fixture)
        leaks.look("what the test took of its output", f"{taken.out}{taken.err}")
        return taken

    def fill_unfilled(caught, exc_info):
        leaks.look("an expected exception", "".join(traceback.format_exception(exc_info[1])) + repr(exc_info[1]))
        return expect(caught, exc_info)

    patch.setattr(pytest.CaptureFixture, "readouterr", readouterr)
    patch.setattr(pytest.ExceptionInfo, "fill_unfilled", fill_unfilled)
