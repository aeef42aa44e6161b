"""The questions of a run, page by page, with similar questions side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from sightline.reviews.records import Question

__all__ = ["Page", "ReviewPlan", "in_order", "pages_of"]


class Page(BaseModel):
    """Questions on one form: all of one kind, about one model, with the same choices."""

    model_config = ConfigDict(frozen=True)

    number: int
    """From 1."""
    questions: tuple[Question, ...]


class ReviewPlan(BaseModel):
    """The pages of one run, and the time until which it waits for the answers."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, serialize_by_alias=True)

    run: str
    created: Annotated[AwareDatetime, Field(alias="made")]
    until: AwareDatetime
    pages: tuple[Page, ...]
    left_out: tuple[str, ...] = ()
    """URIs of images that are not stored, so nobody can review them."""

    @property
    def questions(self) -> tuple[Question, ...]:
        """All questions, in the order of the pages."""
        return tuple(question for page in self.pages for question in page.questions)

    def seconds_left(self, now: datetime) -> int:
        """Return the seconds until the time limit, at least 1."""
        return max(1, round((self.until - now).total_seconds()))


def in_order(questions: Iterable[Question]) -> list[Question]:
    """Return the questions by model, by proposed class in the model's order, then the least certain first."""

    def key(question: Question) -> tuple[str, tuple[str, ...], str, int, str, float, str]:
        index = question.choices.index(question.proposed) if question.proposed in question.choices else -1
        return (
            question.model, question.choices, question.kind, index, question.proposed, question.confidence,
            question.sha256,
        )  # fmt: skip

    return sorted(questions, key=key)


def pages_of(questions: Sequence[Question], size: int) -> tuple[Page, ...]:
    """Return pages of at most ``size`` questions about one model, in the order of :func:`in_order`."""
    pages = []
    for _, group in groupby(
        in_order(questions), key=lambda question: (question.model, question.choices, question.kind)
    ):
        rows = list(group)
        pages += [tuple(rows[start : start + size]) for start in range(0, len(rows), size)]
    return tuple(Page(number=number, questions=rows) for number, rows in enumerate(pages, start=1))
