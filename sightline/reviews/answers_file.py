"""Answers in a JSON file, used instead of a form: ``{"reviewer": "kim", "answers": {"URI": "bicycle"}}``."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sightline import storage
from sightline.errors import InvalidInput
from sightline.reviews.records import LATER, Question
from sightline.storage import Location

__all__ = ["AnswersFile", "read_answers"]

_FIX = 'Write it as {"reviewer": "NAME", "answers": {"URI": "CLASS"}}'


class AnswersFile(BaseModel):
    """A reviewer's answers, by the question's label: see :attr:`Question.label`.

    An image or a session is also known by its SHA-256, and a session by the URI of its annotated video.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    reviewer: str = Field(min_length=1, max_length=100)
    answers: dict[str, str]

    def matched(self, questions: Iterable[Question], file: str) -> list[tuple[Question, str]]:
        """Return the answered questions with their answers; without those that are put off.

        Raises :class:`InvalidInput` for an answer without a question, or one that its question does not offer.
        """
        known: dict[str, Question] = {}
        for question in questions:
            names = [question.label, *((question.uri, question.sha256) if question.is_prediction else ())]
            known |= dict.fromkeys(names, question)
        if unknown := [name for name in self.answers if name not in known]:
            raise InvalidInput(
                file,
                f"answers {unknown[0]}, but there is no question about it",
                "Use the URI or the SHA-256 of an image, PATIENT/SESSION, PATIENT/SESSION#person or PATIENT#NAME",
            )
        for name, answer in self.answers.items():
            if answer not in (*known[name].answers, LATER):
                choices = ", ".join((*known[name].answers, LATER))
                raise InvalidInput(file, f"{answer!r} is not an answer to {name}", f"Use one of {choices}")
        return [(known[name], answer) for name, answer in self.answers.items() if answer != LATER]


def read_answers(file: Location) -> AnswersFile:
    """Return the file's answers. Raises :class:`InvalidInput` if it does not exist, or holds something else."""
    name = storage.uri_of(file)
    try:
        return AnswersFile.model_validate_json(storage.read_bytes(file))
    except FileNotFoundError as error:
        raise InvalidInput(name, "there is no such file", _FIX) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise InvalidInput(name, f"{place}: {first['msg']}", _FIX) from error
