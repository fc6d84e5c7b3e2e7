from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelthyme_sync.events import BudgetSpent, BudgetWarning
from reelthyme_sync.usage import PUBLISHED, Budget


def test_a_limit_is_warned_of_and_reached_once_each():
    budget = Budget(usd=1)
    assert budget.spend(Decimal("0.79"), 10) == []
    assert budget.spend(Decimal("0.8"), 20) == [BudgetWarning(kind="usd", used=0.8, limit=1.0)]
    assert budget.spend(Decimal("0.9"), 30) == []
    assert budget.spend(Decimal("1.0"), 40) == [BudgetSpent(kind="usd", used=1.0, limit=1.0)]
    assert budget.spend(Decimal("2.0"), 50) == []


def test_time_is_a_limit_of_its_own():
    budget = Budget(usd=1, seconds=100)
    assert budget.spend(Decimal("0.85"), 85) == [
        BudgetWarning(kind="usd", used=0.85, limit=1.0),
        BudgetWarning(kind="seconds", used=85.0, limit=100.0),
    ]
    assert budget.spend(Decimal("0.85"), 100) == [BudgetSpent(kind="seconds", used=100.0, limit=100.0)]


def test_a_leap_to_the_end_is_no_warning():
    budget = Budget(usd="0.5")
    assert budget.spend(3, 0) == [BudgetSpent(kind="usd", used=3.0, limit=0.5)]
    assert budget.spend(3, 0) == []


def test_after_the_end_there_is_no_warning_even_if_the_count_begins_again():
    budget = Budget(seconds=10)
    assert budget.spend(None, 10) == [BudgetSpent(kind="seconds", used=10.0, limit=10.0)]
    assert budget.spend(None, 9) == []


def test_a_cost_that_is_not_known_is_not_told_of():
    budget = Budget(usd=1, seconds=10)
    assert budget.spend(None, 9) == [BudgetWarning(kind="seconds", used=9.0, limit=10.0)]


@pytest.mark.parametrize("limits", [{}, {"usd": 0}, {"seconds": -1}, {"usd": float("nan")}, {"usd": "much"}])
def test_a_limit_that_is_none_is_refused(limits):
    with pytest.raises(ValueError, match=r"budget|amount"):
        Budget(**limits)


def test_dollars_need_a_price():
    Budget(usd=1).check("gpt-realtime")
    Budget(usd=1).check("mine", PUBLISHED.with_prices({"mine": {"text_in": 1}}))
    Budget(seconds=1).check("mine")
    with pytest.raises(ValueError, match="'mine'"):
        Budget(usd=1).check("mine")


@given(st.lists(st.decimals(0, 10, places=3)), st.decimals("0.001", 10, places=3))
def test_each_is_told_at_most_once_and_the_end_exactly_if_it_is_reached(spent, limit):
    budget = Budget(usd=limit)
    told = [event for total in sorted(spent) for event in budget.spend(total, 0)]
    assert [type(event) for event in told] in ([], [BudgetWarning], [BudgetSpent], [BudgetWarning, BudgetSpent])
    assert any(isinstance(event, BudgetSpent) for event in told) == any(total >= limit for total in spent)
    assert bool(told) == any(total >= limit * Decimal("0.8") for total in spent)
