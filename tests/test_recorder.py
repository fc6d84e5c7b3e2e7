import logging
import threading

import pytest

from reelthyme_sync import AudioUnavailable
from reelthyme_sync.audio.recorder import Recorder
from reelthyme_sync.testing import PATIENCE, FakeMicrophone

BLOCK = b"\1\1" * 240


@pytest.fixture
def microphone():
    return FakeMicrophone()


@pytest.fixture
def ends() -> list[Exception | None]:
    return []


def test_every_block_is_handed_on_and_the_end_is_told_when_the_microphone_is_free(microphone):
    blocks: list[bytes] = []
    closed_at_the_end: list[bool] = []
    recorder = Recorder(
        microphone, hear=blocks.append, ended=lambda _: closed_at_the_end.append(microphone.closed.is_set()), ordinal=0
    )
    recorded = [bytes([number]) * 480 for number in range(100)]
    for block in recorded:
        microphone.push(block)
    recorder.finish()
    recorder.join()
    assert blocks == recorded
    assert closed_at_the_end == [True]


def test_a_microphone_that_fails_is_closed_and_the_failure_told(microphone, ends):
    blocks: list[bytes] = []
    recorder = Recorder(microphone, hear=blocks.append, ended=ends.append, ordinal=0)
    microphone.push(BLOCK)
    microphone.fail(AudioUnavailable("unplugged"))
    recorder.join()
    assert blocks == [BLOCK]
    assert [type(end) for end in ends] == [AudioUnavailable]
    assert microphone.closed.is_set()


def test_a_receiver_that_fails_ends_the_recording(microphone, ends):
    def refuse(block: bytes) -> None:
        raise ConnectionError("gone")

    recorder = Recorder(microphone, hear=refuse, ended=ends.append, ordinal=0)
    microphone.push(BLOCK)
    recorder.join()
    assert [type(end) for end in ends] == [ConnectionError]
    assert microphone.closed.is_set()


def test_lost_sound_is_counted_always_and_logged_once(microphone, ends, caplog):
    heard = threading.Semaphore(0)
    recorder = Recorder(microphone, hear=lambda _: heard.release(), ended=ends.append, ordinal=0)
    with caplog.at_level(logging.WARNING, "reelthyme_sync"):
        for lost in (False, True, True):
            microphone.push(BLOCK, lost=lost)
            assert heard.acquire(timeout=PATIENCE)
        recorder.finish()
        recorder.join()
    assert recorder.overflows == 2
    assert [record.message for record in caplog.records] == [
        "the microphone has lost sound, because this process was late to take it"
    ]
    assert ends == [None]
