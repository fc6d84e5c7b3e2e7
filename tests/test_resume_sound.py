"""The user's sound that may have to be sent again: how much is kept, what a turn takes, and what counts as lost."""

from __future__ import annotations

from base64 import b64encode
from math import inf

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelthyme_sync.resume.outbound import Outbound
from reelthyme_sync.resume.sound import KEPT_MS, KEPT_WHILE_SILENT_MS, Piece, Sound, joined
from reelthyme_sync.resume.speech import Unwritten

BYTES_PER_MS = 48


class Microphone:
    """Appends sound of known bytes."""

    def __init__(self) -> None:
        self.outbound = Outbound("t")
        self.sound = Sound(self.outbound)

    def append(self, ms: int, byte: int = 0, *, silence: bool = False) -> int:
        audio = b64encode(bytes([byte]) * (ms * BYTES_PER_MS)).decode()
        message = self.outbound.enter(orjson.dumps({"type": "input_audio_buffer.append", "audio": audio}))
        self.sound.append(message.number, audio, ms, silence=silence)
        return message.number

    @property
    def waiting_ms(self) -> float:
        """How much would be sent again."""
        return sum(len(message.raw["audio"]) * 3 / 4 / BYTES_PER_MS for message in self.outbound)


@pytest.fixture
def microphone() -> Microphone:
    return Microphone()


class TestWhatIsKept:
    def test_of_silence_the_last_seconds_and_nothing_counts_as_lost(self, microphone):
        for _ in range(100):
            microphone.append(100, silence=True)
        assert (microphone.waiting_ms, microphone.sound.lost_ms) == (KEPT_WHILE_SILENT_MS, 0)

    def test_of_what_may_be_a_turn_a_minute_and_the_rest_counts_as_lost(self, microphone):
        for _ in range(700):
            microphone.append(100)
        assert (microphone.waiting_ms, microphone.sound.lost_ms) == (KEPT_MS, 10_000)

    def test_silence_that_was_none_counts_as_lost_when_the_server_says_so(self, microphone):
        for _ in range(100):
            microphone.append(100, silence=True)
        microphone.sound.speech_began(4_000)
        assert microphone.sound.lost_ms == 1_000

    def test_padding_into_the_last_turn_does_not_count_as_lost(self, microphone):
        microphone.append(1_000)
        microphone.sound.take_until(900)
        microphone.sound.speech_began(700)
        assert microphone.sound.lost_ms == 0

    def test_what_a_new_server_gets_at_once_is_kept_until_it_can_have_judged_it(self, microphone):
        for _ in range(300):
            microphone.append(100)
        microphone.sound.restart()
        microphone.append(100, silence=True)
        assert microphone.waiting_ms == 30_100
        for _ in range(KEPT_WHILE_SILENT_MS // 100):
            microphone.append(100, silence=True)
        assert microphone.waiting_ms == KEPT_WHILE_SILENT_MS


class TestWhatATurnTakes:
    def test_what_ends_before_it_and_of_the_piece_that_it_cuts_its_part(self, microphone):
        microphone.append(100, 1)
        microphone.append(100, 2)
        taken = microphone.sound.take_until(150)
        assert joined(piece.audio for piece in taken) == joined(
            [b64encode(b"\1" * 4800 + b"\2" * 2400).decode()],
        )
        assert [(piece.begins, piece.ends) for piece in taken] == [(0, 100), (100, 150)]
        assert microphone.waiting_ms == 50

    def test_all_when_nobody_said_where_it_ends(self, microphone):
        microphone.append(100)
        assert len(microphone.sound.take_until(inf)) == 1
        assert microphone.waiting_ms == 0

    def test_what_was_sent_before_our_commit(self, microphone):
        microphone.append(100)
        number = microphone.outbound.enter(b'{"type": "input_audio_buffer.commit"}').number
        microphone.append(50)
        assert len(microphone.sound.take_before(number)) == 1
        assert len(microphone.sound) == 1

    @given(st.lists(st.integers(1, 300), min_size=1, max_size=20), st.lists(st.integers(0, 5000), max_size=10))
    def test_turns_share_nothing_and_leave_nothing_out(self, lengths, ends):
        microphone = Microphone()
        sent = b"".join(bytes([at]) * (ms * BYTES_PER_MS) for at, ms in enumerate(lengths))
        for at, ms in enumerate(lengths):
            microphone.append(ms, at)
        taken = [piece.audio for end in sorted(ends) for piece in microphone.sound.take_until(end)]
        left = [message.raw["audio"] for message in microphone.outbound]
        assert joined([*taken, *left]) == b64encode(sent).decode()

    def test_a_new_server_counts_from_what_it_gets_first(self, microphone):
        microphone.append(100, 1)
        microphone.append(100, 2)
        microphone.sound.take_until(100)
        microphone.sound.restart()
        (piece,) = microphone.sound.take_until(100)
        assert (piece.begins, piece.ends, microphone.waiting_ms) == (0, 100, 0)


class TestWithdrawing:
    def test_what_was_not_sent_does_not_count(self, microphone):
        microphone.append(100)
        microphone.sound.withdraw(microphone.append(100))
        microphone.append(50, 3)
        assert [piece.begins for piece in microphone.sound.take_until(inf)] == [0, 100]

    def test_what_a_turn_was_made_of_meanwhile_is_left_to_it(self, microphone):
        number = microphone.append(100)
        microphone.sound.take_until(inf)
        microphone.sound.withdraw(number)
        assert len(microphone.sound) == 0


def test_what_is_no_base64_is_no_sound():
    assert joined(["AAAA", "A", "é", "BBBB"]) == "AAAABBBB"


class TestUnwritten:
    def turn(self, ms: float) -> list[Piece]:
        return [Piece(1, "AAAA", 0, ms)]

    def test_the_oldest_turns_go_when_there_is_more_than_a_minute(self):
        turns = Unwritten()
        for name in "abc":
            turns.keep(name, self.turn(KEPT_MS / 2), awaited=True)
        assert [bool(turns.sound(name)) for name in "abc"] == [False, True, True]

    def test_a_turn_is_kept_however_long_it_is(self):
        turns = Unwritten()
        turns.keep("a", self.turn(KEPT_MS * 2), awaited=True)
        assert turns.sound("a") == ["AAAA"]

    @pytest.mark.parametrize("end", ["forget", "give_up"])
    def test_a_transcript_is_awaited_until_it_comes_or_cannot(self, end):
        turns = Unwritten()
        turns.keep("a", self.turn(1), awaited=True)
        assert turns.awaits
        getattr(turns, end)("a")
        assert not turns.awaits
        assert bool(turns.sound("a")) == (end == "give_up")

    def test_a_turn_without_sound_of_ours_is_neither_kept_nor_awaited(self):
        turns = Unwritten()
        turns.keep("a", [], awaited=True)
        assert not turns.awaits
