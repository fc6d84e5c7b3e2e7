import threading

import pytest

from reelthyme_sync import AudioUnavailable
from reelthyme_sync.audio.player import Player
from reelthyme_sync.pcm import ms_to_bytes, silence
from reelthyme_sync.playback import AudioPart
from reelthyme_sync.testing import PATIENCE, FakeSpeaker

FIRST, SECOND = AudioPart("item_1"), AudioPart("item_2")
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


def listen(speaker: FakeSpeaker, ms: float) -> bytes:
    """What sounds in the next ``ms`` of a speaker that is being written to: leading silence is waited out."""
    speaker.wait_waiting(ms)
    return speaker.advance(ms)


def test_it_plays_what_it_is_fed_in_order(speaker, player):
    player.feed(FIRST, sound(LOUD, 20))
    player.feed(SECOND, sound(SOFT, 20))
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
    player.feed(SECOND, sound(SOFT, 20))
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


def test_a_speaker_that_fails_is_closed_and_remembered(speaker, caplog):
    failures: list[Exception] = []
    player = Player(speaker, ordinal=0, failed=failures.append)
    speaker.fail(AudioUnavailable("unplugged"))
    player.feed(FIRST, sound(LOUD, 1000))
    player.join()
    assert [type(failure) for failure in failures] == [AudioUnavailable]
    assert speaker.closed.is_set()
    assert "unplugged" in caplog.text


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
