import random
import sys
import threading
import tracemalloc
from time import monotonic

import numpy as np
import pytest

from reelthyme_sync import AudioUnavailable
from reelthyme_sync.audio.metering import SILENCE, level_of
from reelthyme_sync.audio.player import Player
from reelthyme_sync.audio.prebuffer import MARGIN_MS, WORST_BURST_MS
from reelthyme_sync.pcm import SAMPLE_RATE, ms_to_bytes, ms_to_samples, silence
from reelthyme_sync.playback import AudioPart
from reelthyme_sync.testing import PATIENCE, FakeSpeaker

FIRST, SECOND = AudioPart("item_1"), AudioPart("item_2")
HELD_MS = WORST_BURST_MS + MARGIN_MS
LOUD, SOFT = b"\x11\x11", b"\x22\x22"


def sound(sample: bytes, ms: float) -> bytes:
    return sample * (ms_to_bytes(ms) // 2)


@pytest.fixture
def speaker():
    return FakeSpeaker()


@pytest.fixture
def player(speaker):
    player = Player(speaker, ordinal=0, failed=print)
    yield player
    player.flush()
    player.finish()
    player.join()


def say(player: Player, part: AudioPart, pcm: bytes) -> None:
    """Feed a part that is complete, and so is not held back."""
    player.feed(part, pcm)
    player.complete(part)


def listen(speaker: FakeSpeaker, ms: float) -> bytes:
    """What sounds in the next ``ms`` of a speaker that is being written to: leading silence is waited out."""
    speaker.wait_waiting(ms)
    return speaker.advance(ms)


def test_it_plays_what_it_is_fed_in_order(speaker, player):
    say(player, FIRST, sound(LOUD, 20))
    say(player, SECOND, sound(SOFT, 20))
    assert listen(speaker, 40) == sound(LOUD, 20) + sound(SOFT, 20)


def test_it_is_never_far_ahead_of_the_device(speaker, player):
    player.feed(FIRST, sound(LOUD, 5000))
    speaker.wait_waiting(40)
    assert speaker.waiting_ms() <= 50
    assert player.stats.queued_ms == 5000


def test_flush_is_silent_at_once_and_tells_what_was_heard(speaker, player):
    player.feed(FIRST, sound(LOUD, 1000))
    for _ in range(10):
        listen(speaker, 20)
    (heard,) = player.flush()
    assert (heard.item_id, heard.audio_end_ms, heard.received_ms) == ("item_1", 200, 1000)
    assert speaker.advance(100) == silence(100)


def test_later_replies_play_after_a_flush_and_late_deltas_of_the_cut_one_do_not(speaker, player):
    player.feed(FIRST, sound(LOUD, 1000))
    listen(speaker, 20)
    player.flush()
    player.feed(FIRST, sound(LOUD, 20))
    say(player, SECOND, sound(SOFT, 20))
    assert listen(speaker, 20) == sound(SOFT, 20)
    assert player.stats.queued_ms == 0


def test_a_flush_of_nothing(player):
    assert player.flush() == []


def test_finish_plays_to_the_end_and_releases_the_speaker(speaker):
    player = Player(speaker, ordinal=0, failed=print)
    player.feed(FIRST, sound(LOUD, 100))
    player.finish()
    played = b""
    while not speaker.closed.is_set():
        played += speaker.advance(10)
    player.join()
    assert played.replace(b"\0", b"") == sound(LOUD, 100)


def test_a_flush_cuts_a_drain_short(speaker):
    player = Player(speaker, ordinal=0, failed=print)
    player.feed(FIRST, sound(LOUD, 1000))
    player.finish()
    player.flush()
    player.join()
    assert speaker.closed.is_set()


def test_a_speaker_that_fails_is_closed_and_remembered(speaker):
    failures: list[Exception] = []
    player = Player(speaker, ordinal=0, failed=failures.append)
    speaker.fail(AudioUnavailable("unplugged"))
    player.feed(FIRST, sound(LOUD, 1000))
    player.join()
    assert [type(failure) for failure in failures] == [AudioUnavailable]
    assert speaker.closed.is_set()


class StoppedClock:
    """Time that does not pass; knows how often the audio thread has looked at it."""

    def __init__(self) -> None:
        self._looks = 0
        self._changed = threading.Condition()

    def __call__(self) -> float:
        with self._changed:
            self._looks += threading.current_thread().name.startswith("reelthyme-audio")
            self._changed.notify_all()
        return 5.0

    def wait_looks(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self._looks >= count, PATIENCE)


def test_the_beginning_is_held_back_until_enough_has_come(speaker, player, monkeypatch):
    clock = StoppedClock()
    monkeypatch.setattr("reelthyme_sync.audio.player.monotonic", clock)
    player.feed(FIRST, sound(LOUD, 200))
    player.feed(FIRST, sound(LOUD, HELD_MS - 201))
    player.complete(SECOND)  # another one: only wakes the thread, so that its third look proves that it held the second
    clock.wait_looks(3)
    assert speaker.waiting_ms() == 0
    player.feed(FIRST, sound(LOUD, 1))
    speaker.wait_waiting(40)


def test_or_until_all_has_come(speaker, player, monkeypatch):
    monkeypatch.setattr("reelthyme_sync.audio.player.monotonic", StoppedClock())
    player.feed(FIRST, sound(LOUD, 20))
    player.complete(FIRST)
    assert listen(speaker, 20) == sound(LOUD, 20)


def test_or_until_as_much_time_has_passed(speaker, player):
    fed = monotonic()
    player.feed(FIRST, sound(LOUD, 20))
    speaker.wait_waiting(20)
    assert monotonic() - fed >= HELD_MS / 1000


def test_a_flush_of_what_is_held_is_silent_and_does_not_wait(speaker, player):
    player.feed(FIRST, sound(LOUD, 100))
    (heard,) = player.flush()
    assert (heard.audio_end_ms, heard.received_ms) == (0, 100)
    say(player, SECOND, sound(SOFT, 20))
    assert listen(speaker, 20) == sound(SOFT, 20)


def test_finish_plays_what_is_held(speaker):
    player = Player(speaker, ordinal=0, failed=print)
    player.feed(FIRST, sound(LOUD, 20))
    player.finish()
    assert listen(speaker, 20) == sound(LOUD, 20)
    player.join()


def test_what_follows_without_a_gap_is_not_held_back(speaker, player):
    say(player, FIRST, sound(LOUD, 30))
    speaker.wait_waiting(30)
    speaker.advance(10)
    player.feed(SECOND, sound(SOFT, 10))
    speaker.wait_waiting(30)
    assert speaker.advance(30) == sound(LOUD, 20) + sound(SOFT, 10)


def test_a_gap_within_a_part_is_an_underrun_and_one_between_parts_is_not(speaker, player):
    say(player, FIRST, sound(LOUD, 20))
    listen(speaker, 20)
    speaker.advance(50)
    say(player, SECOND, sound(LOUD, 20))
    listen(speaker, 20)
    assert player.stats.underruns == 0
    speaker.advance(50)
    player.feed(SECOND, sound(LOUD, 20))
    listen(speaker, 20)
    assert player.stats.underruns == 1


def test_how_late_it_sounds(speaker, player):
    say(player, FIRST, sound(LOUD, 1000))
    speaker.wait_waiting(40)
    assert player.stats.latency_ms == 40
    player.flush()
    assert player.stats.latency_ms == 0


def test_the_level_is_of_what_sounds_now(speaker, player):
    assert player.level == SILENCE
    say(player, FIRST, sound(LOUD, 20) + sound(SOFT, 25))
    speaker.wait_waiting(40)
    assert player.level == level_of(LOUD)
    speaker.advance(20)
    assert player.level == level_of(SOFT)
    speaker.wait_waiting(25)
    speaker.advance(25)
    assert player.level == SILENCE


def test_the_level_after_a_cut_is_that_of_what_comes_next(speaker, player):
    say(player, FIRST, sound(LOUD, 100))
    listen(speaker, 20)
    player.flush()
    assert player.level == SILENCE
    say(player, SECOND, sound(SOFT, 20))
    speaker.wait_waiting(20)
    assert player.level == level_of(SOFT)


def test_the_volume_changes_without_a_step_and_then_holds(speaker, player):
    player.volume = 0.0
    say(player, FIRST, b"\xe8\x03" * ms_to_samples(30))
    samples = np.frombuffer(listen(speaker, 30), "<i2").astype(int)
    assert samples[0] == 1000
    assert -5 <= np.diff(samples).min() <= np.diff(samples).max() <= 0
    assert not samples[ms_to_samples(10) :].any()


def test_what_gets_too_loud_is_clipped(speaker, player):
    player.volume = 2.0
    say(player, FIRST, b"\x00\x7f" * ms_to_samples(20) + b"\x00\x81" * ms_to_samples(20))
    samples = np.frombuffer(listen(speaker, 40), "<i2")
    assert samples[ms_to_samples(15)] == 32767
    assert samples[-1] == -32768


@pytest.mark.parametrize("volume", [-0.1, 2.1, float("nan")])
def test_a_volume_that_is_none_is_refused(player, volume):
    with pytest.raises(ValueError, match="between 0.0 and 2.0"):
        player.volume = volume
    assert player.volume == 1.0


def test_two_minutes_at_once_come_out_once_and_in_order_and_nothing_is_kept():
    count = 120 * SAMPLE_RATE
    counter = (np.arange(count) % 65535 + 1).astype("<u2").tobytes()  # no zero: those are the device's
    dice = random.Random(5)
    blocks: list[bytes] = []
    speaker = FakeSpeaker(capacity_ms=2000)
    player = Player(speaker, ordinal=0, failed=print)

    def device() -> None:  # 500 times faster than a real one
        while not speaker.closed.wait(0.001):
            blocks.append(speaker.advance(500))

    tracemalloc.start()
    start = 0
    while start < count:
        size = dice.choice((1, 240, 2400, 24_000)) * dice.randint(1, 4)
        player.feed(FIRST, counter[2 * start : 2 * (start + size)])
        start += size
    waiting, _ = tracemalloc.get_traced_memory()
    thread = threading.Thread(target=device, daemon=True)
    thread.start()
    player.finish()
    player.join()
    thread.join(PATIENCE)
    kept = tracemalloc.get_traced_memory()[0] - sum(map(sys.getsizeof, blocks))
    tracemalloc.stop()
    samples = np.frombuffer(b"".join(blocks), "<u2")
    assert samples[samples != 0].tobytes() == counter
    assert waiting > len(counter)
    assert kept < 200_000


def test_flushes_under_fire_never_claim_more_than_was_received(speaker):
    player = Player(speaker, ordinal=0, failed=print)
    stop = threading.Event()

    def device() -> None:
        while not stop.is_set():
            speaker.advance(1)

    thread = threading.Thread(target=device, daemon=True)
    thread.start()
    for number in range(200):
        part = AudioPart(f"item_{number}")
        for _ in range(5):
            player.feed(part, sound(LOUD, 7))
        for heard in player.flush():
            assert 0 <= heard.audio_end_ms <= heard.received_ms
            assert heard.received_ms <= 35
        assert player.stats.queued_ms == 0
    player.finish()
    player.join()
    stop.set()
    thread.join(PATIENCE)
