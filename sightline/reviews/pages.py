"""What a run asks, page by page, like beside like."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby

from pydantic import AwareDatetime, BaseModel, ConfigDict

from sightline.reviews.records import Question

__all__ = ["Page", "ReviewPlan", "in_order", "pages_of"]


class Page(BaseModel):
    """Questions that are shown together: of one model, and so with the same choices."""

    model_config = ConfigDict(frozen=True)

    number: int
    """From 1."""
    questions: tuple[Question, ...]


class ReviewPlan(BaseModel):
    """The pages of one run, and until when it waits for the answers."""

    model_config = ConfigDict(frozen=True)

    run: str
    made: AwareDatetime
    until: AwareDatetime
    pages: tuple[Page, ...]
    left_out: tuple[str, ...] = ()
    """URIs of images that nobody can look at again, of which nothing is asked."""

    @property
    def questions(self) -> tuple[Question, ...]:
        """All of them, in their order."""
        return tuple(question for page in self.pages for question in page.questions)

    def seconds_left(self, now: datetime) -> int:
        """Until its time limit; at least one."""
        return max(1, round((self.until - now).total_seconds()))


def in_order(questions: Iterable[Question]) -> list[Question]:
    """By model, by proposed class in the model's order, then the least certain first."""

    def place(question: Question) -> tuple[str, tuple[str, ...], int, str, float, str]:
        known = question.choices.index(question.proposed) if question.proposed in question.choices else -1
        return question.model, question.choices, known, question.proposed, question.confidence, question.sha256

    return sorted(questions, key=place)


def pages_of(questions: Sequence[Question], size: int) -> tuple[Page, ...]:
    """Pages of at most ``size`` questions, in the order of :func:`in_order`; a page is of one model."""
    cut = []
    for _, group in groupby(in_order(questions), key=lambda question: (question.model, question.choices)):
        rows = list(group)
        cut += [tuple(rows[start : start + size]) for start in range(0, len(rows), size)]
    return tuple(Page(number=number, questions=rows) for number, rows in enumerate(cut, start=1))
