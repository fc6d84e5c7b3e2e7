"""PortAudio that does not come back, and Ctrl-C at any moment: what is being ended still ends, and in time."""

from __future__ import annotations

import itertools
import linecache
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from device_pair import PATIENCE, Pair, block, card, failure_of, open_directions, pair
from echo_fakes import Subtracting
from fake_sound_card import SoundCard
from faults.patience import wait_until

from reelthyme_sync import AudioUnavailable, Session, capture_audio, stream
from reelthyme_sync._bell import Bell
from reelthyme_sync.audio import carrier, line, player, portaudio, pyaudio_device, recorder
from reelthyme_sync.audio.pyaudio_device import PyAudioMicrophone, PyAudioSpeaker, list_devices
from reelthyme_sync.testing import ScriptedTransport

__all__ = ["card", "pair"]  # fixtures

ENDS_WITHIN = 2.0
"""Seconds; the claim. Each end takes 1 ms when nothing hangs."""

TIMES_SOONER = 10
"""Here PortAudio is given up so many times sooner, so that what it lasts is not what the machine adds."""

SOONER = {name: getattr(portaudio, name) / TIMES_SOONER for name in ("OPEN_WITHIN", "CHANGE_WITHIN", "CLOSE_WITHIN")}

STEPS = ["open", "start", "terminate"]


@pytest.fixture
def waited_in_vain(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], float]:
    """How long somebody waits in an action for what does not come, if PortAudio is not given up sooner; it ends."""
    waits: list[float] = []
    wait_for = Bell.wait_for

    def remember(bell: Bell, condition: Callable[[], bool], timeout: float | None = None) -> bool:
        came = wait_for(bell, condition, timeout)
        if not came and threading.current_thread() is threading.main_thread():
            waits.append(timeout or 0.0)
        return came

    def seconds(action: Callable[[], object]) -> float:
        waits.clear()
        began = time.monotonic()
        action()
        assert time.monotonic() - began < PATIENCE
        return TIMES_SOONER * sum(waits)

    monkeypatch.setattr(Bell, "wait_for", remember)
    return seconds


@pytest.fixture
def hang(card: SoundCard, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Makes a step of PortAudio hang, until the end of the test; it is given up sooner."""
    comes_back = threading.Event()

    def from_now_on(step: str) -> None:
        card.hangs[step] = comes_back
        for name, value in SOONER.items():
            monkeypatch.setattr(portaudio, name, value)

    yield from_now_on
    comes_back.set()
    for thread in threading.enumerate():
        if thread.name.startswith("reelthyme-device"):
            thread.join(PATIENCE)


@pytest.mark.parametrize("step", STEPS)
def test_a_conversation_ends_in_time_whatever_hangs(
    card: SoundCard,
    hang: Callable[[str], None],
    waited_in_vain: Callable[[Callable[[], object]], float],
    caplog: pytest.LogCaptureFixture,
    step: str,
) -> None:
    session = Session(ScriptedTransport())
    playing = stream(session, speaker=PyAudioSpeaker())
    capture = capture_audio(session, microphone=PyAudioMicrophone(), echo=Subtracting())
    assert open_directions(card) == [{"input", "output"}]
    hang(step)
    with caplog.at_level(logging.WARNING, "reelthyme_sync"):
        for end in (capture.stop, playing.stop, session.close):
            assert waited_in_vain(end) < ENDS_WITHIN
    assert "PortAudio" in caplog.text


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("left", ["speaker", "microphone"])
def test_who_waits_for_a_device_that_cannot_be_had_back_is_told(
    pair: Pair,
    hang: Callable[[str], None],
    waited_in_vain: Callable[[Callable[[], object]], float],
    step: str,
    left: str,
) -> None:
    pair.join()
    pair.speaker.write(block(1))
    hang(step)
    (pair.microphone if left == "speaker" else pair.speaker).close()
    assert left in failure_of(pair.speaker.drain if left == "speaker" else pair.microphone.read)
    assert waited_in_vain(pair.speaker.close) < ENDS_WITHIN
    assert waited_in_vain(pair.microphone.close) < ENDS_WITHIN


@pytest.mark.parametrize("step", ["initialize", "open", "start"])
def test_a_device_that_does_not_answer_is_an_error(card: SoundCard, hang: Callable[[str], None], step: str) -> None:
    hang(step)
    with pytest.raises(AudioUnavailable, match="The microphone does not .*: PortAudio has not answered"):
        PyAudioMicrophone()


def test_a_list_of_devices_that_does_not_come_is_an_error_and_keeps_nobody_from_closing(
    card: SoundCard,
    pair: Pair,
    hang: Callable[[str], None],
    waited_in_vain: Callable[[Callable[[], object]], float],
) -> None:
    hang("initialize")
    with pytest.raises(AudioUnavailable, match="has not answered"):
        list_devices()
    assert waited_in_vain(pair.speaker.close) < ENDS_WITHIN
    assert open_directions(card) == [{"input"}]
    pair.microphone.close()


def test_what_hung_and_comes_back_after_all_is_not_left_open(card: SoundCard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portaudio, "OPEN_WITHIN", 0.05)
    comes_back = card.hangs["open"] = threading.Event()
    with pytest.raises(AudioUnavailable):
        PyAudioSpeaker()
    comes_back.set()
    for thread in threading.enumerate():
        if thread.name.startswith("reelthyme-device"):
            thread.join(PATIENCE)
    assert len(card.streams) == 1
    assert not card.open_streams


EXIT = """
import sys, threading, time
from types import SimpleNamespace
from fake_sound_card import FakePyAudio, SoundCard
from reelthyme_sync.audio import portaudio
from reelthyme_sync.audio.full_duplex import join
from reelthyme_sync.audio.pyaudio_device import PyAudioMicrophone, PyAudioSpeaker

card = SoundCard()
sys.modules["pyaudio"] = SimpleNamespace(PyAudio=lambda: FakePyAudio(card))
speaker, microphone = PyAudioSpeaker(), PyAudioMicrophone()
assert join(speaker, microphone)
for name, value in {SOONER}.items():
    setattr(portaudio, name, value)
card.hangs[sys.argv[1]] = threading.Event()
if sys.argv[2] == "closed":
    microphone.close()
    speaker.close()
print(time.time())
""".replace("{SOONER}", repr(SOONER))


@pytest.mark.parametrize("closed", ["closed", "open"])
@pytest.mark.parametrize("step", STEPS)
def test_the_process_exits_in_time(step: str, closed: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", EXIT, step, closed],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])},
        capture_output=True,
        text=True,
        timeout=30,
    )
    over = time.time() - float(done.stdout)
    assert done.returncode == 0, done.stderr
    assert over < ENDS_WITHIN


OURS = {module.__file__ for module in (carrier, line, player, portaudio, pyaudio_device, recorder)}


class CtrlC:
    """Comes before the so-and-so-manieth line of ours that a thread runs.

    But not before a ``with``, which is traced once more when its block is left, nor at a ``try``, which may be the
    first in such a block: there Python looks for no signal, and the tracer would be outside of the block.
    """

    def __init__(self, at: int) -> None:
        self.came = False
        self._left = at

    def __enter__(self) -> CtrlC:
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename not in OURS or self.came:
            return None
        code = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
        if event == "line" and not code.lstrip().startswith(("with ", "try:")):
            self._left -= 1
            if self._left < 0:
                self.came = True
                raise KeyboardInterrupt
        return self._trace


def end_pair(act: str, at: int) -> bool:
    """Whether Ctrl-C came. If so the same is done once more, as by a ``finally``."""
    pair = Pair()
    if act != "join":
        pair.join()
    action: Callable[[], object] = {"speaker": pair.speaker.close, "microphone": pair.microphone.close}.get(
        act, pair.join
    )
    interrupted = CtrlC(at)
    try:
        with interrupted:
            action()
    except KeyboardInterrupt:
        action()
    pair.microphone.close()
    pair.speaker.close()
    return interrupted.came


@pytest.mark.parametrize("act", ["speaker", "microphone", "join"])
def test_ctrl_c_at_any_line_leaves_no_device_open_and_no_lock_taken(card: SoundCard, act: str) -> None:
    for at in itertools.count():
        came = end_pair(act, at)
        # On a machine that stands still, PortAudio is left to end behind the back of whoever closes.
        assert wait_until(lambda: not card.open_streams and card.users == 0), at
        assert not line._changing.locked(), at
        assert not portaudio._portaudio.locked(), at
        if not came:
            break
    assert at > 40


def test_ctrl_c_at_any_line_of_the_end_of_a_conversation_leaves_nothing_open(card: SoundCard) -> None:
    for at in itertools.count():
        interrupted = CtrlC(at)
        session = Session(ScriptedTransport())
        try:
            with (
                session,
                stream(session, speaker=PyAudioSpeaker()) as playing,
                capture_audio(session, microphone=PyAudioMicrophone(), echo=Subtracting()) as capture,
            ):
                try:
                    with interrupted:
                        capture.stop()
                        playing.stop()
                except KeyboardInterrupt:
                    pass
        finally:
            session.close()
        assert wait_until(lambda: not card.open_streams and card.users == 0), at
        if not interrupted.came:
            break
    assert at > 10
