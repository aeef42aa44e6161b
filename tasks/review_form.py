"""The form in the Prefect UI: one field per question of a page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, Literal, cast

from prefect.input import RunInput
from pydantic import Field, create_model

from sightline import reviews
from sightline.reviews import CANNOT_TELL, LATER, NONE_OF_THESE, Page, Question
from sightline.vision import Limits

__all__ = ["answers_of", "form_of", "reviewer_of"]

_REVIEWER = "reviewer"
_NONE_MEANS = {
    "person": " (the patient is not in the picture, and the session is never used for training)",
    "name": " (it is nobody's name)",
}
_WEB = re.compile(r"https?://[^\s<>]+")


def form_of(page: Page, pages: int, limits: Limits) -> type[RunInput]:
    """Return the page's form: one choice per question, below its thumbnail. A question left at "later" stays open."""
    instructions = _instructions(page, pages)
    fields: dict[str, Any] = {
        # The UI hides a form's description if the form is longer than the window.
        _REVIEWER: (str, Field(title="Your name", description=instructions, min_length=1, max_length=100))
    }
    for name, number, question in _named(page):
        choice: Any = Literal[(LATER, *question.answers)]
        field = Field(LATER, title=f"{number}. {_title(question)}", description=_description(question, limits))
        fields[name] = (choice, field)
    form = create_model(f"Page{page.number}", __base__=RunInput, **fields)
    return cast("type[RunInput]", form.with_initial_data(description=f"### Page {page.number} of {pages}"))


def answers_of(page: Page, form: RunInput) -> Iterator[tuple[Question, str]]:
    """Yield the answered questions with their answers."""
    for name, _, question in _named(page):
        if (answer := getattr(form, name)) != LATER:
            yield question, answer


def reviewer_of(form: RunInput) -> str:
    """Return the name of the person who filled the form in."""
    return str(getattr(form, _REVIEWER)).strip()


def _named(page: Page) -> Iterator[tuple[str, int, Question]]:
    for number, question in enumerate(page.questions, start=1):
        yield f"{question.kind}_{number:02d}", number, question


def _title(question: Question) -> str:
    if question.kind == "person":
        return f"Who is the patient in {question.session}?"
    if question.kind == "name":
        return f"Whose name is {question.name}?"
    return question.session or question.uri.rpartition("/")[2]


def _instructions(page: Page, pages: int) -> str:
    first = page.questions[0]
    return (
        f"Page {page.number} of {pages}. {_subject(first, len(page.questions))} "
        f"Choose an answer for each: {', '.join(map(_plain, first.choices))}, *{NONE_OF_THESE}*"
        f"{_NONE_MEANS.get(first.kind, '')} or *{CANNOT_TELL}*. "
        f"A question left at *{LATER}* is asked again another time. Your name is stored with the answers."
    )


def _subject(first: Question, count: int) -> str:
    """Return a sentence about what is asked."""
    if first.kind == "person":
        return "Several people are in the picture, and it is not known who of them is the patient."
    if first.kind == "name":
        names = "this name" if count == 1 else f"these {count} names"
        patient = _plain(str(first.session).partition("/")[0])
        return f"Statements are about {names}, and it is not known which are names of the patient {patient}."
    subject = f"this {first.kind}" if count == 1 else f"these {count} {first.kind}s"
    return f"{_plain(first.model)} is uncertain about {subject}."


def _description(question: Question, limits: Limits) -> str:
    """Return Markdown: embedded pictures or quoted statements, the reason for the question, and the URI."""
    if question.kind == "person":
        content = [_person(*shown, limits) for shown in zip_longest(question.choices, question.pictures, fillvalue="")]
        return "\n\n".join([*content, f"{_sentence(question.why)}", _link(question.uri)])
    if question.kind == "name":
        said = [f"> {_plain(statement)}" for statement in question.statements]
        return "\n\n".join([*said, _sentence(question.why), _link(question.uri)])
    jpeg = reviews.thumbnail(question, limits)
    prediction = f"{_plain(question.model)} predicts **{_plain(question.proposed)}**: {_plain(question.why)}."
    return f"{_image(question.kind, jpeg)}\n\n{prediction}\n\n{_link(question.uri)}"


def _person(choice: str, uri: str, limits: Limits) -> str:
    return f"**{_plain(choice)}**\n\n{_image(choice, reviews.picture(uri, limits))}"


def _image(text: str, jpeg: bytes | None) -> str:
    return f"![{_plain(text)}]({reviews.data_url(jpeg)})" if jpeg else "*No thumbnail is available.*"


def _sentence(text: str) -> str:
    plain = _plain(text).rstrip(".")
    return f"{plain[:1].upper()}{plain[1:]}."


def _link(uri: str) -> str:
    return f"<{uri}>" if _WEB.fullmatch(uri) else f"`{uri.replace('`', '')}`"


def _plain(text: str) -> str:
    """Return the text on one line, with the special characters of Markdown escaped."""
    return "".join(f"\\{letter}" if letter in r"\`*_{}[]<>#|~" else letter for letter in " ".join(text.split()))
