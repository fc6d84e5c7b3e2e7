import wave

import numpy as np
import pytest

from reelthyme_sync import AudioUnavailable
from reelthyme_sync.audio import recording as recording_module
from reelthyme_sync.audio.recording import LEFT, RIGHT, StereoRecording
from reelthyme_sync.audio.wav import GrowingWav
from reelthyme_sync.pcm import ms_to_bytes


def read(path) -> tuple[bytes, bytes]:
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 24_000)
        both = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, 2)
    return both[:, 0].tobytes(), both[:, 1].tobytes()


def sound(sample: bytes, ms: float) -> bytes:
    return sample * (ms_to_bytes(ms) // 2)


LOUD, SOFT = b"\x11\x11", b"\x22\x22"


def test_the_user_is_left_and_the_assistant_right(tmp_path):
    with StereoRecording(tmp_path / "a.wav") as recording:
        for _ in range(10):
            recording.tap(LEFT)(sound(LOUD, 10))
            recording.tap(RIGHT)(sound(SOFT, 10))
    left, right = read(tmp_path / "a.wav")
    assert left[: ms_to_bytes(100)] == sound(LOUD, 100)
    assert right.strip(b"\0") == sound(SOFT, 100)
    assert len(left) == len(right)


def test_the_shorter_side_is_filled_up(tmp_path):
    with StereoRecording(tmp_path / "a.wav") as recording:
        recording.tap(LEFT)(sound(LOUD, 500))
    left, right = read(tmp_path / "a.wav")
    assert left == sound(LOUD, 500)
    assert right == bytes(len(left))


def test_a_side_that_stops_does_not_hold_up_the_other(tmp_path):
    recording = StereoRecording(tmp_path / "a.wav")
    recording.tap(RIGHT)(sound(SOFT, 10))
    for _ in range(300):
        recording.tap(LEFT)(sound(LOUD, 10))
    left, _ = read(tmp_path / "a.wav")  # before close(): the file is valid as it grows
    assert len(left) == ms_to_bytes(2000)
    recording.close()
    recording.close()
    recording.tap(LEFT)(sound(LOUD, 10))
    assert len(read(tmp_path / "a.wav")[0]) == ms_to_bytes(3000)


def test_a_place_where_nothing_can_be_written(tmp_path):
    with pytest.raises(AudioUnavailable, match="Cannot write"):
        StereoRecording(tmp_path / "missing" / "a.wav")


def test_what_a_sound_card_lost_is_filled_up_so_that_the_sides_stay_in_step(tmp_path, monkeypatch):
    now = 0.0
    monkeypatch.setattr(recording_module, "monotonic", lambda: now)
    with StereoRecording(tmp_path / "a.wav") as recording:
        left, right = recording.tap(LEFT, live=True), recording.tap(RIGHT, live=True)
        for tick in range(200):
            now = tick / 100
            left(sound(LOUD, 10))
            if not 50 <= tick < 100:  # the speaker's callback was late for half a second
                right(sound(SOFT, 10))
    left_side, right_side = read(tmp_path / "a.wav")
    assert left_side == sound(LOUD, 2000)
    end = len(sound(SOFT, 500))
    assert right_side[:end] == sound(SOFT, 500)
    assert right_side.rstrip(b"\0").endswith(sound(SOFT, 500))
    assert len(right_side.rstrip(b"\0")) == pytest.approx(len(left_side), abs=len(sound(SOFT, 20)))
    assert right_side.count(b"\0") == pytest.approx(end, abs=len(sound(SOFT, 20)))


@pytest.mark.parametrize("live", [False, True])
def test_a_long_pause_of_a_side_is_filled_up_once(tmp_path, monkeypatch, live):
    now = 0.0
    monkeypatch.setattr(recording_module, "monotonic", lambda: now)
    with StereoRecording(tmp_path / "a.wav") as recording:
        left, right = recording.tap(LEFT, live=live), recording.tap(RIGHT, live=True)
        for tick in range(1000):
            now = tick / 100
            left(sound(LOUD, 10))
            if not 100 <= tick < 600:  # a speaker that was unplugged for five seconds
                right(sound(SOFT, 10))
    left_side, right_side = read(tmp_path / "a.wav")
    assert left_side == sound(LOUD, 10_000)
    assert len(right_side.rstrip(b"\0")) == pytest.approx(len(left_side), abs=len(sound(SOFT, 20)))


@pytest.mark.parametrize("live", [False, True])
def test_a_side_that_begins_seconds_later_is_filled_up_once(tmp_path, monkeypatch, live):
    now = 0.0
    monkeypatch.setattr(recording_module, "monotonic", lambda: now)
    with StereoRecording(tmp_path / "a.wav") as recording:
        left, right = recording.tap(LEFT, live=live), recording.tap(RIGHT, live=live)
        for tick in range(600):
            now = tick / 100
            left(sound(LOUD, 10))
            if tick >= 500:
                right(sound(SOFT, 10))
    left_side, right_side = read(tmp_path / "a.wav")
    assert left_side == sound(LOUD, 6000)
    assert right_side.index(SOFT) == pytest.approx(ms_to_bytes(5000), abs=len(sound(SOFT, 20)))


@pytest.mark.parametrize("later_ms", [0, 40, 90, 400])
def test_a_side_that_begins_later_is_later_in_the_file(tmp_path, monkeypatch, later_ms):
    now = [100.0]
    monkeypatch.setattr(recording_module, "monotonic", lambda: now[0])
    with StereoRecording(tmp_path / "a.wav") as recording:
        recording.tap(LEFT, live=True)(sound(LOUD, 10))
        now[0] += later_ms / 1000
        recording.tap(RIGHT, live=True)(sound(SOFT, 10))
    _, right = read(tmp_path / "a.wav")
    assert right.index(SOFT) == pytest.approx(ms_to_bytes(later_ms), abs=2)


def test_many_small_losses_do_not_add_up(tmp_path, monkeypatch):
    now = 0.0
    monkeypatch.setattr(recording_module, "monotonic", lambda: now)
    with StereoRecording(tmp_path / "a.wav") as recording:
        left, right = recording.tap(LEFT, live=True), recording.tap(RIGHT, live=True)
        for tick in range(1000):
            now = tick / 100 + (0.03 if tick % 3 == 1 else 0.0)  # now and then a block comes late
            left(sound(LOUD, 10))
            if tick % 50 != 25:  # one block of 50 is lost: 20 ms every second
                right(sound(SOFT, 10))
    left_side, right_side = read(tmp_path / "a.wav")
    assert left_side.rstrip(b"\0") == sound(LOUD, 10_000)
    assert len(right_side.rstrip(b"\0")) == pytest.approx(ms_to_bytes(10_000), abs=ms_to_bytes(60))  # of 200


def test_a_full_disk_ends_the_recording_and_not_the_conversation(tmp_path, monkeypatch, caplog):
    recording = StereoRecording(tmp_path / "a.wav")
    taps = recording.tap(LEFT), recording.tap(RIGHT)
    for tap in taps:
        tap(sound(LOUD, 10))

    def refuse(file, pcm):
        raise AudioUnavailable("Cannot write: no space left")

    with monkeypatch.context() as patch:
        patch.setattr(GrowingWav, "write", refuse)
        for tap in taps * 3:
            tap(sound(LOUD, 10))
    assert caplog.text.count("the recording ends") == 1
    with pytest.raises(AudioUnavailable, match="no space left"):
        recording.close()
    recording.close()
    assert read(tmp_path / "a.wav")[0] == sound(LOUD, 10)
