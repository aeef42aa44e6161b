"""Records of reviews: questions, open ones with their lease, and answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, NonNegativeInt, model_validator

from sightline.leases import is_free

__all__ = ["CANNOT_TELL", "LATER", "NONE_OF_THESE", "Answer", "Question", "Reviewed", "Waiting"]

NONE_OF_THESE, CANNOT_TELL = "none of these", "cannot tell"
"""The answers that every question offers besides its classes."""
LATER = "later"
"""The choice that leaves a question open; it is never stored as an answer."""


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class Question(_Record):
    """One thing that a person should decide: an uncertain prediction, or who the patient of a session is.

    - ``image`` and ``session``: the class of an image or the emotion of a session, whose prediction is uncertain.
    - ``person``: which of the people in a session's picture is the patient.
    - ``name``: whether a name that statements are about is the patient's; asked once per patient and name.

    ``model`` is the model of the prediction, with its version: ``vehicles/3``, or ``endpoint://NAME``; of the last two
    kinds it is the patient's model, so that all questions about a patient are in one queue. ``sha256`` is the hash of
    the image, of the session's video, or of the patient and the name. With the model's name and the kind it identifies
    the question: another version of the model, or another copy of the image, is the same question.
    """

    kind: Literal["image", "session", "person", "name"]
    model: str
    uri: str
    """The image, or the session's annotated video."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    proposed: str
    confidence: float
    threshold: float
    choices: tuple[str, ...]
    """The classes, in the model's order."""
    why: str
    """The reasons for the review."""
    session: str | None = None
    """``PATIENT/SESSION``."""
    frames: str | None = None
    """The folder of the session's selected frames."""
    pictures: tuple[str, ...] = ()
    """The URIs of the pictures of the people, in the order of the choices; empty for a person without a picture."""
    name: str | None = None
    """The name, of a question of that kind."""
    statements: tuple[str, ...] = ()
    """What is said about the name."""
    times_replaced: NonNegativeInt = 0
    """How often the session's video had been processed again: each time its people have other numbers."""

    @model_validator(mode="after")
    def _check_classes(self) -> Question:
        if reserved := {NONE_OF_THESE, CANNOT_TELL, LATER} & set(self.choices):
            names = " or ".join(sorted(reserved))
            raise ValueError(f"a class cannot be called {names}, which every question offers. Rename the class")
        return self

    @property
    def key(self) -> str:
        """The identifier of the question in the queue of its model, which is also its file's name."""
        if self.is_prediction:
            return self.sha256
        again = f"-{self.times_replaced}" if self.times_replaced else ""
        return f"{self.sha256}-{self.kind}{again}"

    @property
    def is_prediction(self) -> bool:
        """Whether the question is about a model's prediction."""
        return self.kind in ("image", "session")

    @property
    def label(self) -> str:
        """The question's name for people and in a file of answers.

        An image's URI, ``PATIENT/SESSION``, ``PATIENT/SESSION#person`` or ``PATIENT#NAME``.
        """
        if self.session is None:
            return self.uri
        if self.kind == "person":
            return f"{self.session}#person"
        return f"{self.session.partition('/')[0]}#{self.name}" if self.kind == "name" else self.session

    @property
    def answers(self) -> tuple[str, ...]:
        """All answers that can be stored."""
        return (*self.choices, NONE_OF_THESE, CANNOT_TELL)


class Waiting(_Record):
    """An open question, with the lease of the run that asks it.

    After ``until`` any run can ask it, and it is overdue.
    """

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    question: Question
    queued: Moment
    taken_by: str | None = None
    """The run that has the lease, None if no run has asked the question or the run has released it."""
    until: Moment | None = None
    """The expiry of the lease."""
    alerted: Annotated[Moment | None, Field(alias="told")] = None
    """The time of the alert about it."""

    def is_free(self, now: datetime) -> bool:
        """Return whether a run can take the question."""
        return is_free(self.taken_by, self.until, now)


class Answer(_Record):
    """One person's answer to one question: a class, :data:`NONE_OF_THESE` or :data:`CANNOT_TELL`.

    ``proposed`` is the class that the model predicted, and ``run`` the flow run in which the person answered.
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

    The latest answer of each person counts, unless it is :data:`CANNOT_TELL`. If people disagree, there is no label.
    """

    question: Question
    answers: Annotated[tuple[Answer, ...], Field(min_length=1)]

    @property
    def counted(self) -> tuple[Answer, ...]:
        """The latest answer of each person, without ``cannot tell``."""
        latest = {answer.reviewer.casefold(): answer for answer in self.answers}
        return tuple(answer for answer in latest.values() if answer.answer != CANNOT_TELL)

    @property
    def verdict(self) -> str:
        """The answer that people agree on: ``cannot tell`` if no answer counts, ``contested`` if they disagree."""
        answers = {answer.answer for answer in self.counted}
        if len(answers) > 1:
            return "contested"
        return next(iter(answers), CANNOT_TELL)

    @property
    def label(self) -> str | None:
        """The class that people agree on, usable as a training label; None if there is none."""
        answers = {answer.answer for answer in self.counted}
        return answers.pop() if len(answers) == 1 and NONE_OF_THESE not in answers else None

    @property
    def reviewers(self) -> tuple[str, ...]:
        """The people whose answers count, in the order of their first answers."""
        return tuple(answer.reviewer for answer in self.counted)

    @property
    def last(self) -> Answer:
        """The latest answer."""
        return self.answers[-1]
