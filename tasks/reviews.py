"""Steps that ask people about uncertain predictions, and store their answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from prefect.artifacts import create_table_artifact
from prefect.flow_runs import suspend_flow_run
from prefect.logging import get_run_logger
from prefect.runtime import deployment, flow_run

from sightline import reviews, storage
from sightline.emotion import load_keywords, load_languages
from sightline.errors import InvalidInput
from sightline.names import PatientName
from sightline.reviews import Answer, Exported, Question, QuestionSet, Reviewed, ReviewPlan, Waiting
from sightline.sessions import SessionStore, read_sessions
from sightline.settings import settings
from tasks.events import emit_review_answered
from tasks.models import open_reviews
from tasks.review_form import answers_of, form_of, reviewer_of
from tasks.runs import image_limits
from tasks.support.opaque import Opaque
from tasks.support.policy import ON_STORAGE, PLAIN, sightline_task

__all__ = [
    "answers_from_file",
    "apply_answers",
    "ask_people",
    "can_wait",
    "export_reviewed",
    "find_answered",
    "find_overdue",
    "find_questions",
    "mark_alerted",
    "plan_questions",
    "publish_export",
    "publish_review",
]


def can_wait() -> bool:
    """Return whether this run can be suspended until a person answers: it has a deployment, and no parent run."""
    return deployment.id is not None and flow_run.parent_flow_run_id is None


@sightline_task(**ON_STORAGE, timeout="flow_timeout_seconds")
def find_questions(results: str | None, model: str | None, patient: str | None) -> Opaque[QuestionSet]:
    """Return the questions about a run's images, about a model, or about a patient's sessions; queue the new ones.

    A run that is resumed after an answer returns the questions of its plan, whatever happened to the results since.
    """
    sources = [source for source in (results, model, patient) if source is not None]
    if len(sources) != 1:
        raise InvalidInput(
            "review-predictions",
            f"{' and '.join(sources)} cannot be given together" if sources else "no source of predictions is given",
            "Give one of: the results of classify-images, --model, --patient",
        )
    store = open_reviews()
    if plan := store.planned(str(flow_run.id)):
        return Opaque(QuestionSet.of(plan.questions, plan.left_out))
    if results is not None:
        questions = reviews.questions_of_results(settings().locate(results))
        store.queue(questions.questions)
        return Opaque(questions)
    if patient is not None:
        return Opaque(_questions_of_patient(PatientName.parse(patient)))
    return Opaque(_questions_of_model(str(model)))


@sightline_task(**ON_STORAGE)
def plan_questions(
    question_set: Opaque[QuestionSet], page_size: int, limit: int, hours: float | None
) -> Opaque[ReviewPlan]:
    """Return the pages of this run, which stay the same when it is resumed after an answer."""
    until = datetime.now(UTC) + timedelta(hours=hours or settings().review_hours)
    plan = open_reviews().plan(
        str(flow_run.id),
        question_set.value.questions,
        page_size=page_size,
        limit=limit,
        until=until,
        left_out=question_set.value.left_out,
    )
    return Opaque(plan)


def ask_people(planned: Opaque[ReviewPlan]) -> None:
    """Suspend the run for each page until a person has filled it in, and store the answers.

    This is not a task: only a flow run can be suspended. A resumed run starts from the beginning, and the pages that
    were filled in return immediately.
    """
    plan = planned.value
    for page in plan.pages:
        form = suspend_flow_run(
            wait_for_input=form_of(page, len(plan.pages), image_limits()),
            timeout=plan.seconds_left(datetime.now(UTC)),
            key=f"page-{page.number}",
        )
        answers = list(answers_of(page, form))
        store_answers(answers, reviewer_of(form))
        apply_answers([question for question, _ in answers])
    release_questions(planned)


@sightline_task(**ON_STORAGE)
def store_answers(answers: list[tuple[Question, str]], reviewer: str) -> None:
    """Store a person's answers, one file per question."""
    store, now = open_reviews(), datetime.now(UTC)
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
    get_run_logger().info("Stored %d answers of %s", len(answers), reviewer)


@sightline_task(**ON_STORAGE)
def answers_from_file(question_set: Opaque[QuestionSet], file: str) -> None:
    """Store the answers in a JSON file to questions that are open or have been answered before."""
    answered = open_reviews().answered(question_set.value.model) if question_set.value.model else []
    answers = reviews.read_answers(storage.locate(file))
    known = [*(reviewed.question for reviewed in answered), *question_set.value.questions]
    matched = answers.matched(known, file)
    store_answers.fn(matched, answers.reviewer)
    apply_answers.fn([question for question, _ in matched])


@sightline_task(**ON_STORAGE, timeout="flow_timeout_seconds")
def apply_answers(answered: list[Question]) -> None:
    """Apply the answers about who the patient is, and which names are theirs, to the stored sessions.

    ``answered`` are the questions of any kind that were answered just now.
    """
    config = settings()
    sessions, keywords = SessionStore(config.videos, config.patients), load_keywords(config.emotion_keywords)
    languages = load_languages(config.language_tables)
    about: dict[str, list[str]] = {}
    for question in answered:
        if not question.is_prediction:
            about.setdefault(str(question.session).partition("/")[0], []).append(question.key)
    for patient, keys in about.items():
        reviews.apply_answers(sessions, open_reviews(), keywords, patient, keys, languages)
        get_run_logger().info("Applied the answers about %s to the stored sessions", patient)


@sightline_task(**ON_STORAGE)
def release_questions(planned: Opaque[ReviewPlan]) -> None:
    """Let other runs ask the questions that were put off."""
    open_reviews().release(planned.value)


@sightline_task(**ON_STORAGE)
def find_answered(question_set: Opaque[QuestionSet]) -> tuple[list[Reviewed], list[Reviewed], int]:
    """Return the questions answered in this run, all answered ones about the model, and the number of open ones."""
    store, model = open_reviews(), question_set.value.model
    if not model:
        return [], [], 0
    answered = store.answered(model)
    run = str(flow_run.id)
    in_this_run = [reviewed for reviewed in answered if any(answer.run == run for answer in reviewed.answers)]
    return in_this_run, answered, store.count_waiting(model)


@sightline_task(**ON_STORAGE)
def find_overdue() -> list[Waiting]:
    """Return the questions that were not answered in time and have no alert yet."""
    return open_reviews().overdue()


@sightline_task(**ON_STORAGE)
def mark_alerted(waiting: list[Waiting]) -> None:
    """Record that an alert was sent about these questions."""
    open_reviews().mark_alerted(waiting)


@sightline_task(**ON_STORAGE, timeout="flow_timeout_seconds")
def export_reviewed(model: str, folder: str) -> Exported:
    """Export the reviewed images as one folder per class."""
    location = settings().locate(folder)
    return reviews.export_images(model, open_reviews().answered(model), location, image_limits())


@sightline_task(**PLAIN)
def publish_review(in_this_run: Sequence[Reviewed], answered: Sequence[Reviewed], waiting: int) -> None:
    """Publish this run's answers and the agreement of each version, and emit ``sightline.review.answered``.

    Args:
        in_this_run: The questions that were answered in this run. One event is emitted per version.
        answered: All answered questions about the model, which the agreement is computed from.
        waiting: The number of the model's open questions.
    """
    create_table_artifact(
        reviews.answer_rows(in_this_run),
        key="review-answers",
        description=f"{len(in_this_run)} answers, {waiting} open questions",
    )
    create_table_artifact(
        reviews.agreement_rows(reviews.by_model(answered)),
        key="review-agreement",
        description="Agreement of people's answers with the model's uncertain predictions, over all reviews",
    )
    for version, agreement in reviews.by_model(in_this_run).items():
        learnable = sum(item.label is not None for item in in_this_run if item.question.model == version)
        emit_review_answered(str(flow_run.id), version, agreement, waiting=waiting, learnable=learnable)


@sightline_task(**PLAIN)
def publish_export(rows: Sequence[dict[str, str]], description: str) -> None:
    """Publish a table of the exported images by class."""
    create_table_artifact(list(rows), key="exported", description=description)


def _questions_of_patient(patient: PatientName) -> QuestionSet:
    """Return the open questions about a patient and their sessions, after queueing those that are missing."""
    config, store = settings(), open_reviews()
    emotions = load_keywords(config.emotion_keywords).emotions
    sessions = SessionStore(config.videos, config.patients)
    reviews.queue_markers(sessions, store, patient, emotions)
    reviews.queue_unknown(sessions, store, read_sessions(config.patients, patient))
    model = patient.model.name
    return QuestionSet(model, tuple(waiting.question for waiting in store.waiting(model)))


def _questions_of_model(model: str) -> QuestionSet:
    """Return the open questions about a model, or about one version, after queueing those of its results."""
    store = open_reviews()
    questions = reviews.questions_of_model(settings().results, model)
    store.queue(questions.questions)
    waiting = [waiting.question for waiting in store.waiting(model)]
    selected = tuple(question for question in waiting if "/" not in model or question.model == model)
    return QuestionSet(questions.model, selected, questions.left_out)
