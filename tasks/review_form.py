"""The form in the Prefect UI that a person fills in: a field for each question of a page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal, cast

from prefect.input import RunInput
from pydantic import Field, create_model

from sightline import reviews
from sightline.reviews import CANNOT_TELL, LATER, NONE_OF_THESE, Page, Question
from sightline.vision import Limits

__all__ = ["answers_of", "form_of", "reviewer_of"]

_REVIEWER = "reviewer"
_WEB = re.compile(r"https?://[^\s<>]+")


def form_of(page: Page, pages: int, limits: Limits) -> type[RunInput]:
    """The page's form: a choice for each question, under its picture; what is left at "later" stays open."""
    what = _explained(page, pages)
    fields: dict[str, Any] = {
        # The UI hides a form's own description where the form is longer than the window, so it stands here as well.
        _REVIEWER: (str, Field(title="Your name", description=what, min_length=1, max_length=100))
    }
    for name, number, question in _named(page):
        choice: Any = Literal[(LATER, *question.answers)]
        asked = Field(LATER, title=f"{number}. {_called(question)}", description=_asked(question, limits))
        fields[name] = (choice, asked)
    form = create_model(f"Page{page.number}", __base__=RunInput, **fields)
    return cast("type[RunInput]", form.with_initial_data(description=f"### Page {page.number} of {pages}"))


def answers_of(page: Page, given: RunInput) -> Iterator[tuple[Question, str]]:
    """The questions that were answered, with the answers."""
    for name, _, question in _named(page):
        if (answer := getattr(given, name)) != LATER:
            yield question, answer


def reviewer_of(given: RunInput) -> str:
    """Who filled the form in."""
    return str(getattr(given, _REVIEWER)).strip()


def _named(page: Page) -> Iterator[tuple[str, int, Question]]:
    for number, question in enumerate(page.questions, start=1):
        yield f"{question.kind}_{number:02d}", number, question


def _called(question: Question) -> str:
    return question.session or question.uri.rpartition("/")[2]


def _explained(page: Page, pages: int) -> str:
    first, count = page.questions[0], len(page.questions)
    these = f"this {first.kind}" if count == 1 else f"these {count} {first.kind}s"
    return (
        f"Page {page.number} of {pages}. {_plain(first.model)} is unsure of {these}. Say of each what it is: "
        f"{', '.join(map(_plain, first.choices))}, *{NONE_OF_THESE}* or *{CANNOT_TELL}*. "
        f"What stays at *{LATER}* is asked again another time. Your name is kept beside the answers."
    )


def _asked(question: Question, limits: Limits) -> str:
    """Markdown: a small picture, which the text holds itself, what the model says, and where it can be looked at."""
    picture = reviews.thumbnail(question, limits)
    shown = f"![{question.kind}]({reviews.data_url(picture)})" if picture else "*There is no picture of it.*"
    said = f"{_plain(question.model)} says **{_plain(question.proposed)}**: {_plain(question.why)}."
    return f"{shown}\n\n{said}\n\n{_link(question.uri)}"


def _link(uri: str) -> str:
    return f"<{uri}>" if _WEB.fullmatch(uri) else f"`{uri.replace('`', '')}`"


def _plain(text: str) -> str:
    """Text in which nothing is markdown."""
    return "".join(f"\\{each}" if each in r"\`*_{}[]<>#|~" else each for each in " ".join(text.split()))
