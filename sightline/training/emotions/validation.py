"""Repeated cross-validation of a patient's model, and its comparison with trivial models and with chance."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, computed_field

from sightline.progress import Progress
from sightline.statistics import wilson_interval
from sightline.training.common.evaluation import ClassReport, evaluate
from sightline.training.emotions.dataset import SessionTable
from sightline.training.emotions.importance import FeatureImportance, permutation_losses, top_features
from sightline.training.emotions.out_of_fold import Fold, count_videos_per_class, fold_count, out_of_fold
from sightline.training.emotions.permutation import permutation_test
from sightline.training.emotions.pipelines import SEED, TREES, forest_pipeline, logistic_pipeline

__all__ = ["Difference", "Validation", "ValidationResult", "validate"]

SIGNIFICANT = 0.05
_RESAMPLES = 5000
_TREES_FOR_SHUFFLED = 20
_FOLDS_SHARE = 0.3  # of the progress; the permutations take the rest

Numbers = NDArray[np.float64]


class Difference(BaseModel):
    """The forest's accuracy minus another model's on the same sessions, with a 95 % interval.

    The interval is a percentile bootstrap over source videos: B. Efron and R. Tibshirani, An Introduction to the
    Bootstrap (1993), chapter 13.
    """

    model_config = ConfigDict(frozen=True)

    accuracy: float
    interval: tuple[float, float]

    @property
    def is_gain(self) -> bool:
        """Whether the lower limit of the interval is above 0."""
        return self.interval[0] > 0

    def __str__(self) -> str:
        low, high = self.interval
        return f"{100 * self.accuracy:+.0f} points, 95 % interval {100 * low:+.0f} to {100 * high:+.0f}"


class Validation(BaseModel):
    """The results of repeated cross-validation; all metrics are out of fold.

    A session's prediction is the class with the highest out-of-fold probability, averaged over the repeats;
    each session counts once. ``confusion_matrix[i][j]``: sessions of class i predicted as class j.
    """

    model_config = ConfigDict(frozen=True)

    sessions: int
    videos: int
    """The number of source videos. No video is in two folds, unless there is only one."""
    classes: tuple[str, ...]
    single_video: tuple[str, ...]
    """Classes whose sessions come from one video: the fold that tests them has no training sessions of them."""
    folds: int
    repeats: int
    trees: int
    seed: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    """Wilson's 95 % interval; each video counts as one observation."""
    accuracy_by_repeat: tuple[float, ...]
    macro_f1: float
    per_class: dict[str, ClassReport]
    confusion_matrix: tuple[tuple[int, ...], ...]
    ece: float
    """Expected calibration error of the uncalibrated probabilities."""
    dummy: str
    """The most frequent class, which the dummy always predicts."""
    dummy_accuracy: float
    logistic_accuracy: float
    over_dummy: Difference
    over_logistic: Difference
    permutations: int
    shuffled_accuracy: float | None
    """The mean accuracy of small forests on shuffled labels."""
    p_value: float
    """The permutation test's p-value, with the same small forests."""
    importance: tuple[FeatureImportance, ...]
    """The twenty most important features, by out-of-fold permutation importance."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def beats_dummy(self) -> bool:
        """Whether the forest is significantly more accurate than always predicting the most frequent class."""
        return self.over_dummy.is_gain

    @computed_field  # type: ignore[prop-decorator]
    @property
    def beats_logistic(self) -> bool:
        """Whether the forest is significantly more accurate than the logistic regression."""
        return self.over_logistic.is_gain

    @computed_field  # type: ignore[prop-decorator]
    @property
    def beats_chance(self) -> bool:
        """Whether the permutation test is significant."""
        return self.p_value <= SIGNIFICANT

    @computed_field  # type: ignore[prop-decorator]
    @property
    def proven(self) -> bool:
        """Whether there is evidence that the model distinguishes emotions."""
        return self.beats_dummy and self.beats_chance and self.videos > 1

    @computed_field  # type: ignore[prop-decorator]
    @property
    def verdict(self) -> str:
        """A summary in plain English; it begins with "not yet" if the model is not proven."""
        low, high = self.accuracy_interval
        result = (
            f"correct on {self.accuracy:.0%} of {self.sessions} unseen sessions (95 % interval {low:.0%} to {high:.0%})"
        )
        dummy = f"always predicting {self.dummy} is correct on {self.dummy_accuracy:.0%} ({self.over_dummy})"
        against = []
        if not self.beats_dummy:
            against.append(f"it is not clearly better than always predicting {self.dummy}, {self.dummy_accuracy:.0%}")
            against[-1] += f" ({self.over_dummy})"
        if not self.beats_chance:
            against.append(f"it may be chance: shuffled labels do as well (p = {self.p_value:.2g})")
        if self.videos == 1:
            against.append("all sessions come from one video, so nothing is known about other videos")
        parts = (
            [f"not yet: {result}; " + "; ".join(against)] if against else [f"{result}; {dummy}, p = {self.p_value:.2g}"]
        )
        if not against:
            parts.append(
                f"a logistic regression is correct on {self.logistic_accuracy:.0%}"
                + ("" if self.beats_logistic else ", and the forest is not shown to be better")
            )
        if self.single_video and self.videos > 1:
            parts.append(f"{', '.join(self.single_video)}: all sessions come from one video, so it cannot be tested")
        return "; ".join(parts)


@dataclass(frozen=True, eq=False)
class ValidationResult:
    """The metrics of a cross-validation, and its probabilities.

    ``out_of_fold``: shape = (n, classes), the mean over the repeats; uncalibrated.
    """

    validation: Validation
    out_of_fold: Numbers


def validate(
    table: SessionTable,
    *,
    repeats: int = 5,
    permutations: int = 100,
    trees: int = TREES,
    seed: int = SEED,
    progress: Progress | None = None,
) -> ValidationResult:
    """Cross-validate the forest.

    The folds are stratified by class and keep each source video in one fold; every step is fitted inside them. The
    folds are drawn ``repeats`` times; ``permutations`` of the labels give the p-value. Raises ValueError if there are
    fewer than two classes, or fewer than two sessions of one.
    """
    from threadpoolctl import threadpool_limits

    features, labels, groups = table.features, table.labels, table.groups
    if len(table.classes) < 2 or np.bincount(labels).min() < 2:
        raise ValueError("validation needs at least two classes with two sessions each")
    forest = partial(forest_pipeline, trees, seed)
    importances: list[Numbers] = []

    def measure_importance(fitted: Any, fold: Fold) -> None:
        importances.append(permutation_losses(fitted, features, labels, fold, seed))

    by_repeat, logistic = np.zeros((2, repeats, len(labels), len(table.classes)))
    for repeat in range(repeats):
        by_repeat[repeat] = out_of_fold(forest, features, labels, groups, seed + repeat, measure_importance)
        with threadpool_limits(1):  # On tables of this size, synchronising threads takes longer than computing.
            logistic[repeat] = out_of_fold(logistic_pipeline, features, labels, groups, seed + repeat)
        if progress:
            progress(_FOLDS_SHARE * (repeat + 1) / repeats)
    shuffled = permutation_test(
        partial(forest_pipeline, min(trees, _TREES_FOR_SHUFFLED), seed), features, labels, groups,
        permutations=permutations, seed=seed,
        progress=(lambda share: progress(_FOLDS_SHARE + (1 - _FOLDS_SHARE) * share)) if progress else None,
    )  # fmt: skip
    mean = by_repeat.mean(axis=0)
    metrics = evaluate(mean, labels, table.classes, 0.0)
    correct = mean.argmax(axis=1) == labels
    # The dummy predicts the most frequent class of all sessions. One fitted inside the folds, whose training sets
    # lack sessions of the tested class, would be worse than chance and too easy to beat.
    most_frequent = int(np.bincount(labels).argmax())
    dummy_correct, logistic_correct = labels == most_frequent, logistic.mean(axis=0).argmax(axis=1) == labels
    videos = len(np.unique(groups))
    validation = Validation(
        sessions=len(labels),
        videos=videos,
        classes=table.classes,
        single_video=tuple(
            table.classes[n] for n, count in count_videos_per_class(labels, groups).items() if count == 1
        ),
        folds=fold_count(labels, groups),
        repeats=repeats,
        trees=trees,
        seed=seed,
        accuracy=metrics.accuracy,
        accuracy_interval=wilson_interval(metrics.accuracy, videos),
        accuracy_by_repeat=tuple((by_repeat.argmax(axis=2) == labels).mean(axis=1).tolist()),
        macro_f1=metrics.macro_f1,
        per_class=metrics.per_class,
        confusion_matrix=metrics.confusion_matrix,
        ece=metrics.ece,
        dummy=table.classes[most_frequent],
        dummy_accuracy=float(dummy_correct.mean()),
        logistic_accuracy=float(logistic_correct.mean()),
        over_dummy=_difference(correct, dummy_correct, groups, seed),
        over_logistic=_difference(correct, logistic_correct, groups, seed),
        permutations=permutations,
        shuffled_accuracy=shuffled.accuracy,
        p_value=shuffled.p_value,
        importance=top_features(np.array(importances)),
    )
    return ValidationResult(validation, mean)


def _difference(
    forest: NDArray[np.bool_], other: NDArray[np.bool_], groups: NDArray[np.int64], seed: int
) -> Difference:
    gains: Numbers = forest.astype(float) - other
    _, video = np.unique(groups, return_inverse=True)
    gain, size = np.bincount(video, gains), np.bincount(video)
    drawn = np.random.default_rng(seed).integers(len(size), size=(_RESAMPLES, len(size)))
    low, high = np.percentile(gain[drawn].sum(axis=1) / size[drawn].sum(axis=1), [2.5, 97.5])
    return Difference(accuracy=float(gains.mean()), interval=(float(low), float(high)))
