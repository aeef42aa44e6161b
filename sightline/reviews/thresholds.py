"""What a model's threshold costs and buys: the share of images accepted, and of those right, at each threshold.

report = threshold_report(Registry(locate("models")), Reviews(locate("reviews")), "vehicles", precision=0.98)
print(report.recommended)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, NonNegativeInt

from sightline.errors import InvalidInput
from sightline.names import ModelName
from sightline.registry import BASELINE, ModelRecord, Registry
from sightline.registry.baseline import Baseline
from sightline.reviews.gather import UNKNOWN_KIND
from sightline.reviews.records import CANNOT_TELL, Reviewed
from sightline.reviews.store import Reviews
from sightline.statistics import wilson_interval
from sightline.vision import TASK

__all__ = ["Share", "ThresholdReport", "ThresholdRow", "threshold_report"]

_SHOWN = (0.0, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.97, 0.99)
_CANDIDATES = (0.0, *(number / 100 for number in range(30, 100)), 0.995, 0.999)
"""The thresholds that can be recommended."""

Outcomes = tuple[NDArray[np.float64], NDArray[np.bool_]]
"""The confidence of every prediction, and whether it was right, both of shape (n,)."""


class Share(BaseModel):
    """``count`` of ``of`` predictions, and the 95 % interval of that share: Wilson's, for independent images."""

    model_config = ConfigDict(frozen=True)

    count: NonNegativeInt
    of: NonNegativeInt
    share: float | None
    interval: tuple[float, float] | None

    @classmethod
    def among(cls, hits: NDArray[np.bool_]) -> Share:
        """Return the share of the true elements, None of no elements."""
        count, of = int(hits.sum()), len(hits)
        return cls(
            count=count,
            of=of,
            share=count / of if of else None,
            interval=wilson_interval(count / of, of) if of else None,
        )

    def __str__(self) -> str:
        if self.share is None or self.interval is None:
            return "-"
        return f"{self.share:.3f} ({self.interval[0]:.3f} to {self.interval[1]:.3f})"


class ThresholdRow(BaseModel):
    """The effect of one threshold.

    ``accepted`` and ``right``: the share of the held-out images that it accepts, and of those the share that is right.
    ``reviewed_right``: the same of the images that people have answered about and that it accepts.
    """

    model_config = ConfigDict(frozen=True)

    threshold: float
    accepted: Share
    right: Share
    reviewed_right: Share


class ThresholdReport(BaseModel):
    """The effects of thresholds, ascending, from ``held_out`` images and ``reviewed`` ones.

    ``reviewed`` counts the images that the model was uncertain about and that people have agreed on a class of; images
    of a kind that it does not know are not among them, because no threshold accepts these. ``recommended``: the lowest
    threshold at which the interval of the share right begins at ``precision`` or above, None if there is none or no
    precision is wanted.
    """

    model_config = ConfigDict(frozen=True)

    model: str
    threshold: float
    precision: float | None
    held_out: int
    reviewed: int
    rows: tuple[ThresholdRow, ...]
    recommended: float | None
    why: str

    def __str__(self) -> str:
        head = ("threshold", "accepted", "of these right", "right in reviews")
        cells = [
            (
                f"{row.threshold:g}{' (now)' if row.threshold == self.threshold else ''}",
                str(row.accepted),
                str(row.right),
                f"{row.reviewed_right} of {row.reviewed_right.of}" if row.reviewed_right.of else "-",
            )
            for row in self.rows
        ]
        widths = [max(len(line[column]) for line in (head, *cells)) for column in range(len(head))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in (head, *cells)
        ]
        title = f"{self.model}: {self.held_out} held-out images, {self.reviewed} uncertain ones answered by people"
        return "\n".join([title, *lines, self.why])


def threshold_report(
    registry: Registry, reviews: Reviews, model: ModelName | str, *, precision: float | None = None
) -> ThresholdReport:
    """Measure a version of a model, by default the current one, at every threshold.

    ``precision``: the wanted share of accepted images that are right; without it, nothing is recommended. Raises
    ``ModelNotFound``, ``WrongTask``, and ``InvalidInput`` for a model without held-out predictions.
    """
    record = registry.record(model)
    record.check_task(TASK, "image classification")
    held_out, answered = _held_out(registry, record), _answered(reviews.answered(record.label), record.label)
    recommended = next((value for value in _CANDIDATES if _reaches(held_out, value, precision)), None)
    shown = sorted({*_SHOWN, record.threshold, *([recommended] if recommended is not None else [])})
    return ThresholdReport(
        model=record.label,
        threshold=record.threshold,
        precision=precision,
        held_out=len(held_out[0]),
        reviewed=len(answered[0]),
        rows=tuple(_row(value, held_out, answered) for value in shown),
        recommended=recommended,
        why=_why(record, held_out, answered, precision, recommended),
    )


def _held_out(registry: Registry, record: ModelRecord) -> Outcomes:
    files = registry.open(ModelName.parse(record.label))
    problem = "has no predictions on held-out images, such as an imported model"
    if BASELINE in record.files:
        baseline = Baseline.load((files.folder / BASELINE).read_bytes())
        if baseline.labels is not None:
            return baseline.confidence, baseline.predicted == baseline.labels
        problem = "has held-out predictions without the true classes"
    raise InvalidInput(record.label, problem, f"Train it with `sightline train-image-classifier {record.name} DATA`")


def _answered(reviewed: Sequence[Reviewed], model: str) -> Outcomes:
    judged = [
        item
        for item in reviewed
        if item.question.kind == "image"
        and item.question.model == model
        and item.verdict not in (CANNOT_TELL, "contested")
        and UNKNOWN_KIND not in item.question.why
    ]
    return (
        np.array([item.question.confidence for item in judged], np.float64),
        np.array([item.verdict == item.question.proposed for item in judged], np.bool_),
    )


def _row(threshold: float, held_out: Outcomes, answered: Outcomes) -> ThresholdRow:
    accepted, seen = held_out[0] >= threshold, answered[0] >= threshold
    return ThresholdRow(
        threshold=threshold,
        accepted=Share.among(accepted),
        right=Share.among(held_out[1][accepted]),
        reviewed_right=Share.among(answered[1][seen]),
    )


def _reaches(held_out: Outcomes, threshold: float, precision: float | None) -> bool:
    interval = Share.among(held_out[1][held_out[0] >= threshold]).interval
    return precision is not None and interval is not None and interval[0] >= precision


def _why(
    record: ModelRecord, held_out: Outcomes, answered: Outcomes, precision: float | None, recommended: float | None
) -> str:
    note = (
        "The intervals assume independent images like the held-out ones. Reviews are of uncertain images only: they "
        "show what a lower threshold would accept."
    )
    if precision is None:
        return f"Give --precision, such as 0.98, for a recommendation. {note}"
    if recommended is None:
        needed = next(count for count in range(1, 1_000_001) if wilson_interval(1.0, count)[0] >= precision)
        accepted = int((held_out[0] >= record.threshold).sum())
        return (
            f"No threshold is shown to give {precision:.1%} right. If all were right, {needed:,} accepted held-out "
            f"images would show it; there are {accepted:,} at {record.threshold:g}. Train with more images, or ask for "
            f"less, as in --precision 0.95. {note}"
        )
    use = (
        "It is the threshold in use."
        if recommended == record.threshold
        else f"Use it with `sightline classify-images SOURCE {record.label} --threshold {recommended:g}`."
    )
    return (
        f"For at least {precision:.1%} right: {recommended:g}, the lowest threshold that shows it, on the images that "
        f"it was chosen on. {use} {_contradiction(record, held_out, answered, recommended)}{note}"
    )


def _contradiction(record: ModelRecord, held_out: Outcomes, answered: Outcomes, recommended: float) -> str:
    """Return a warning if the images that only the recommended threshold accepts are worse in use; else nothing."""
    expected, found = (
        Share.among(right[(confidence >= recommended) & (confidence < record.threshold)])
        for confidence, right in (held_out, answered)
    )
    if expected.share is None or found.interval is None or found.interval[1] >= expected.share:
        return ""
    return (
        f"But people found {found.count} of {found.of} images right that only this threshold accepts, and of such "
        f"held-out images {expected.share:.1%} were: keep {record.threshold:g}, and train with the answers. "
    )
