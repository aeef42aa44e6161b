"""Asking people about what a model is unsure of: the steps from uncertain items to kept answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from prefect import task
from prefect.artifacts import create_table_artifact
from prefect.flow_runs import suspend_flow_run
from prefect.logging import get_run_logger
from prefect.runtime import deployment, flow_run

from sightline import reviews, storage
from sightline.emotion import load_keywords
from sightline.errors import InvalidInput
from sightline.names import PatientName, SessionName
from sightline.reviews import Answer, Exported, Question, Reviewed, ReviewPlan, Waiting
from sightline.sessions import SessionStore
from sightline.settings import settings
from tasks.events import emit_review_answered
from tasks.models import open_reviews
from tasks.review_form import answers_of, form_of, reviewer_of
from tasks.runs import image_limits
from tasks.support.policy import ON_STORAGE, PLAIN

__all__ = [
    "Asked",
    "answers_from_file",
    "ask_people",
    "can_wait",
    "export_reviewed",
    "find_overdue",
    "find_questions",
    "given_in_this_run",
    "plan_questions",
    "publish_export",
    "publish_review",
    "remember_told",
]


class Asked:
    """Questions, in a plain object: Prefect looks through every field of a data class at each call.

    ``left_out``: images that nobody can look at again.
    """

    def __init__(self, model: str, questions: Sequence[Question], left_out: Sequence[str] = ()) -> None:
        self.model = model
        self.questions = list(questions)
        self.left_out = list(left_out)


class Plan:
    """What the run asks, likewise."""

    def __init__(self, plan: ReviewPlan) -> None:
        self.plan = plan


def can_wait() -> bool:
    """Whether this run can be suspended until a person answers: it is of a deployment, and no part of another run."""
    return deployment.id is not None and flow_run.parent_flow_run_id is None


@task(**ON_STORAGE)
def find_questions(results: str | None, model: str | None, patient: str | None) -> Asked:
    """What is to be asked, queued where it is new: of one run over images, of a model, or of a patient's sessions.

    A run that goes on after an answer asks what it has planned, whatever has become of the results since.
    """
    given = [each for each in (results, model, patient) if each is not None]
    if len(given) != 1:
        raise InvalidInput(
            "review-predictions",
            f"{' and '.join(given)} are given together" if given else "it is not said whose predictions are meant",
            "Give one of: the results of classify-images, --model, --patient",
        )
    config, store = settings(), open_reviews()
    if plan := store.planned(str(flow_run.id)):
        return Asked(plan.questions[0].model if plan.questions else "", plan.questions, plan.left_out)
    if results is not None:
        found = reviews.questions_of_results(config.locate(results))
        store.queue(found.questions)
        return Asked(found.questions[0].model if found.questions else "", found.questions, found.left_out)
    if patient is not None:
        emotions = list(load_keywords(config.emotion_keywords).emotions)
        found = reviews.questions_of_patient(_sessions(), patient, emotions)
        name = PatientName.parse(patient).model.name
    else:
        name = str(model)
        found = reviews.questions_of_model(config.results, name)
    store.queue(found.questions)
    waiting = [each.question for each in store.waiting(name)]
    return Asked(name, [each for each in waiting if "/" not in name or each.model == name], found.left_out)


@task(**ON_STORAGE)
def plan_questions(asked: Asked, page_size: int, limit: int, hours: float | None) -> Plan:
    """The pages of this run, the same ones each time that it goes on after an answer."""
    until = datetime.now(UTC) + timedelta(hours=hours or settings().review_hours)
    plan = open_reviews().plan(
        str(flow_run.id),
        asked.questions,
        page_size=page_size,
        limit=limit,
        until=until,
        left_out=asked.left_out,
    )
    return Plan(plan)


def ask_people(found: Plan) -> None:
    """Suspend the run for each page until a person has filled it in, and keep the answers.

    Not a task: only a flow run can be suspended. It then starts anew, and finds the earlier pages filled in.
    """
    plan = found.plan
    for page in plan.pages:
        given = suspend_flow_run(
            wait_for_input=form_of(page, len(plan.pages), image_limits()),
            timeout=plan.seconds_left(datetime.now(UTC)),
            key=f"page-{page.number}",
        )
        keep_answers(list(answers_of(page, given)), reviewer_of(given))
    release_questions(found)


@task(**ON_STORAGE)
def keep_answers(answers: list[tuple[Question, str]], reviewer: str) -> None:
    """Keep a person's answers, each in its question's file."""
    store, sessions, now = open_reviews(), _sessions(), datetime.now(UTC)
    for question, answer in answers:
        store.answer(
            question,
            Answer(
                answer=answer,
                reviewer=reviewer,
                at=now,
                run=str(flow_run.id),
                model=question.model,
                proposed=question.proposed,
                confidence=question.confidence,
            ),
        )
        if question.session is not None:
            name = SessionName.parse(question.session)
            sessions.end_review(name.patient, name.session)
    get_run_logger().info("%s has answered %d of the page's questions", reviewer, len(answers))


@task(**ON_STORAGE)
def answers_from_file(asked: Asked, file: str) -> None:
    """Keep the answers in a JSON file, about what waits or has been answered before."""
    known = [*(each.question for each in open_reviews().answered(asked.model)), *asked.questions]
    given = reviews.read_answers(storage.locate(file))
    keep_answers.fn(given.matched(known, file), given.reviewer)


@task(**ON_STORAGE)
def release_questions(found: Plan) -> None:
    """What was put off is anybody's to ask."""
    open_reviews().release(found.plan)


@task(**ON_STORAGE)
def given_in_this_run(asked: Asked) -> tuple[list[Reviewed], list[Reviewed], int]:
    """What was answered in this run, what was ever answered about the model, and how many questions wait."""
    store = open_reviews()
    if not asked.model:
        return [], [], 0
    every = store.answered(asked.model)
    run = str(flow_run.id)
    mine = [each for each in every if any(answer.run == run for answer in each.answers)]
    return mine, every, store.count_waiting(asked.model)


@task(**ON_STORAGE)
def find_overdue() -> list[Waiting]:
    """What was asked, was not answered in time, and nobody has been told of."""
    return open_reviews().overdue()


@task(**ON_STORAGE)
def remember_told(waiting: list[Waiting]) -> None:
    """People have been told of these."""
    open_reviews().told(waiting)


@task(**ON_STORAGE)
def export_reviewed(model: str, folder: str) -> Exported:
    """The images that people have answered about, in a folder for each class."""
    location = settings().locate(folder)
    return reviews.export_images(model, open_reviews().answered(model), location, image_limits())


@task(**PLAIN)
def publish_review(given: Sequence[Reviewed], every: Sequence[Reviewed], waiting: int) -> None:
    """Publish this run's answers and the agreement of each version, and emit ``sightline.review.answered``.

    Args:
        given: The questions that were answered in this run. Each version among them has an event.
        every: All answered questions about the model, which the agreement is computed from.
        waiting: The number of the model's open questions.
    """
    create_table_artifact(
        reviews.answer_rows(given), key="review-answers", description=f"{len(given)} answers, {waiting} open questions"
    )
    create_table_artifact(
        reviews.agreement_rows(reviews.by_model(every)),
        key="review-agreement",
        description="Agreement of people's answers with the model's uncertain predictions, over all reviews",
    )
    for version, agreement in reviews.by_model(given).items():
        learnable = sum(item.label is not None for item in given if item.question.model == version)
        emit_review_answered(str(flow_run.id), version, agreement, waiting=waiting, learnable=learnable)


@task(**PLAIN)
def publish_export(rows: Sequence[dict[str, str]], description: str) -> None:
    """Publish a table of the exported images by class."""
    create_table_artifact(list(rows), key="exported", description=description)


def _sessions() -> SessionStore:
    config = settings()
    return SessionStore(config.videos, config.patients)
