import threading

import pytest

from reelthyme_sync import AudioUnavailable
from reelthyme_sync.audio.clock import SoftwareClock
from reelthyme_sync.audio.software import SoftwareMicrophone, SoftwareSpeaker
from reelthyme_sync.pcm import ms_to_bytes

LOUD = b"\x11\x11"


def sound(ms: float) -> bytes:
    return LOUD * (ms_to_bytes(ms) // 2)


@pytest.fixture
def clock():
    return SoftwareClock()


def test_a_microphone_hears_what_it_is_told_and_then_silence(clock):
    microphone = SoftwareMicrophone(sound(25), clock=clock)
    microphone.say(sound(5))
    heard = b""
    while len(heard) < ms_to_bytes(60):
        heard += microphone.read()
    microphone.close()
    assert heard[: ms_to_bytes(30)] == sound(30)
    assert not heard[ms_to_bytes(30) :].strip(b"\0")
    assert microphone.said_all()


def test_a_microphone_that_is_stopped_gives_the_rest_and_the_end(clock):
    microphone = SoftwareMicrophone(sound(1000), clock=clock)
    first = microphone.read()
    microphone.stop()
    rest = b"".join(iter(microphone.read, b""))
    microphone.close()
    assert (first + rest).strip(LOUD) == b""
    assert microphone.read() == b""


def test_waiting_until_all_is_said(clock):
    microphone = SoftwareMicrophone(sound(30), clock=clock)
    microphone.wait_said()
    assert microphone.said_all()
    microphone.close()


def test_a_speaker_plays_in_real_time_and_counts(clock):
    played = bytearray()
    speaker = SoftwareSpeaker(clock=clock, tap=played.extend)
    for _ in range(10):
        speaker.wait_writable()
        speaker.write(sound(10))
    speaker.drain()
    speaker.close()
    assert bytes(played).strip(b"\0") == sound(100)
    assert speaker.heard == ms_to_bytes(100) // 2


def test_devices_that_share_a_clock_are_in_step(clock):
    left, right = bytearray(), bytearray()
    enough = threading.Event()

    def note(block: bytes) -> None:
        right.extend(block)
        if len(right) >= ms_to_bytes(200):
            enough.set()

    microphone = SoftwareMicrophone(clock=clock, tap=left.extend)
    speaker = SoftwareSpeaker(clock=clock, tap=note)
    assert enough.wait(20)
    speaker.close()
    microphone.close()
    assert abs(len(left) - len(right)) <= ms_to_bytes(20)


def test_a_tap_that_fails_fails_its_device_and_not_the_clock(clock):
    speaker = SoftwareSpeaker(clock=clock, tap=lambda block: 1 / 0)
    microphone = SoftwareMicrophone(sound(10), clock=clock)
    with pytest.raises(AudioUnavailable, match="ZeroDivisionError"):
        while True:
            speaker.wait_writable()
            speaker.write(sound(10))
    assert microphone.read()
    speaker.close()
    microphone.close()


def test_the_clock_stops_with_its_last_device_and_starts_again(clock):
    for _ in range(2):
        speaker = SoftwareSpeaker(clock=clock)
        speaker.write(sound(10))
        speaker.drain()
        speaker.close()
        speaker.close()
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("reelthyme-clock")]
