"""Tables and alerts about reviews, for the Prefect UI and the alert channels."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from hashlib import sha256

from sightline.alerts import Alert
from sightline.names import ModelName
from sightline.reviews.agreement import Agreement
from sightline.reviews.records import Question, Waiting
from sightline.sessions import StoredSession

__all__ = ["agreement_rows", "overdue_alert", "unknown_patient_alert", "waiting_note"]


def agreement_rows(by_model: Mapping[str, Agreement]) -> list[dict[str, str]]:
    """Return the rows of a table: for each version, one for all classes and one for each class."""
    return [row for model, agreement in by_model.items() for row in _rows(model, agreement)]


def unknown_patient_alert(stored: StoredSession, questions: Sequence[Question]) -> Alert | None:
    """Return the alert about a session whose patient is not known; None if nothing is to be asked.

    The key does not depend on the run: storing the session again is the same event.
    """
    if not questions:
        return None
    return Alert.listing(
        [
            {"question": question.label, "proposed": question.proposed, "why": " ".join(question.why.split())}
            for question in questions
        ],
        key=f"{stored.sha256} {stored.patient} unknown patient",
        title=f"{stored.patient}: who is the patient in session {stored.session}?",
        facts={
            "patient": stored.patient,
            "session": stored.session,
            "effect": "the session is no training data until that is answered",
            "fix": f"run review-predictions with the patient {stored.patient}",
            "video": stored.annotated_video,
        },
        at=stored.metadata.processing_timestamp,
    )


def waiting_note(patient: str, sessions: int) -> str:
    """Return how many sessions wait for an answer about who the patient is, and where to answer; empty if none."""
    if not sessions:
        return ""
    subject = "1 session waits" if sessions == 1 else f"{sessions} sessions wait"
    return (
        f"{subject} for an answer about who the patient is or which names are theirs. Answer in the Prefect UI: start "
        f"review-predictions with the patient {patient}. Or run `sightline review-predictions --patient "
        f"{shlex.quote(patient)} --answers FILE.json`"
    )


def overdue_alert(overdue: Sequence[Waiting]) -> Alert | None:
    """Return the alert about questions that were not answered in time; None if there are none.

    The alert's key depends on the questions, not on their order.
    """
    if not overdue:
        return None
    questions = [waiting.question for waiting in overdue]
    ids = "\n".join(sorted(f"{question.model} {question.key}" for question in questions))
    models = sorted({question.model for question in questions})
    subject = "1 question has" if len(overdue) == 1 else f"{len(overdue):,} questions have"
    return Alert.listing(
        [
            {
                "item": question.label,
                "proposed": question.proposed,
                "confidence": f"{question.confidence:.4f}",
                "model": question.model,
            }
            for question in questions
        ],
        key=f"unanswered {sha256(ids.encode()).hexdigest()}",
        title=f"{subject} waited too long for an answer",
        facts={
            "models": ", ".join(models),
            "waiting since": f"{overdue[0].queued:%Y-%m-%d %H:%M} UTC",
            "fix": "; ".join(_commands(models)),
        },
    )


def _commands(models: Sequence[str]) -> list[str]:
    unversioned = sorted({ModelName.parse(model).unversioned.label for model in models})
    return [f"run review-predictions again with the model {model}" for model in unversioned]


def _rows(model: str, agreement: Agreement) -> list[dict[str, str]]:
    interval = " (95 %: {:.2f} to {:.2f})".format(*agreement.interval) if agreement.interval else ""
    return [
        {
            "model": model,
            "class": "all",
            "proposed": str(agreement.judged),
            "right": str(agreement.right),
            "precision": _share(agreement.accuracy) + interval,
            "answered": str(agreement.judged),
            "recall": "",
        },
        *(
            {
                "model": model,
                "class": name,
                "proposed": str(counts.proposed),
                "right": str(counts.right),
                "precision": _share(counts.precision),
                "answered": str(counts.answered),
                "recall": _share(counts.recall),
            }
            for name, counts in agreement.per_class.items()
        ),
    ]


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
