from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.ranking import with_bonus

shares = st.floats(0, 1)


@given(shares, shares, st.booleans())
def test_a_ranking_stays_within_0_and_1_and_is_never_below_the_score(score: float, bonus: float, arms: bool) -> None:
    assert 0 <= score <= with_bonus(score, arms, bonus) <= 1
    assert with_bonus(score, False, bonus) == score


@given(shares, shares, st.floats(0, 0.99))
def test_of_two_with_raised_arms_the_better_runner_stays_the_better(one: float, other: float, bonus: float) -> None:
    low, high = sorted((one, other))
    assert with_bonus(low, True, bonus) <= with_bonus(high, True, bonus)


def test_the_bonus_is_a_share_of_what_is_missing() -> None:
    assert with_bonus(0.6, True, 0.25) == pytest.approx(0.7)


@pytest.mark.parametrize(("score", "bonus"), [(1.1, 0.1), (-0.1, 0.1), (0.5, 2.0), (0.5, -0.1), (float("nan"), 0.1)])
def test_what_is_no_share_is_refused(score: float, bonus: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        with_bonus(score, True, bonus)
