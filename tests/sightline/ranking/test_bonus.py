"""The bonus for raised arms keeps rankings within 0 to 1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.ranking import with_bonus

shares = st.floats(0, 1)


@given(shares, shares, st.booleans())
def test_ranking_is_between_the_score_and_1(score: float, bonus: float, arms: bool) -> None:
    assert 0 <= score <= with_bonus(score, arms, bonus) <= 1
    assert with_bonus(score, False, bonus) == score


@given(shares, shares, st.floats(0, 0.99))
def test_bonus_keeps_the_order_of_people_with_raised_arms(one: float, other: float, bonus: float) -> None:
    low, high = sorted((one, other))
    assert with_bonus(low, True, bonus) <= with_bonus(high, True, bonus)


def test_bonus_is_a_share_of_the_difference_to_1() -> None:
    assert with_bonus(0.6, True, 0.25) == pytest.approx(0.7)


@pytest.mark.parametrize(("score", "bonus"), [(1.1, 0.1), (-0.1, 0.1), (0.5, 2.0), (0.5, -0.1), (float("nan"), 0.1)])
def test_value_outside_0_to_1_is_rejected(score: float, bonus: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        with_bonus(score, True, bonus)
