"""What a model is unsure of → pages of questions → a person's answers → how often the model was right."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from sightline.reviews import Agreement, Reviewed, agreement, by_model, overdue_alert
from tasks.alerts import send_alert
from tasks.reviews import (
    Asked,
    answers_from_file,
    ask_people,
    can_wait,
    find_overdue,
    find_questions,
    given_in_this_run,
    plan_questions,
    publish_review,
    remember_told,
)
from tasks.support.flow import sightline_flow, skipped


class ReviewResult(BaseModel):
    """The answers of this run, and how often the model was right about what it was unsure of.

    ``waiting`` counts the model's questions without an answer. ``left_out``: images of payloads, of which nothing is
    kept that a person could look at. ``this_run`` is of this run's answers, ``by_model`` of all answers about each
    version.
    """

    model_config = ConfigDict(frozen=True)

    asked: int
    answered: int
    waiting: int
    left_out: tuple[str, ...]
    this_run: Agreement
    by_model: dict[str, Agreement]

    @classmethod
    def of(cls, asked: Asked, given: list[Reviewed], every: list[Reviewed], waiting: int) -> ReviewResult:
        """The result of a run that has ended."""
        return cls(
            asked=len(asked.questions),
            answered=len(given),
            waiting=waiting,
            left_out=tuple(asked.left_out),
            this_run=agreement(given),
            by_model=by_model(every),
        )


@sightline_flow(name="review-predictions", flow_run_name="review what a model is unsure of")
def review_predictions(
    results: str | None = None,
    *,
    model: str | None = None,
    patient: str | None = None,
    answers: str | None = None,
    page_size: Annotated[int, Field(ge=1, le=50)] = 12,
    limit: Annotated[int, Field(ge=1, le=1000)] = 120,
    hours: Annotated[float, Field(gt=0, le=8760)] | None = None,
) -> ReviewResult:
    """Ask people about uncertain predictions in a form of the Prefect UI, and store the answers.

    Args:
        results: The results of classify-images whose uncertain images are asked about: their folder, or a file in it.
        model: Ask about all that waits of this model instead, NAME or NAME/VERSION.
        patient: Ask about this patient's sessions instead.
        answers: A JSON file with the answers, where nobody is to be asked.
        page_size: Questions in one form.
        limit: Questions that this run asks, the least certain first.
        hours: How long a person has. By default REVIEW_HOURS.
    """
    overdue = find_overdue()
    if alert := overdue_alert(overdue):
        send_alert(alert)
        remember_told(overdue)
    asked = find_questions(results, model, patient)
    if answers is not None:
        answers_from_file(asked, answers)
    elif asked.questions and can_wait():
        ask_people(plan_questions(asked, page_size, limit, hours))
    given, every, waiting = given_in_this_run(asked)
    result = ReviewResult.of(asked, given, every, waiting)
    if not given:
        return skipped(_why(asked), result)
    publish_review(given, every, waiting)
    return result


def _why(asked: Asked) -> str:
    """Why nothing was answered."""
    if not asked.questions:
        return "nothing waits for an answer"
    if can_wait():
        return f"all {len(asked.questions)} questions were put off, or are asked by another run"
    return (
        f"{len(asked.questions)} questions wait for an answer, and this run cannot wait for one: it was not started "
        "from a deployment. Start review-predictions in the Prefect UI, which `make ui` brings up here, or give "
        '--answers FILE.json, with {"reviewer": "NAME", "answers": {"URI": "CLASS"}}'
    )
