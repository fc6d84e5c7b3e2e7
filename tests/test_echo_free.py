import pytest
from echo_fakes import Subtracting

from reelthyme_sync import AudioUnavailable
from reelthyme_sync.audio.echo_free import EchoFree
from reelthyme_sync.testing import FakeMicrophone

FAR = bytes([7]) * 480
NEAR = bytes([9]) * 480
CLEAN = bytes([2]) * 480


def test_what_was_written_to_the_speaker_is_taken_out():
    microphone = FakeMicrophone()
    echo_free = EchoFree(microphone, Subtracting())
    echo_free.far_end.write(FAR)
    microphone.push(NEAR)
    microphone.push(NEAR)
    assert echo_free.read() == CLEAN
    assert echo_free.read() == NEAR  # the speaker is idle


def test_a_microphone_that_is_one_stream_with_the_speaker_knows_better():
    microphone = FakeMicrophone()
    echo_free = EchoFree(microphone, Subtracting())
    echo_free.far_end.write(bytes([1]) * 480)
    microphone.push(NEAR, FAR)
    microphone.push(NEAR)  # now it is one no longer: what was written meanwhile is long over
    assert echo_free.read() == CLEAN
    assert echo_free.read() == NEAR


def test_what_is_withheld_comes_at_the_end_and_no_block_is_taken_for_the_end():
    microphone = FakeMicrophone()
    echo = Subtracting(withheld=500)
    echo_free = EchoFree(microphone, echo)
    microphone.push(NEAR)
    microphone.push(NEAR)
    echo_free.stop()
    heard = []
    while sound := echo_free.read():
        heard.append(sound)
    assert b"".join(heard) == NEAR + NEAR
    assert echo.rests >= 1
    assert echo_free.read() == b""


def test_it_is_the_microphone_otherwise():
    microphone = FakeMicrophone()
    echo_free = EchoFree(microphone, Subtracting())
    assert echo_free.sample_rate == microphone.sample_rate
    microphone.push(NEAR, lost=True)
    assert echo_free.overflows == 1
    echo_free.close()
    assert microphone.closed.is_set()


def test_after_a_loss_of_sound_the_reference_begins_anew():
    microphone = FakeMicrophone()
    echo_free = EchoFree(microphone, Subtracting())
    echo_free.far_end.write(bytes([1]) * 960)
    microphone.push(NEAR, lost=True)
    assert echo_free.read() == NEAR
    echo_free.far_end.write(FAR)
    microphone.push(NEAR)
    assert echo_free.read() == CLEAN


def test_with_another_speaker_what_was_learnt_is_forgotten():
    microphone, echo = FakeMicrophone(), Subtracting(withheld=100)
    echo_free = EchoFree(microphone, echo)
    microphone.push(NEAR)
    assert echo_free.read() == NEAR[:-100]
    echo_free.move_speaker()
    microphone.push(NEAR)
    assert echo_free.read() == NEAR  # what was withheld of the first, and as much is of the second
    assert echo.rests == 1
    microphone.push(NEAR)
    echo_free.read()
    assert echo.rests == 1


def test_a_microphone_that_is_lost_ends_its_sound_too():
    microphone, echo = FakeMicrophone(), Subtracting()
    echo_free = EchoFree(microphone, echo)
    microphone.fail(AudioUnavailable("gone"))
    with pytest.raises(AudioUnavailable):
        echo_free.read()
    echo_free.close()
    assert (echo.rests, echo_free.closed) == (1, True)
