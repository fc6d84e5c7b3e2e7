import pytest

from reelthyme_sync import AudioUnavailable
from reelthyme_sync.audio.recorder import Recorder
from reelthyme_sync.pcm import ms_to_bytes
from reelthyme_sync.testing import FakeMicrophone


@pytest.fixture
def microphone():
    return FakeMicrophone()


@pytest.fixture
def failures() -> list[Exception]:
    return []


def test_chunks_are_exactly_the_interval_long_and_stop_gives_the_rest(microphone, failures):
    chunks: list[bytes] = []
    recorder = Recorder(microphone, interval_ms=100, emit=chunks.append, ordinal=0, failed=failures.append)
    recorded = bytes(range(256)) * 60
    for start in range(0, len(recorded), 480):
        microphone.push(recorded[start : start + 480])
    recorder.finish()
    recorder.join()
    assert {len(chunk) for chunk in chunks[:-1]} == {ms_to_bytes(100)}
    assert 0 < len(chunks[-1]) < ms_to_bytes(100)
    assert b"".join(chunks) == recorded
    assert microphone.closed.is_set()


def test_a_microphone_that_fails_is_closed_and_remembered(microphone, failures):
    chunks: list[bytes] = []
    recorder = Recorder(microphone, interval_ms=10, emit=chunks.append, ordinal=0, failed=failures.append)
    microphone.push(b"\1\1" * 240)
    microphone.fail(AudioUnavailable("unplugged"))
    recorder.join()
    assert chunks == [b"\1\1" * 240]
    assert [type(failure) for failure in failures] == [AudioUnavailable]
    assert microphone.closed.is_set()


def test_a_receiver_that_fails_ends_the_recording(microphone, failures):
    def refuse(chunk: bytes) -> None:
        raise ConnectionError("gone")

    recorder = Recorder(microphone, interval_ms=10, emit=refuse, ordinal=0, failed=failures.append)
    microphone.push(b"\1\1" * 240)
    recorder.join()
    assert [type(failure) for failure in failures] == [ConnectionError]
    assert microphone.closed.is_set()
