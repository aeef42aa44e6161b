"""More points for raised arms."""

from __future__ import annotations

__all__ = ["with_bonus"]


def with_bonus(score: float, arms_above_head: bool, bonus: float) -> float:
    """The ranking of a score, 0 to 1: with the arms above the head, ``score + bonus * (1 - score)``, else the score.

    The bonus, 0 to 1, is the share of what is missing to 1 that raised arms make up for. So a ranking stays within 0
    to 1, and of two people with raised arms the better runner stays the better one.
    """
    for name, value in (("score", score), ("bonus", bonus)):
        if not 0 <= value <= 1:
            raise ValueError(f"a {name} is from 0 to 1; this one is {value}")
    return score + bonus * (1 - score) if arms_above_head else score
