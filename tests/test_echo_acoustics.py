"""What is learnt of a room, part by part."""

import numpy as np
import pytest
import rooms
from rooms import ROOMS, scene

from reelthyme_sync.echo.expected import ExpectedEcho
from reelthyme_sync.echo.frames import FRAME, FRAME_MS, power
from reelthyme_sync.echo.noise import RoomNoise
from reelthyme_sync.echo.path import EchoPath
from reelthyme_sync.echo.residual import ResidualSuppressor
from reelthyme_sync.pcm import to_pcm16

LOUD, SOFT, SILENT = 3000.0**2, 10.0**2, 0.0
ENOUGH = 600 // FRAME_MS


def frames(sound: bytes) -> np.ndarray:
    samples = np.frombuffer(sound, "<i2").astype(np.float32)
    return samples[: samples.size // FRAME * FRAME].reshape(-1, FRAME)


def unexplained(in_room: rooms.Scene, *, learnt_after_ms: int = 2000) -> np.ndarray:
    """What no echo accounts for, frame by frame from there on."""
    expected, shares = ExpectedEcho(), []
    for number, (near, far) in enumerate(zip(frames(in_room.near), frames(in_room.far), strict=True)):
        if number == learnt_after_ms // FRAME_MS:
            expected.learn(15)
        expected.add(near, far, audible=power(far) > 100**2)
        shares.append(expected.unexplained)
    assert set(shares[: learnt_after_ms // FRAME_MS]) == {None}
    return np.array(shares[learnt_after_ms // FRAME_MS + 1 :])


@pytest.mark.parametrize(("room", "most"), [("linear", 0.01), ("drifting", 0.01), ("nonlinear", 0.11)])
def test_an_echo_is_explained(room, most):
    assert np.quantile(unexplained(scene(ROOMS[room], 1)), 0.98) <= most


def test_a_voice_is_not_explained():
    in_room = scene(ROOMS["linear"], 1, user_db=0)
    speaking = (frames(to_pcm16(in_room.user)) ** 2).mean(axis=1)[2000 // FRAME_MS + 1 :] > 200**2
    assert np.median(unexplained(in_room)[speaking]) > 0.1


def test_nothing_is_expected_of_less_than_a_second_of_speech():
    in_room = scene(ROOMS["linear"], 1, seconds=3)
    expected = ExpectedEcho()
    for near, far in zip(frames(in_room.near), frames(in_room.far), strict=True):
        expected.add(near, far, audible=False)
    expected.learn(15)
    expected.add(near, far, audible=True)
    assert expected.unexplained is None


def test_noise_is_what_goes_on_and_speech_is_not():
    noise, hiss = RoomNoise(), np.random.default_rng(1)
    assert noise.more() is None
    for second in range(4):
        for frame in 50 * hiss.standard_normal((100, FRAME)).astype(np.float32):
            noise.add(frame, power(frame))
        if second < 3:
            for frame in 2000 * hiss.standard_normal((100, FRAME)).astype(np.float32):
                noise.add(frame, power(frame))
    assert 50**2 <= noise.power <= 2 * 50**2
    again = [power(noise.more()) for _ in range(200)]
    assert max(again) < 4 * 50**2


def watched(frames: list[tuple[float, float]], *, noise: float = SILENT) -> EchoPath:
    path = EchoPath()
    for near, far in frames:
        path.add(near, far, noise)
    return path


def test_a_loud_far_end_of_which_nothing_comes_back_has_no_echo():
    assert watched([(SOFT, LOUD)] * ENOUGH).absent
    assert not watched([(SOFT, LOUD)] * (ENOUGH - 1)).absent
    assert not watched([(SOFT, SILENT)] * 100).absent


def test_a_soft_far_end_proves_nothing():
    assert not watched([(SOFT, 300.0**2)] * 100).absent


def test_a_sound_at_the_microphone_may_be_an_echo_so_it_begins_again():
    assert not watched([(SOFT, LOUD)] * (ENOUGH - 1) + [(LOUD, LOUD)] + [(SOFT, LOUD)] * (ENOUGH - 1)).absent


def test_an_echo_that_is_found_after_all_is_one_unless_it_drowns_in_the_noise():
    path = watched([(SOFT, LOUD)] * ENOUGH)
    assert not path.find()
    assert path.absent
    path.add(LOUD, LOUD, SILENT)
    assert path.find()
    assert not path.absent
    assert not path.find()


def test_the_suppressor_shuts_while_the_far_end_sounds_and_opens_for_a_voice():
    suppressor = ResidualSuppressor()
    assert suppressor.gain(SILENT, voice=False) == 1.0
    shutting = [suppressor.gain(LOUD, voice=False) for _ in range(20)]
    assert shutting == sorted(shutting, reverse=True)
    assert suppressor.far_end_only
    assert [suppressor.gain(LOUD, voice=True) < 1 for _ in range(2)] == [True, False]
    assert suppressor.double_talk
    held = [suppressor.gain(LOUD, voice=False) for _ in range(30)]
    assert held.count(1.0) == 240 // FRAME_MS - 1  # the last with a voice is the first of them
    assert held == sorted(held, reverse=True)


def test_an_echo_may_come_for_a_while_after_the_far_end():
    suppressor = ResidualSuppressor()
    suppressor.gain(LOUD, voice=False)
    gains = [suppressor.gain(SILENT, voice=False) for _ in range(ENOUGH)]
    assert gains[-2] < 1.0 == gains[-1]
