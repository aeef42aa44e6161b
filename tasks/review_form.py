"""The form in the Prefect UI that a person fills in: a field for each question of a page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, cast

from prefect.input import RunInput
from pydantic import Field, create_model

from sightline import reviews
from sightline.reviews import CANNOT_TELL, LATER, NONE_OF_THESE, Page, Question
from sightline.vision import Limits

__all__ = ["answers_of", "form_of", "reviewer_of"]

_REVIEWER = "reviewer"


def form_of(page: Page, pages: int, limits: Limits) -> type[RunInput]:
    """The page's form: small pictures above, then a choice for each; what is left at "later" stays open."""
    fields: dict[str, Any] = {
        _REVIEWER: (str, Field(title="Your name", description="Kept beside the answers.", min_length=1, max_length=100))
    }
    for name, number, question in _named(page):
        choice: Any = Literal[(LATER, *question.answers)]
        fields[name] = (choice, Field(LATER, title=f"{number}. {_called(question)}", description=_asked(question)))
    form = create_model(f"Page{page.number}", __base__=RunInput, **fields)
    return cast("type[RunInput]", form.with_initial_data(description=_description(page, pages, limits)))


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


def _asked(question: Question) -> str:
    return f"Proposed: {question.proposed}, {question.confidence:.2f} sure. {question.uri}"


def _description(page: Page, pages: int, limits: Limits) -> str:
    """Markdown: what is asked, and a table of the pictures, each in the page itself, with where it lies."""
    first = page.questions[0]
    what = "session" if first.kind == "session" else "image"
    lines = [
        f"### What is it? Page {page.number} of {pages}",
        f"{first.model} is unsure of {'this' if len(page.questions) == 1 else f'these {len(page.questions)}'} "
        f"{what}{'' if len(page.questions) == 1 else 's'}. Choose what each one is: {', '.join(first.choices)}, "
        f"*{NONE_OF_THESE}* or *{CANNOT_TELL}*. What stays at *{LATER}* is asked again another time.",
        "",
        "| | | proposed | |",
        "| --- | --- | --- | --- |",
    ]
    for number, question in enumerate(page.questions, start=1):
        picture = reviews.thumbnail(question, limits)
        shown = f"![{_plain(_called(question))}]({reviews.data_url(picture)})" if picture else "*no picture*"
        lines.append(
            f"| {number} | {shown} | **{_plain(question.proposed)}** {question.confidence:.2f} | "
            f"{_plain(_called(question))}<br>{_link(question.uri)} |"
        )
    return "\n".join(lines)


def _link(uri: str) -> str:
    return f"<{uri}>" if uri.startswith(("http://", "https://")) else f"`{uri.replace('`', '')}`"


def _plain(text: str) -> str:
    """Text that means nothing in a markdown table."""
    return "".join(f"\\{each}" if each in r"\`*_{}[]<>()#+!|~" else each for each in " ".join(text.split()))
