"""When to try again, how often, and when to move: numbers in, numbers out."""

import pytest

from reelthyme_sync import Reconnect
from reelthyme_sync.reconnect import LEAD


def test_waits_double_up_to_the_longest_and_are_up_to_half_shorter():
    policy = Reconnect(max_attempts=6, initial_delay=1.0, max_delay=10.0)
    for _ in range(50):
        for delay, longest in zip(policy.delays(), [1, 2, 4, 8, 10, 10], strict=True):
            assert longest / 2 <= delay <= longest


def test_waits_differ_by_chance():
    assert len({next(Reconnect().delays()) for _ in range(20)}) > 1


@pytest.mark.parametrize(
    ("max_age", "expires_in", "age"),
    [(3600, None, 3600), (3600, 1800, 1800), (600, 1800, 600), (3600, -5, 3600), (3600, 59, 3600), (3600, 61, 61)],
)
def test_a_socket_lives_until_the_sooner_of_both_ends(max_age, expires_in, age):
    assert Reconnect(max_age=max_age).age(expires_in) == age


def test_it_is_time_to_move_shortly_before_the_end_and_at_half_of_a_short_life():
    assert Reconnect().time_to_move(None) == 3600 - LEAD
    assert Reconnect().time_to_move(100.0) == 50.0


@pytest.mark.parametrize("field", ["max_attempts", "initial_delay", "max_delay", "max_age"])
@pytest.mark.parametrize("value", [0, -1])
def test_a_policy_that_makes_no_sense_is_refused(field, value):
    with pytest.raises(ValueError, match=field):
        Reconnect(**{field: value})
