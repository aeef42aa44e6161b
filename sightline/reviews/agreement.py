"""The agreement of people's answers with a model's uncertain predictions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pydantic import BaseModel, ConfigDict, NonNegativeInt

from sightline.reviews.records import CANNOT_TELL, NONE_OF_THESE, Reviewed
from sightline.statistics import wilson_interval

__all__ = ["Agreement", "ClassAgreement", "agreement", "answer_rows", "by_model"]


class ClassAgreement(BaseModel):
    """Counts of one class: ``proposed`` by the model, ``right`` (proposed and confirmed) and ``answered`` by people."""

    model_config = ConfigDict(frozen=True)

    proposed: NonNegativeInt
    right: NonNegativeInt
    answered: NonNegativeInt

    @property
    def precision(self) -> float | None:
        """The share of its proposals that were right; None if it was never proposed."""
        return self.right / self.proposed if self.proposed else None

    @property
    def recall(self) -> float | None:
        """The share of its answers that had been proposed; None if it was never the answer."""
        return self.right / self.answered if self.answered else None


class Agreement(BaseModel):
    """The agreement of a model's proposals with people's answers.

    ``judged`` counts the questions with an answer that people agree on: a class, or none of these. ``accuracy`` is the
    share of them that were right, and ``interval`` its 95 % Wilson interval. Both hold for uncertain predictions only.
    """

    model_config = ConfigDict(frozen=True)

    judged: NonNegativeInt
    right: NonNegativeInt
    none_of_these: NonNegativeInt
    cannot_tell: NonNegativeInt
    contested: NonNegativeInt
    accuracy: float | None
    interval: tuple[float, float] | None
    per_class: dict[str, ClassAgreement]


def agreement(reviewed: Iterable[Reviewed]) -> Agreement:
    """Compare the predicted class of each question with its answer; other questions are about no prediction."""
    rows = [(item.question.proposed, item.verdict) for item in reviewed if item.question.is_prediction]
    judged = [(proposed, verdict) for proposed, verdict in rows if verdict not in (CANNOT_TELL, "contested")]
    right = sum(proposed == verdict for proposed, verdict in judged)
    names = sorted({name for row in judged for name in row} - {NONE_OF_THESE})
    return Agreement(
        judged=len(judged),
        right=right,
        none_of_these=sum(verdict == NONE_OF_THESE for _, verdict in judged),
        cannot_tell=sum(verdict == CANNOT_TELL for _, verdict in rows),
        contested=sum(verdict == "contested" for _, verdict in rows),
        accuracy=right / len(judged) if judged else None,
        interval=wilson_interval(right / len(judged), len(judged)) if judged else None,
        per_class={
            name: ClassAgreement(
                proposed=sum(proposed == name for proposed, _ in judged),
                right=sum(row == (name, name) for row in judged),
                answered=sum(verdict == name for _, verdict in judged),
            )
            for name in names
        },
    )


def by_model(reviewed: Sequence[Reviewed]) -> dict[str, Agreement]:
    """Return the agreement of each version of the model."""
    versions = sorted({item.question.model for item in reviewed if item.question.is_prediction})
    return {version: agreement(item for item in reviewed if item.question.model == version) for version in versions}


def answer_rows(reviewed: Iterable[Reviewed]) -> list[dict[str, str]]:
    """Return a table of the answered questions, one row per question."""
    return [
        {
            item.question.kind: item.question.label,
            "proposed": item.question.proposed,
            "confidence": f"{item.question.confidence:.4f}",
            "answer": item.verdict,
            "right": "" if item.verdict in (CANNOT_TELL, "contested") else _yes(item.verdict == item.question.proposed),
            "by": ", ".join(dict.fromkeys(answer.reviewer for answer in item.answers)),
            "at": f"{item.last.at:%Y-%m-%d %H:%M} UTC",
            "model": item.question.model,
        }
        for item in reviewed
    ]


def _yes(right: bool) -> str:
    return "yes" if right else "no"
