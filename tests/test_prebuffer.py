"""Time is a number here: what is delivered when is made up, and what a player does of it is reckoned."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import accumulate

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reelthyme_sync.audio.prebuffer import LONGEST_MS, MARGIN_MS, REMEMBERED, SHORTEST_MS, WORST_BURST_MS, Prebuffer

CAUTIOUS = WORST_BURST_MS + MARGIN_MS

Delivery = list[tuple[float, float]]
"""Pieces: when one comes, in ms since the reply began to be made; how long it is, in ms."""


@attrs.frozen
class Playback:
    began_after_ms: float  # since the first piece
    in_hand_ms: float  # when it began
    starved_ms: list[float]  # how long it was silent before a piece that was late


def play(prebuffer: Prebuffer, pieces: Delivery, part: str = "item", *, at: float = 1000.0) -> Playback:
    """What an ideal player, which writes as soon as it may, makes of a reply that begins to be made ``at`` seconds."""
    first = pieces[0][0]
    begins: float | None = None
    in_hand = received = 0.0
    starved: list[float] = []
    for came, ms in pieces:
        if begins is None and received and came >= first + 1000 * prebuffer.wait(at + first / 1000):
            begins, in_hand = first + 1000 * prebuffer.wait(at + first / 1000), received
        if begins is not None and came - begins > received + sum(starved) + 1e-6:
            starved.append(came - begins - received - sum(starved))
            prebuffer.starve(starved[-1])
        prebuffer.receive(part, ms, at + came / 1000, gap=not received)
        received += ms
        if begins is None and not prebuffer.wait(at + came / 1000):
            begins, in_hand = came, received
    prebuffer.complete(part)
    if begins is None:
        begins, in_hand = pieces[-1][0], received
    return Playback(begins - first, in_hand, starved)


def in_bursts(gaps: Iterable[float]) -> Delivery:
    """A reply that is made in real time, and delivered after each of the gaps: all that was made in it."""
    gaps = list(gaps)
    return list(zip(accumulate(gaps), gaps, strict=True))


def at_speed(speed: float, ms: float, piece: float = 20.0) -> Delivery:
    """A reply that is made and delivered so many times faster than it sounds."""
    count = round(ms / piece)
    return [(number * piece / speed, piece) for number in range(count)]


def replies(prebuffer: Prebuffer, deliveries: Iterable[Delivery]) -> Iterator[Playback]:
    for number, delivery in enumerate(deliveries):
        yield play(prebuffer, delivery, f"item_{number}", at=100.0 * number)


GAPS = st.lists(st.floats(1, 300), min_size=1, max_size=60)


@given(GAPS)
def test_bursts_at_real_time_never_starve_the_speaker(gaps: list[float]) -> None:
    assert play(Prebuffer(), in_bursts(gaps)).starved_ms == []


@given(st.lists(GAPS, min_size=1, max_size=8))
@example([[1.0], [300.0, 1.0], [1.0, 62.0]])  # a burst at the end is no sign of speed
def test_nor_do_they_in_the_replies_after_it(several: list[list[float]]) -> None:
    prebuffer = Prebuffer()
    assert all(reply.starved_ms == [] for reply in replies(prebuffer, map(in_bursts, several)))


@given(st.lists(st.lists(st.floats(1, 150), min_size=1, max_size=20), min_size=1, max_size=12))
def test_bursts_no_worse_than_the_worst_of_the_last_replies_never_starve_it(several: list[list[float]]) -> None:
    prebuffer = Prebuffer()
    seen = deque([10.0], REMEMBERED)
    list(replies(prebuffer, [in_bursts([10.0] * 50)] * (REMEMBERED + 1)))
    for number, gaps in enumerate(several):
        reply = play(prebuffer, in_bursts(gaps), f"later_{number}", at=10_000.0 + 100 * number)
        assert not reply.starved_ms or max(gaps) > max(seen)
        seen.append(max(gaps[1:], default=0.0))  # how late the first piece is, nobody sees


@given(st.floats(2, 100), st.integers(1000, 20_000))
def test_after_a_fast_reply_the_second_begins_with_60_ms(speed: float, ms: int) -> None:
    prebuffer = Prebuffer()
    first, second = replies(prebuffer, [at_speed(speed, ms), at_speed(speed, ms)])
    assert first.in_hand_ms <= CAUTIOUS
    assert second.in_hand_ms <= SHORTEST_MS
    assert first.starved_ms == second.starved_ms == []


def test_a_reply_that_is_complete_begins_at_once() -> None:
    prebuffer = Prebuffer()
    prebuffer.receive("item", 100, 5.0, gap=True)
    assert prebuffer.wait(5.0) == pytest.approx(CAUTIOUS / 1000)
    prebuffer.complete("item")
    assert prebuffer.wait(5.0) == 0.0


def test_that_another_part_is_complete_does_not_matter() -> None:
    prebuffer = Prebuffer()
    prebuffer.receive("item", 100, 5.0, gap=True)
    prebuffer.complete("earlier")
    assert prebuffer.wait(5.0) > 0.0
    prebuffer.complete()
    assert prebuffer.wait(5.0) == 0.0


def test_a_trickle_begins_when_as_much_time_has_passed() -> None:
    reply = play(Prebuffer(), at_speed(0.25, 1000))
    assert reply.began_after_ms == pytest.approx(CAUTIOUS)
    assert reply.in_hand_ms < 0.5 * CAUTIOUS


def test_once_begun_it_is_never_held_again() -> None:
    prebuffer = Prebuffer()
    for number in range(5):
        prebuffer.receive("item", 100, 5.0 + 10 * number, gap=True)
    assert prebuffer.wait(45.0) == 0.0


def test_a_part_that_follows_without_a_gap_is_not_held() -> None:
    prebuffer = Prebuffer()
    prebuffer.receive("first", 1000, 5.0, gap=True)
    prebuffer.receive("second", 10, 5.9, gap=False)
    assert prebuffer.wait(5.9) == 0.0
    prebuffer.receive("third", 10, 9.0, gap=True)
    assert prebuffer.wait(9.0) > 0.0


def test_starving_raises_the_target_at_once_and_a_good_reply_lowers_it_again() -> None:
    prebuffer = Prebuffer()
    fast = at_speed(20, 2000)
    list(replies(prebuffer, [fast, fast]))
    assert prebuffer.target_ms == SHORTEST_MS
    stalled = [*at_speed(20, 100), (400.0, 2000.0)]
    assert play(prebuffer, stalled, "stalled").starved_ms
    assert prebuffer.target_ms > 300
    play(prebuffer, fast, "next", at=2000.0)
    assert prebuffer.target_ms > 300  # until the reply after it begins
    play(prebuffer, fast, "and the next", at=3000.0)
    assert prebuffer.target_ms == SHORTEST_MS


@given(st.lists(st.tuples(st.floats(0, 3000), st.floats(1, 3000)), min_size=1, max_size=50))
def test_the_target_stays_within_its_bounds(pieces: Delivery) -> None:
    prebuffer = Prebuffer()
    now = 0.0
    for number, (pause, ms) in enumerate(pieces):
        now += pause / 1000
        prebuffer.receive(f"item_{number // 3}", ms, now, gap=number % 6 == 0)
        prebuffer.starve(pause)
        assert SHORTEST_MS <= prebuffer.target_ms <= LONGEST_MS
        assert 0.0 <= prebuffer.wait(now) <= LONGEST_MS / 1000 + 1e-9


def test_silence_is_not_waited_for() -> None:
    prebuffer = Prebuffer()
    prebuffer.complete()
    prebuffer.starve(10)
    assert prebuffer.wait(0.0) == 0.0
    assert prebuffer.target_ms == CAUTIOUS
