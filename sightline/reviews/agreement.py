"""How often a model was right about what it was unsure of, by what people answered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pydantic import BaseModel, ConfigDict, NonNegativeInt

from sightline.reviews.records import CANNOT_TELL, NONE_OF_THESE, Reviewed
from sightline.statistics import wilson_interval

__all__ = ["Agreement", "ClassAgreement", "agreement", "answer_rows", "by_model"]


class ClassAgreement(BaseModel):
    """One class: how often it was proposed, and was right; how often it was the answer, and had been proposed."""

    model_config = ConfigDict(frozen=True)

    proposed: NonNegativeInt
    right: NonNegativeInt
    answered: NonNegativeInt

    @property
    def precision(self) -> float | None:
        """Of those said to be it, the share that are."""
        return self.right / self.proposed if self.proposed else None

    @property
    def recall(self) -> float | None:
        """Of those that are it, the share said to be."""
        return self.right / self.answered if self.answered else None


class Agreement(BaseModel):
    """What a model proposed, against what people answered.

    ``judged``: the questions that have an answer which people agree on, a class or none of these; ``accuracy`` is of
    those, and ``interval`` Wilson's, of 95 %. It says nothing of what the model was sure of.
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
    """Hold each question's proposed class against its answer."""
    rows = [(each.question.proposed, each.verdict) for each in reviewed]
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
    """The agreement of each version of the model that was asked about."""
    versions = sorted({each.question.model for each in reviewed})
    return {version: agreement(each for each in reviewed if each.question.model == version) for version in versions}


def answer_rows(reviewed: Iterable[Reviewed]) -> list[dict[str, str]]:
    """The questions and what became of them as a table, a row each."""
    return [
        {
            each.question.kind: each.question.session or each.question.uri,
            "proposed": each.question.proposed,
            "confidence": f"{each.question.confidence:.4f}",
            "answer": each.verdict,
            "right": "" if each.verdict in (CANNOT_TELL, "contested") else _yes(each.verdict == each.question.proposed),
            "by": ", ".join(dict.fromkeys(answer.reviewer for answer in each.answers)),
            "at": f"{each.last.at:%Y-%m-%d %H:%M} UTC",
            "model": each.question.model,
        }
        for each in reviewed
    ]


def _yes(right: bool) -> str:
    return "yes" if right else "no"
