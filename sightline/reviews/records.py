"""What a person is asked, and what people have answered."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

__all__ = ["CANNOT_TELL", "LATER", "NONE_OF_THESE", "Answer", "Question", "Reviewed", "Waiting"]

NONE_OF_THESE, CANNOT_TELL = "none of these", "cannot tell"
"""The answers beside the classes."""
LATER = "later"
"""What leaves a question open; never kept as an answer."""


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class Question(_Record):
    """One image or session that a model is unsure of.

    ``model`` is the one that was, with its version: ``vehicles/3``, or ``endpoint://NAME``. ``sha256`` is that of the
    image, or of the session's video, and with the model's name it is the question's identity: the next version, or
    another copy of the image, asks nothing new.
    """

    kind: Literal["image", "session"]
    model: str
    uri: str
    """Where the image, or the annotated video, can be looked at."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    proposed: str
    confidence: float
    threshold: float
    choices: tuple[str, ...]
    """The classes, in the model's order."""
    why: str
    session: str | None = None
    """``PATIENT/SESSION``."""
    frames: str | None = None
    """The folder of the session's selected frames."""

    @model_validator(mode="after")
    def _classes_are_no_answers_of_ours(self) -> Question:
        if taken := {NONE_OF_THESE, CANNOT_TELL, LATER} & set(self.choices):
            raise ValueError(f"a class cannot be called {' or '.join(sorted(taken))} where people are asked about it")
        return self

    @property
    def answers(self) -> tuple[str, ...]:
        """Everything that may be answered."""
        return (*self.choices, NONE_OF_THESE, CANNOT_TELL)


class Waiting(_Record):
    """A question without an answer.

    A run that asks takes the question for itself until a moment; after that it is anybody's again, and is overdue.
    """

    question: Question
    queued: Moment
    taken_by: str | None = None
    until: Moment | None = None
    told: Moment | None = None
    """When people were alerted of it."""


class Answer(_Record):
    """What one person answered: a class, :data:`NONE_OF_THESE` or :data:`CANNOT_TELL`; and what was proposed to them.

    ``run`` tells where it was given, a flow run say.
    """

    answer: str
    reviewer: Annotated[str, Field(min_length=1)]
    at: Moment
    run: str
    model: str
    proposed: str
    confidence: float


class Reviewed(_Record):
    """A question with all its answers, the latest last.

    Each person's latest answer counts, and who cannot tell says nothing. Where the others disagree there is no label.
    """

    question: Question
    answers: Annotated[tuple[Answer, ...], Field(min_length=1)]

    @property
    def counted(self) -> tuple[Answer, ...]:
        """Each person's latest answer, save of those who cannot tell."""
        latest = {answer.reviewer.casefold(): answer for answer in self.answers}
        return tuple(answer for answer in latest.values() if answer.answer != CANNOT_TELL)

    @property
    def verdict(self) -> str:
        """The answer that people agree on; ``cannot tell`` where nobody can, ``contested`` where they disagree."""
        said = {answer.answer for answer in self.counted}
        if len(said) > 1:
            return "contested"
        return next(iter(said), CANNOT_TELL)

    @property
    def label(self) -> str | None:
        """The class that people agree on, which can be learnt from; None where there is none."""
        said = {answer.answer for answer in self.counted}
        return said.pop() if len(said) == 1 and not said & {NONE_OF_THESE} else None

    @property
    def reviewers(self) -> tuple[str, ...]:
        """Whose answers count, each once, in the order of their answers."""
        return tuple(answer.reviewer for answer in self.counted)

    @property
    def last(self) -> Answer:
        """The answer that came last."""
        return self.answers[-1]
