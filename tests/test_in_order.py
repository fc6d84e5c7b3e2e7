from hypothesis import given
from hypothesis import strategies as st

from reelthyme_sync.audio.in_order import InOrder
from reelthyme_sync.playback import AudioPart

A, B, C = (AudioPart(f"item_{letter}") for letter in "abc")


def run(order: InOrder, *steps) -> list:
    return [given for step in steps for given in order.push(*step)]


def test_what_comes_in_turn_passes_at_once():
    steps = [(A, b"1"), (A, b"2"), (A, None), (B, b"3"), (B, None)]
    assert run(InOrder(), *steps) == steps


def test_what_comes_in_between_waits_for_the_first_to_be_complete():
    order = InOrder()
    assert run(order, (A, b"1"), (B, b"x"), (A, b"2"), (C, b"y"), (B, b"z")) == [(A, b"1"), (A, b"2")]
    assert run(order, (A, None)) == [(A, None), (B, b"x"), (B, b"z")]
    assert run(order, (C, None), (B, None)) == [(B, None), (C, b"y"), (C, None)]
    assert run(order, (A, b"3")) == [(A, b"3")]


def test_at_the_end_everything_is_given():
    order = InOrder()
    run(order, (A, b"1"), (B, b"x"), (C, b"y"))
    assert list(order.rest()) == [(B, b"x"), (C, b"y")]
    assert list(order.rest()) == []


def test_what_is_dropped_is_told():
    order = InOrder()
    run(order, (A, b"1"), (B, b"x"))
    assert order.drop() == [B]
    assert run(order, (B, b"y")) == [(B, b"y")]


@given(st.lists(st.tuples(st.sampled_from([A, B, C]), st.one_of(st.binary(min_size=1, max_size=2), st.none()))))
def test_nothing_is_lost_and_no_two_parts_are_mixed(steps):
    order, complete = InOrder(), set()
    steps = [step for step in steps if step[0] not in complete and not (step[1] is None and complete.add(step[0]))]
    passed = [*run(order, *steps), *order.rest()]
    for part in (A, B, C):
        assert [pcm for who, pcm in passed if who == part] == [pcm for who, pcm in steps if who == part]
    unmixed = [who for index, (who, _) in enumerate(passed) if index == 0 or passed[index - 1][0] != who]
    assert len(unmixed) == len(set(unmixed))
