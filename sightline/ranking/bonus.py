"""The bonus for raised arms."""

from __future__ import annotations

__all__ = ["with_bonus"]


def with_bonus(score: float, arms_above_head: bool, bonus: float) -> float:
    """Return the ranking of a score, 0 to 1: ``score + bonus * (1 - score)`` with raised arms, otherwise the score.

    The bonus, 0 to 1, is the share of the difference between the score and 1 that raised arms add. A ranking therefore
    stays within 0 to 1, and raised arms do not change the order of two people who both raise them.
    """
    for name, value in (("score", score), ("bonus", bonus)):
        if not 0 <= value <= 1:
            raise ValueError(f"a {name} must be from 0 to 1; this one is {value}")
    return score + bonus * (1 - score) if arms_above_head else score
