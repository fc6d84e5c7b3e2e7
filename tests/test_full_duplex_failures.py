"""Speaker and microphone as one stream: what may go wrong on the way there and back, and at the end of the process."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import ModuleType

import pytest
from device_pair import PATIENCE, Pair, block, card, failure_of, open_directions, pair
from fake_sound_card import ABORT, BLOCK, CONTINUE, SoundCard

from reelthyme_sync import _exit
from reelthyme_sync.audio import line, portaudio
from reelthyme_sync.audio.pyaudio_device import PyAudioMicrophone, PyAudioSpeaker

__all__ = ["card", "pair"]  # fixtures

REFUSED = OSError(-9993, "Illegal combination of I/O devices")
GONE = OSError(-9996, "Invalid device")


def refuse_to_start(thread: threading.Thread) -> None:
    raise RuntimeError("can't create new thread at interpreter shutdown")  # Python 3.12


@pytest.fixture
def main_thread_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in an exit function, or in a thread of the user's that outlives it."""
    monkeypatch.setattr(threading, "main_thread", threading.Thread)
    monkeypatch.setattr(threading.Thread, "start", refuse_to_start)


def test_a_lost_device_is_not_joined(card: SoundCard, pair: Pair) -> None:
    pair.speaker.line._stream._fail("has stopped")
    opened = len(card.streams)
    assert not pair.join()
    assert len(card.streams) == opened


@pytest.mark.parametrize("step", ["open both", "start both"])
def test_devices_that_are_refused_together_go_on_alone(card: SoundCard, pair: Pair, step: str) -> None:
    card.refusals[step] = REFUSED
    pair.speaker.write(block(1))
    assert not pair.join()
    output, record = card.open_streams
    assert (output.directions, record.directions) == ({"output"}, {"input"})
    assert output.passes() == (block(1), CONTINUE)
    record.passes(block(2))
    assert (pair.microphone.read(), pair.microphone.played) == (block(2), None)


@pytest.mark.parametrize("step", ["open both", "start both"])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError(), RuntimeError("can't start new thread")])
def test_after_any_other_error_they_go_on_alone_and_it_is_raised(
    card: SoundCard, pair: Pair, step: str, error: BaseException
) -> None:
    card.refusals[step] = error
    pair.speaker.write(block(1))
    with pytest.raises(type(error)):
        pair.join()
    output, record = card.open_streams
    assert output.passes() == (block(1), CONTINUE)
    record.passes(block(2))
    assert (pair.microphone.read(), pair.microphone.played) == (block(2), None)
    card.refusals.clear()
    assert pair.join()


def test_ctrl_c_while_the_first_is_closed_leaves_both_with_a_stream(card: SoundCard, pair: Pair) -> None:
    carrier = pair.speaker.line._stream._carrier
    end, interrupted = carrier.end, threading.Event()

    def interrupt_once(order: Callable[[], object], within: float) -> bool:
        if not interrupted.is_set():
            interrupted.set()
            raise KeyboardInterrupt
        return end(order, within)

    carrier.end = interrupt_once  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        pair.join()
    assert sorted(map(sorted, open_directions(card))) == [["input"], ["output"]]


def test_a_stream_for_which_no_thread_starts_is_not_left_open(card: SoundCard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Thread, "start", refuse_to_start)
    with pytest.raises(RuntimeError, match="interpreter shutdown"):
        PyAudioSpeaker()
    assert not card.open_streams


@pytest.mark.parametrize("step", ["open", "start"])
@pytest.mark.parametrize(
    ("error", "words"),
    [(KeyboardInterrupt(), "KeyboardInterrupt()"), (RuntimeError("can't start new thread"), "can't start new thread")],
)
def test_both_are_told_when_the_error_comes_again(
    card: SoundCard, pair: Pair, step: str, error: BaseException, words: str
) -> None:
    card.refusals[step] = error
    with pytest.raises(type(error)):
        pair.join()
    assert not card.open_streams
    for noun, wait in (("speaker", pair.speaker.wait_writable), ("microphone", pair.microphone.read)):
        assert failure_of(wait) == f"The {noun} is lost after a change of streams: {words}"


def test_devices_that_cannot_be_had_back_are_lost(card: SoundCard, pair: Pair) -> None:
    card.refusals["open"] = GONE
    assert not pair.join()
    for noun, wait in (("speaker", pair.speaker.wait_writable), ("microphone", pair.microphone.read)):
        told = failure_of(wait)
        assert told.startswith(f"The {noun} is lost")
        assert "it has gone" in told


def test_another_rate_does_not_do_for_a_device_that_is_had_back(card: SoundCard, pair: Pair) -> None:
    card.demands = lambda rate, channels: -9997 if rate == 24_000 else 0
    assert not pair.join()
    assert not card.open_streams
    assert failure_of(pair.microphone.read).startswith("The microphone is lost")


def test_one_that_cannot_be_left_alone_is_lost(card: SoundCard, pair: Pair) -> None:
    pair.join()
    card.refusals["open"] = GONE
    pair.microphone.close()
    assert failure_of(pair.speaker.wait_writable).startswith("The speaker is lost")


@pytest.mark.parametrize(("closed", "left"), [("microphone", "speaker"), ("speaker", "microphone")])
def test_one_that_cannot_be_left_alone_for_any_other_reason_is_lost_and_the_other_closed(
    card: SoundCard, pair: Pair, closed: str, left: str
) -> None:
    pair.join()
    card.refusals["open"] = RuntimeError("can't start new thread")
    getattr(pair, closed).close()
    wait = pair.speaker.wait_writable if left == "speaker" else pair.microphone.read
    assert failure_of(wait).startswith(f"The {left} is lost after a change of streams: can't start")
    assert getattr(pair, closed).line._closed


def test_a_line_is_closed_for_the_exit_even_if_that_is_interrupted(card: SoundCard, pair: Pair) -> None:
    pair.join()
    card.refusals["open"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        pair.microphone.close()
    assert pair.microphone.line._closed
    assert failure_of(pair.speaker.wait_writable).startswith("The speaker is lost")


def test_an_error_in_a_tap_loses_both(card: SoundCard, pair: Pair) -> None:
    def tap(sound: bytes) -> None:
        raise ValueError("the tap is broken")

    pair.speaker.close()
    pair.speaker = PyAudioSpeaker(tap=tap)
    pair.join()
    assert card.stream.passes(block(1)) == (None, ABORT)
    for noun, wait in (("speaker", pair.speaker.wait_writable), ("microphone", pair.microphone.read)):
        told = failure_of(wait)
        assert told.startswith(f"The {noun} was stopped")
        assert "the tap is broken" in told
    opened = len(card.streams)
    pair.microphone.close()
    assert len(card.streams) == opened, "a lost speaker was opened again"
    assert not pair.join()


def test_a_stream_that_no_longer_calls_loses_both(card: SoundCard, pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portaudio, "WATCH_EVERY", 0.02)
    pair.join()
    pair.speaker.write(block(1))
    for wait in (pair.speaker.drain, pair.microphone.read):
        assert "has stopped: was it unplugged" in failure_of(wait)


def test_a_device_that_is_not_let_go_of_holds_nobody_up(
    card: SoundCard, pair: Pair, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(portaudio, "CLOSE_WITHIN", 0.01)
    released = threading.Event()
    card.closing = released.wait
    opened = len(card.streams)
    with caplog.at_level(logging.WARNING, "reelthyme_sync"):
        assert not pair.join()
    assert "does not let go of the speaker" in caplog.text
    assert len(card.streams) == opened
    for wait in (pair.speaker.wait_writable, pair.microphone.read):
        assert "has stopped" in failure_of(wait)
    released.set()
    for thread in threading.enumerate():
        if thread.name.startswith("reelthyme-device"):
            thread.join(PATIENCE)


@pytest.mark.parametrize("closed", ["speaker", "microphone"])
def test_closing_waits_for_a_joining_that_is_under_way(card: SoundCard, pair: Pair, closed: str) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def stop_here(rate: int, channels: int) -> int:
        reached.set()
        assert go_on.wait(PATIENCE)
        return 0

    card.demands = stop_here
    joining = threading.Thread(target=pair.join)
    joining.start()
    assert reached.wait(PATIENCE)
    closing = threading.Thread(target=getattr(pair, closed).close)
    closing.start()
    go_on.set()
    for thread in (joining, closing):
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert open_directions(card) == [{"input"} if closed == "speaker" else {"output"}]


def test_both_may_be_closed_at_once_and_twice(card: SoundCard, pair: Pair) -> None:
    pair.join()
    closings = [
        threading.Thread(target=close) for close in (pair.speaker.close, pair.microphone.close) for _ in range(2)
    ]
    for closing in closings:
        closing.start()
    for closing in closings:
        closing.join(PATIENCE)
        assert not closing.is_alive()
    assert card.users == 0


def test_a_pair_that_nobody_closed_is_closed_with_the_process_and_opens_nothing(
    card: SoundCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_exit, "_leaving", threading.Event())  # of a process that goes on
    pair = Pair()
    pair.join()
    opened = len(card.streams)
    _exit.end_all()
    assert (card.users, len(card.streams)) == (0, opened)
    pair.microphone.close()
    pair.speaker.close()


class TestAfterTheMainThread:
    @pytest.fixture(autouse=True)
    def joined(self, pair: Pair) -> None:
        assert pair.join()

    def test_a_speaker_that_is_left_plays_to_its_end(
        self, card: SoundCard, pair: Pair, joined: None, main_thread_has_ended: None
    ) -> None:
        pair.speaker.write(block(1) + block(2))
        pair.microphone.close()
        assert [card.stream.passes(block(9))[0] for _ in range(2)] == [block(1), block(2)]
        for _ in range(3):
            card.stream.passes(block(9))
        pair.speaker.drain()
        assert pair.microphone.read() == b""
        pair.speaker.close()
        assert card.users == 0

    def test_a_microphone_that_is_left_hears_on_and_the_speaker_is_silent(
        self, card: SoundCard, pair: Pair, joined: None, main_thread_has_ended: None
    ) -> None:
        pair.speaker.write(block(1) + block(2))
        pair.speaker.close()
        assert card.stream.passes(block(3)) == (bytes(2 * BLOCK), CONTINUE)
        assert (pair.microphone.read(), pair.microphone.played) == (block(3), None)
        pair.microphone.close()
        assert card.users == 0

    def test_nothing_is_joined(
        self, card: SoundCard, pair: Pair, monkeypatch: pytest.MonkeyPatch, joined: None
    ) -> None:
        pair.microphone.close()
        pair.microphone = PyAudioMicrophone()
        monkeypatch.setattr(threading, "main_thread", threading.Thread)
        assert not pair.join()
        assert open_directions(card) == [{"output"}, {"input"}]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("module", [line, portaudio])
def test_a_child_of_a_process_that_is_joining_may_use_devices_of_its_own(card: SoundCard, module: ModuleType) -> None:
    with module._changing if module is line else module._portaudio:
        child = os.fork()
        if not child:
            signal.alarm(5)
            PyAudioMicrophone().close()
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
