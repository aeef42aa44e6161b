"""Asking people about what a model is unsure of: the steps from uncertain items to kept answers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from prefect import task
from prefect.flow_runs import suspend_flow_run
from prefect.logging import get_run_logger
from prefect.runtime import deployment, flow_run

from sightline import reviews, storage
from sightline.alerts import Alert
from sightline.emotion import load_keywords
from sightline.errors import InvalidInput
from sightline.names import PatientName, SessionName
from sightline.reviews import Answer, Exported, Question, Reviewed, ReviewPlan, Waiting
from sightline.sessions import SessionStore
from sightline.settings import settings
from tasks.models import open_reviews
from tasks.review_form import answers_of, form_of, reviewer_of
from tasks.runs import image_limits
from tasks.support.policy import ON_STORAGE

__all__ = [
    "Asked",
    "alert_of_overdue",
    "answers_from_file",
    "ask_people",
    "can_wait",
    "export_reviewed",
    "find_overdue",
    "find_questions",
    "given_in_this_run",
    "plan_questions",
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


def alert_of_overdue(waiting: Sequence[Waiting]) -> Alert | None:
    """What people are told of questions without an answer; None where there are none."""
    if not waiting:
        return None
    names = sorted({each.question.model for each in waiting})
    ids = "\n".join(sorted(f"{each.question.model} {each.question.sha256}" for each in waiting))
    return Alert(
        key=f"unanswered {hashlib.sha256(ids.encode()).hexdigest()}",
        kind="result",
        title=f"{_counted(len(waiting))} waited too long for an answer",
        facts={
            "models": ", ".join(names),
            "waiting since": f"{waiting[0].queued:%Y-%m-%d %H:%M} UTC",
            "what to do": "; ".join(_ways(waiting)),
        },
        rows=tuple(
            {
                "what": each.question.session or each.question.uri,
                "proposed": each.question.proposed,
                "confidence": f"{each.question.confidence:.4f}",
                "model": each.question.model,
            }
            for each in waiting[:50]
        ),
        total_items=len(waiting),
        run_name=None,
        run_url=None,
        at=datetime.now(UTC),
    )


def _counted(count: int) -> str:
    return "1 question has" if count == 1 else f"{count:,} questions have"


def _ways(waiting: Sequence[Waiting]) -> Iterator[str]:
    for folder in sorted({reviews.folder_of(each.question.model) for each in waiting}):
        yield f"run review-predictions again with the model {folder}"


def _sessions() -> SessionStore:
    config = settings()
    return SessionStore(config.videos, config.patients)
