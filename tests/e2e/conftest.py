"""The virtual sound card: real PyAudio on real ALSA on PipeWire, without hardware."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[1] / "virtual_sound_card"
PARTS = ("pipewire", "wireplumber", "pw-link")


class SoundCard:
    """A running card.

    Attributes:
        folder: where it keeps its sockets and its daemons' numbers.
        variables: what a process needs in its environment to use it.
    """

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        exports = self._run("start").splitlines()  # export NAME='value'
        self.variables = dict(shlex.split(export)[1].split("=", 1) for export in exports)

    def server_pid(self) -> int:
        return int((self.folder / "pipewire.pid").read_text())

    def stop(self) -> None:
        self._run("stop")

    def _run(self, verb: str) -> str:
        environment = {**os.environ, "REELTHYME_SOUND_CARD": str(self.folder)}
        done = subprocess.run([SCRIPT, verb], env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="session")
def sound_card() -> Iterator[SoundCard]:
    """The card that is this process's default input and output, from here to the end of all tests."""
    with _running_card() as card, pytest.MonkeyPatch.context() as patch:
        for name, value in card.variables.items():
            patch.setenv(name, value)
        yield card


@pytest.fixture
def another_sound_card() -> Iterator[SoundCard]:
    """A card for one test to break, from another process."""
    with _running_card() as card:
        yield card


@pytest.fixture(scope="module")
def user(browser: Any) -> Iterator[Any]:
    """Somebody at the ``browser`` of this file."""
    from browser import profile  # here: it takes playwright, which other tests do without

    with profile(browser) as user:
        yield user


@pytest.fixture(scope="module")
def tab(user: Any) -> Iterator[Any]:
    """One for all pages of a file: a new one costs a second of processor."""
    from browser import tab_of

    with tab_of(user) as tab:
        yield tab


@contextmanager
def _running_card() -> Iterator[SoundCard]:
    if missing := [part for part in PARTS if shutil.which(part) is None]:
        pytest.skip(f"no virtual sound card without {', '.join(missing)} (on Linux: .ci/system-packages sound-card)")
    # not pytest's own folder: the path of a socket has at most 107 bytes
    with tempfile.TemporaryDirectory(prefix="reelthyme-sound-") as folder:
        card = SoundCard(folder)
        try:
            yield card
        finally:
            card.stop()
