"""Uncertain predictions → pages of questions → a person's answers → agreement with the model."""

from __future__ import annotations

import json
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from sightline.reviews import Agreement, QuestionSet, Reviewed, agreement, by_model, overdue_alert
from tasks.alerts import send_alert
from tasks.reviews import (
    answers_from_file,
    ask_people,
    can_wait,
    find_answered,
    find_overdue,
    find_questions,
    mark_alerted,
    plan_questions,
    publish_review,
)
from tasks.support.flow import sightline_flow, skipped
from tasks.support.opaque import Opaque


class ReviewResult(BaseModel):
    """The answers of this run, and their agreement with the model's uncertain predictions.

    Answers about who the patient is count as answers, but are not compared with predictions. ``waiting`` is the number
    of the model's open questions. ``left_out`` holds images of payloads, which are not stored, so nobody can review
    them. ``this_run`` is the agreement of this run's answers, ``by_model`` that of all answers about each version.
    """

    model_config = ConfigDict(frozen=True)

    asked: int
    answered: int
    waiting: int
    left_out: tuple[str, ...]
    this_run: Agreement
    by_model: dict[str, Agreement]

    @classmethod
    def of(
        cls, question_set: QuestionSet, in_this_run: list[Reviewed], answered: list[Reviewed], waiting: int
    ) -> ReviewResult:
        """Return the result of a finished run."""
        return cls(
            asked=len(question_set.questions),
            answered=len(in_this_run),
            waiting=waiting,
            left_out=question_set.left_out,
            this_run=agreement(in_this_run),
            by_model=by_model(answered),
        )


@sightline_flow(name="review-predictions", flow_run_name="review predictions")
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
        results: The results of classify-images with the uncertain images: their folder, or a file in it.
        model: Ask all open questions about this model instead, NAME or NAME/VERSION.
        patient: Ask about this patient's sessions instead: uncertain predictions, which person in the picture is the
            patient, and which names are theirs.
        answers: A JSON file with the answers, to be used instead of a form.
        page_size: Questions per form.
        limit: Maximum number of questions in this run, the least certain first.
        hours: Time to answer. By default REVIEW_HOURS.
    """
    overdue = find_overdue()
    if alert := overdue_alert(overdue):
        send_alert(alert)
        mark_alerted(overdue)
    question_set = find_questions(results, model, patient)
    if answers is not None:
        answers_from_file(question_set, answers)
    elif question_set.value.questions and can_wait():
        ask_people(plan_questions(question_set, page_size, limit, hours))
    in_this_run, answered, waiting = find_answered(question_set)
    result = ReviewResult.of(question_set.value, in_this_run, answered, waiting)
    if not in_this_run:
        return skipped(_reason(question_set), result)
    publish_review(in_this_run, answered, waiting)
    return result


def _reason(question_set: Opaque[QuestionSet]) -> str:
    """Return why nothing was answered."""
    count = len(question_set.value.questions)
    if not count:
        return "there are no open questions"
    if can_wait():
        return f"all {count} questions were put off, or are asked by another run"
    first = question_set.value.questions[0]
    example = json.dumps({"reviewer": "NAME", "answers": {first.label: "ANSWER"}}, ensure_ascii=False)
    return (
        f"{count} questions are open, and this run cannot wait for answers, because it was not started from a "
        "deployment. Start review-predictions in the Prefect UI, which `make ui` starts on this machine, or give "
        f"--answers FILE.json, for example with {example}, where the answer is one of {', '.join(first.answers)}"
    )
