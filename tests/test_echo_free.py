import pytest
from echo_fakes import Subtracting

from reelthyme_sync.audio.echo_free import EchoFree
from reelthyme_sync.audio.far_end import FarEnd
from reelthyme_sync.testing import FakeMicrophone

FAR = bytes([7]) * 480
NEAR = bytes([9]) * 480
CLEAN = bytes([2]) * 480


@pytest.fixture
def far_end():
    far_end = FarEnd()
    far_end.take(0)
    return far_end


def test_what_was_written_to_the_speaker_is_taken_out(far_end):
    microphone = FakeMicrophone()
    echo_free = EchoFree(microphone, Subtracting(), far_end)
    far_end.write(FAR)
    microphone.push(NEAR)
    microphone.push(NEAR)
    assert echo_free.read() == CLEAN
    assert echo_free.read() == NEAR  # the speaker is idle


def test_a_microphone_that_is_one_stream_with_the_speaker_knows_better(far_end):
    microphone = FakeMicrophone()
    echo_free = EchoFree(microphone, Subtracting(), far_end)
    far_end.write(bytes([1]) * 480)
    microphone.push(NEAR, FAR)
    microphone.push(NEAR)  # now it is one no longer: what was written meanwhile is long over
    assert echo_free.read() == CLEAN
    assert echo_free.read() == NEAR


def test_what_is_withheld_comes_at_the_end_and_no_block_is_taken_for_the_end(far_end):
    microphone = FakeMicrophone()
    echo = Subtracting(withheld=500)
    echo_free = EchoFree(microphone, echo, far_end)
    microphone.push(NEAR)
    microphone.push(NEAR)
    echo_free.stop()
    heard = []
    while sound := echo_free.read():
        heard.append(sound)
    assert b"".join(heard) == NEAR + NEAR
    assert echo.rests >= 1
    assert echo_free.read() == b""


def test_it_is_the_microphone_otherwise(far_end):
    microphone = FakeMicrophone()
    echo_free = EchoFree(microphone, Subtracting(), far_end)
    assert echo_free.sample_rate == microphone.sample_rate
    microphone.push(NEAR, lost=True)
    assert echo_free.overflows == 1
    echo_free.close()
    assert microphone.closed.is_set()
