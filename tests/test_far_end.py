from reelthyme_sync.audio.far_end import KEPT_MS, FarEnd
from reelthyme_sync.pcm import ms_to_bytes

SOUND = bytes(range(200))


def test_it_gives_what_was_written_in_order_and_in_pieces_of_any_length():
    far_end = FarEnd()
    far_end.write(SOUND[:50])
    far_end.write(SOUND[50:])
    assert far_end.take(20) + far_end.take(160) + far_end.take(20) == SOUND


def test_while_nothing_is_written_it_is_silence():
    far_end = FarEnd()
    far_end.write(SOUND)
    assert far_end.take(204) == SOUND + bytes(4)
    assert far_end.take(4) == bytes(4)


def test_what_the_speaker_drops_is_dropped():
    far_end = FarEnd()
    far_end.write(SOUND)
    far_end.clear()
    assert far_end.take(4) == bytes(4)


def test_it_does_not_grow_when_nobody_asks_any_more():
    far_end = FarEnd()
    far_end.write(bytes(ms_to_bytes(KEPT_MS)))
    far_end.write(SOUND)
    most = ms_to_bytes(KEPT_MS)
    assert far_end.take(most)[-len(SOUND) :] == SOUND
    assert far_end.take(4) == bytes(4)
