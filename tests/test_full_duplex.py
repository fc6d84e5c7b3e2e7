"""Speaker and microphone as one stream, on a machine that is made up: what comes out of it, and what survives."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from device_pair import Pair, block, card, open_directions, pair
from fake_sound_card import BLOCK, CONTINUE, INPUT_OVERFLOW, OUTPUT_UNDERFLOW, SoundCard

from reelthyme_sync.audio.full_duplex import join
from reelthyme_sync.audio.pyaudio_device import PyAudioMicrophone, PyAudioSpeaker
from reelthyme_sync.audio.resampling import resample
from reelthyme_sync.testing import FakeMicrophone, FakeSpeaker

__all__ = ["card", "pair"]  # fixtures


def test_joined_they_are_one_stream_of_both_devices(card: SoundCard, pair: Pair) -> None:
    assert pair.join()
    (stream,) = card.open_streams
    options = stream.options
    assert (options["input"], options["input_device_index"]) == (True, 0)
    assert (options["output"], options["output_device_index"]) == (True, 1)
    assert (options["rate"], options["channels"], options["frames_per_buffer"]) == (24_000, 1, BLOCK)


def test_every_block_comes_with_the_one_that_was_played_in_the_same_call(card: SoundCard, pair: Pair) -> None:
    pair.join()
    pair.speaker.write(block(1) + block(2))
    for recorded, played in ((10, 1), (20, 2)):
        assert card.stream.passes(block(recorded)) == (block(played), CONTINUE)
    for recorded, played in ((10, 1), (20, 2)):
        assert pair.microphone.read() == block(recorded)
        assert pair.microphone.played == block(played)
    pair.microphone.stop()
    assert (pair.microphone.read(), pair.microphone.played) == (b"", None)


def test_silence_is_what_an_idle_speaker_plays(card: SoundCard, pair: Pair) -> None:
    pair.join()
    card.stream.passes(block(1))
    assert (pair.microphone.read(), pair.microphone.played) == (block(1), bytes(2 * BLOCK))


def test_what_was_recorded_before_came_with_nothing(card: SoundCard, pair: Pair) -> None:
    assert pair.microphone.played is None
    card.stream.passes(block(1))
    pair.join()
    card.stream.passes(block(2))
    assert (pair.microphone.read(), pair.microphone.played) == (block(1), None)
    assert (pair.microphone.read(), pair.microphone.played) == (block(2), bytes(2 * BLOCK))


def test_a_late_reader_loses_what_was_played_with_what_was_recorded(card: SoundCard, pair: Pair) -> None:
    pair.join()
    for number in range(1, 1_002):
        pair.speaker.write(block(number))
        card.stream.passes(block(number))
    assert pair.microphone.overflows == 1
    assert pair.microphone.read() == pair.microphone.played == block(2)


def test_joining_what_is_joined_changes_nothing(card: SoundCard, pair: Pair) -> None:
    assert pair.join()
    opened = len(card.streams)
    assert pair.join()
    assert len(card.streams) == opened


def test_the_list_of_devices_stays_as_it_was(card: SoundCard, pair: Pair) -> None:
    """PortAudio reads it anew when its last user has left, and an index would be another device's."""
    pair.join()
    pair.microphone.close()
    assert card.scans == 1


def test_both_directions_are_free_before_they_are_opened_together(card: SoundCard, pair: Pair) -> None:
    card.demands = lambda rate, channels: -9985 if card.open_streams else 0
    assert pair.join()


def test_channels_that_both_have_are_tried(card: SoundCard) -> None:
    card.devices[0]["maxInputChannels"] = 2
    pair = Pair()
    card.demands = lambda rate, channels: 0 if channels == 2 else -9998
    pair.speaker.write(block(3))
    assert pair.join()
    stereo = np.stack([np.full(BLOCK, 1), np.full(BLOCK, 3)], axis=1).astype("<i2").tobytes()
    assert card.stream.passes(stereo) == (block(3, 2 * BLOCK), CONTINUE)
    assert (pair.microphone.read(), pair.microphone.played) == (block(2), block(3))
    pair.speaker.close()
    pair.microphone.close()


def test_sound_and_counts_survive_the_joining(card: SoundCard, pair: Pair) -> None:
    output, record = card.streams
    record.passes(block(1), flags=INPUT_OVERFLOW)
    output.passes()
    pair.speaker.write(block(5))
    pair.join()
    assert (pair.microphone.overflows, pair.speaker.starved) == (1, BLOCK)
    assert pair.microphone.read() == block(1)
    assert card.stream.passes(block(2)) == (block(5), CONTINUE)


def test_what_the_old_stream_held_is_played_by_the_new_one_and_heard_once(card: SoundCard, pair: Pair) -> None:
    output, _ = card.streams
    pair.speaker.write(block(1) + block(2) + block(3) + block(4))
    for _ in range(4):
        output.passes()
    assert pair.speaker.heard == BLOCK  # 20 ms until it sounds, and 10 for the block itself
    card.latency = 0.0
    pair.join()
    assert [card.stream.passes(block(0))[0] for _ in range(3)] == [block(2), block(3), block(4)]
    assert pair.speaker.heard == 3 * BLOCK  # the new stream has another latency
    card.stream.passes(block(0))
    pair.speaker.drain()
    assert pair.speaker.heard == 4 * BLOCK


def test_what_was_cleared_does_not_come_back_with_another_stream(card: SoundCard, pair: Pair) -> None:
    output, _ = card.streams
    pair.speaker.write(block(1) + block(2) + block(3))
    for _ in range(2):
        output.passes()
    pair.speaker.clear()
    heard = pair.speaker.heard
    pair.join()
    card.stream.passes(block(0))  # what sounded dies away
    assert card.stream.passes(block(0)) == (bytes(2 * BLOCK), CONTINUE)
    assert pair.speaker.heard == heard == 2 * BLOCK


def test_the_flags_of_both_directions_are_kept_apart(card: SoundCard, pair: Pair) -> None:
    pair.join()
    pair.speaker.write(4 * block(1))
    for flags in (0, INPUT_OVERFLOW, INPUT_OVERFLOW, OUTPUT_UNDERFLOW):
        card.stream.passes(block(1), flags=flags)
    assert (pair.microphone.overflows, pair.speaker.starved) == (2, BLOCK)


def test_the_taps_see_both(card: SoundCard) -> None:
    tapped: list[tuple[str, bytes]] = []
    speaker = PyAudioSpeaker(tap=lambda sound: tapped.append(("far", sound)))
    microphone = PyAudioMicrophone(tap=lambda sound: tapped.append(("near", sound)))
    join(speaker, microphone)
    speaker.write(block(1))
    card.stream.passes(block(2))
    assert tapped == [("far", block(1)), ("near", block(2))]
    speaker.close()
    microphone.close()


def test_other_devices_are_not_joined(card: SoundCard, pair: Pair) -> None:
    assert not join(FakeSpeaker(), pair.microphone)
    assert not join(pair.speaker, FakeMicrophone())
    assert open_directions(card) == [{"output"}, {"input"}]


@pytest.mark.parametrize("closed", ["speaker", "microphone"])
def test_a_closed_device_stays_closed(card: SoundCard, pair: Pair, closed: str) -> None:
    getattr(pair, closed).close()
    left = card.open_streams
    assert not pair.join()
    assert card.open_streams == left


def test_devices_of_different_rates_go_on_as_they_are_and_the_log_says_why(
    card: SoundCard, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    other = PyAudioMicrophone(sample_rate=16_000)
    with caplog.at_level(logging.INFO, "reelthyme_sync"):
        assert not join(pair.speaker, other)
    assert "stay two streams: their devices run at 24000 and 16000 samples a second" in caplog.text
    assert open_directions(card) == [{"output"}, {"input"}, {"input"}]
    other.close()


def test_a_speaker_that_is_joined_is_not_taken_from_its_microphone(card: SoundCard, pair: Pair) -> None:
    pair.join()
    other = PyAudioMicrophone()
    assert not join(pair.speaker, other)
    assert open_directions(card) == [{"input", "output"}, {"input"}]
    other.close()


def test_when_the_microphone_is_closed_the_speaker_plays_on_alone(card: SoundCard, pair: Pair) -> None:
    pair.join()
    pair.speaker.write(block(1) + block(2) + block(3))
    card.stream.passes(block(0))
    pair.microphone.close()
    assert open_directions(card) == [{"output"}]
    assert [card.stream.passes()[0] for _ in range(3)] == [block(1), block(2), block(3)]
    for _ in range(3):
        card.stream.passes()
    assert pair.speaker.heard == 3 * BLOCK


def test_when_the_speaker_is_closed_the_microphone_records_on_alone(card: SoundCard, pair: Pair) -> None:
    pair.join()
    card.stream.passes(block(1))
    pair.speaker.close()
    assert open_directions(card) == [{"input"}]
    card.stream.passes(block(2))
    assert (pair.microphone.read(), pair.microphone.played) == (block(1), bytes(2 * BLOCK))
    assert (pair.microphone.read(), pair.microphone.played) == (block(2), None)


def test_one_that_is_left_can_be_joined_again(card: SoundCard, pair: Pair) -> None:
    pair.join()
    pair.microphone.close()
    pair.microphone = PyAudioMicrophone()
    assert pair.join()
    assert open_directions(card) == [{"input", "output"}]


def test_a_call_without_a_recorded_block_is_silence_that_counts_as_lost(card: SoundCard, pair: Pair) -> None:
    pair.join()
    pair.speaker.write(block(1) + block(2))
    card.stream.passes(None)
    card.stream.passes(block(3))
    assert (pair.microphone.read(), pair.microphone.played) == (bytes(2 * BLOCK), block(1))
    assert (pair.microphone.read(), pair.microphone.played) == (block(3), block(2))
    assert pair.microphone.overflows == 1


def test_the_library_is_only_called_under_its_lock(card: SoundCard, pair: Pair) -> None:
    pair.join()
    pair.microphone.close()
    pair.speaker.close()
    assert {step for step, locked in card.calls if not locked} == {"start"}


class EchoingRoom:
    """What the speaker plays comes back in the microphone, so many samples of the device later."""

    def __init__(self, card: SoundCard, delay: int) -> None:
        self._card = card
        self._way = bytes(2 * delay)
        self.played = bytearray()

    def passes(self) -> None:
        stream = self._card.stream
        size = 2 * stream.options["frames_per_buffer"]
        played, _ = stream.passes(self._way[:size])
        self.played += played or b""
        self._way = self._way[size:] + (played or b"")


def test_at_a_rate_of_its_own_a_device_gives_both_in_step(card: SoundCard) -> None:
    for device in card.devices:
        device["defaultSampleRate"] = 48_000.0
    card.demands = lambda rate, channels: 0 if rate == 48_000 else -9997
    pair, room = Pair(), EchoingRoom(card, delay=600)
    for _ in range(17):  # a part that is no whole number of what the resampler gives at a time
        card.stream.passes(block(1, 480))
    assert pair.join()
    noise = (np.random.default_rng(1).standard_normal(24_000) * 3_000).astype("<i2")
    for start in range(0, noise.size, BLOCK):
        pair.speaker.write(noise[start : start + BLOCK].tobytes())
        room.passes()
    pair.speaker.close()
    for _ in range(17):
        card.stream.passes(block(1, 480))
    pair.microphone.stop()
    near, far = bytearray(), bytearray()
    while recorded := pair.microphone.read():
        near += recorded
        far += bytes(len(recorded)) if pair.microphone.played is None else pair.microphone.played
        assert len(near) == len(far)
    pair.microphone.close()
    assert pair.microphone.played is None
    assert len(near) == 2 * BLOCK * (17 + 100 + 17)
    echo, sound = (np.frombuffer(bytes(side), "<i2").astype(int)[17 * BLOCK : 117 * BLOCK] for side in (near, far))
    assert np.abs(sound - np.frombuffer(resample(bytes(room.played), 48_000, 24_000), "<i2")).max() <= 2
    assert np.abs(sound).max() > 3_000
    middle = slice(1_500, -1_500)
    assert np.abs(np.roll(sound, 300) - echo)[middle].max() <= 2  # 600 samples of the device are 300 of ours
