"""How good a patient's model is, and whether it is any good."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, computed_field

from sightline.training.data import Progress
from sightline.training.emotions.dataset import SessionTable
from sightline.training.emotions.importance import FeatureImportance, losses, most_important
from sightline.training.emotions.out_of_fold import Fold, fold_count, out_of_fold, videos_of_classes
from sightline.training.emotions.permutation import against_shuffled_labels
from sightline.training.emotions.pipelines import SEED, TREES, forest_pipeline, logistic_pipeline
from sightline.training.evaluation import ClassReport, evaluate, wilson

__all__ = ["Difference", "Validated", "Validation", "validate"]

SIGNIFICANT = 0.05
_RESAMPLES = 5000
_TREES_FOR_SHUFFLED = 20
_OWN_SHARE = 0.3  # of the progress; the rest are the shuffled labels

Numbers = NDArray[np.float64]


class Difference(BaseModel):
    """The forest's accuracy less another's on the same sessions, and its 95 % interval.

    The interval is the percentile bootstrap's, over source videos: B. Efron and R. Tibshirani, An Introduction to the
    Bootstrap (1993), chapter 13.
    """

    model_config = ConfigDict(frozen=True)

    accuracy: float
    interval: tuple[float, float]

    @property
    def is_gain(self) -> bool:
        """Whether the whole interval is above 0."""
        return self.interval[0] > 0

    def __str__(self) -> str:
        low, high = self.interval
        return f"{100 * self.accuracy:+.0f} points, 95 % interval {100 * low:+.0f} to {100 * high:+.0f}"


class Validation(BaseModel):
    """What repeated cross-validation says of the forest; every figure is of sessions that were not learnt from.

    A session's prediction is the one that its out-of-fold probabilities, averaged over the repeats, come to, so that
    each session counts once. ``confusion_matrix[i][j]``: sessions of class i said to be j.
    """

    model_config = ConfigDict(frozen=True)

    sessions: int
    videos: int
    """The source videos that the sessions are of. No video is in two folds, unless there is only one."""
    classes: tuple[str, ...]
    single_video: tuple[str, ...]
    """Classes whose sessions are all of one video: where they are tested there are none to learn from."""
    folds: int
    repeats: int
    trees: int
    seed: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    """Wilson's, of 95 %, taking each video for one observation."""
    accuracy_by_repeat: tuple[float, ...]
    macro_f1: float
    per_class: dict[str, ClassReport]
    confusion_matrix: tuple[tuple[int, ...], ...]
    ece: float
    """Of the probabilities as the forest gives them."""
    dummy: str
    """The commonest class, which the dummy always says."""
    dummy_accuracy: float
    logistic_accuracy: float
    over_dummy: Difference
    over_logistic: Difference
    permutations: int
    shuffled_accuracy: float | None
    """The mean accuracy on shuffled labels, of small forests."""
    p_value: float
    """How likely shuffled labels come to the accuracy of the true ones, by the same small forests."""
    importance: tuple[FeatureImportance, ...]
    """The twenty features that matter most, by permutation in the folds that were not learnt from."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def beats_dummy(self) -> bool:
        """Whether the forest is more often right than always saying the commonest class, beyond chance."""
        return self.over_dummy.is_gain

    @computed_field  # type: ignore[prop-decorator]
    @property
    def beats_logistic(self) -> bool:
        """Whether the forest is more often right than the logistic regression, beyond chance."""
        return self.over_logistic.is_gain

    @computed_field  # type: ignore[prop-decorator]
    @property
    def beats_chance(self) -> bool:
        """Whether shuffled labels hardly ever come to so much."""
        return self.p_value <= SIGNIFICANT

    @computed_field  # type: ignore[prop-decorator]
    @property
    def proven(self) -> bool:
        """Whether there is reason to think that the model tells one emotion from another."""
        return self.beats_dummy and self.beats_chance and self.videos > 1

    @computed_field  # type: ignore[prop-decorator]
    @property
    def verdict(self) -> str:
        """All of this in plain English; begins with "not yet" where the model is not proven."""
        low, high = self.accuracy_interval
        said = (
            f"right on {self.accuracy:.0%} of {self.sessions} sessions that it had not seen "
            f"(95 % interval {low:.0%} to {high:.0%})"
        )
        dummy = f"always saying {self.dummy} is on {self.dummy_accuracy:.0%} ({self.over_dummy})"
        against = []
        if not self.beats_dummy:
            against.append(f"it is not clearly better than always saying {self.dummy}, {self.dummy_accuracy:.0%}")
            against[-1] += f" ({self.over_dummy})"
        if not self.beats_chance:
            against.append(f"it may be chance, for shuffled labels do as well (p = {self.p_value:.2g})")
        if self.videos == 1:
            against.append("all sessions are of one video, so nothing is known of another")
        parts = [f"not yet: {said}; " + "; ".join(against)] if against else [f"{said}; {dummy}, p = {self.p_value:.2g}"]
        if not against:
            parts.append(
                f"a logistic regression is right on {self.logistic_accuracy:.0%}"
                + ("" if self.beats_logistic else ", which the forest is not shown to beat")
            )
        if self.single_video and self.videos > 1:
            parts.append(f"{', '.join(self.single_video)}: all of one video, so it cannot be tested")
        return "; ".join(parts)


@dataclass(frozen=True, eq=False)
class Validated:
    """What cross-validation says, and the probabilities that it says it from.

    ``out_of_fold``: shape = (n, classes), the mean over the repeats; not calibrated.
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
) -> Validated:
    """Cross-validate the forest.

    The folds are stratified by class and keep each source video on one side; everything is fitted inside them. They
    are cut anew ``repeats`` times. ``permutations``: of the labels, for the p-value. Raises ValueError for fewer than
    two classes, or than two sessions of each.
    """
    from threadpoolctl import threadpool_limits

    features, labels, groups = table.features, table.labels, table.groups
    if len(table.classes) < 2 or np.bincount(labels).min() < 2:
        raise ValueError("two classes at least, of two sessions each, are needed to validate a model")
    forest = partial(forest_pipeline, trees, seed)
    lost: list[Numbers] = []

    def look(fitted: Any, fold: Fold) -> None:
        lost.append(losses(fitted, features, labels, fold, seed))

    by_repeat, logistic = np.zeros((2, repeats, len(labels), len(table.classes)))
    for repeat in range(repeats):
        by_repeat[repeat] = out_of_fold(forest, features, labels, groups, seed + repeat, look)
        with threadpool_limits(1):  # On tables of this size threads take longer to meet than to compute.
            logistic[repeat] = out_of_fold(logistic_pipeline, features, labels, groups, seed + repeat)
        if progress:
            progress(_OWN_SHARE * (repeat + 1) / repeats)
    shuffled = against_shuffled_labels(
        partial(forest_pipeline, min(trees, _TREES_FOR_SHUFFLED), seed), features, labels, groups,
        permutations=permutations, seed=seed,
        progress=(lambda share: progress(_OWN_SHARE + (1 - _OWN_SHARE) * share)) if progress else None,
    )  # fmt: skip
    found = by_repeat.mean(axis=0)
    figures = evaluate(found, labels, table.classes, 0.0)
    right = found.argmax(axis=1) == labels
    # The dummy knows the commonest class of all. One fitted inside the folds, each of which lacks some sessions of
    # the class that it is tested on, would do worse than chance, and be too easily beaten.
    commonest = int(np.bincount(labels).argmax())
    dummy_right, logistic_right = labels == commonest, logistic.mean(axis=0).argmax(axis=1) == labels
    videos = len(np.unique(groups))
    validation = Validation(
        sessions=len(labels),
        videos=videos,
        classes=table.classes,
        single_video=tuple(table.classes[n] for n, count in videos_of_classes(labels, groups).items() if count == 1),
        folds=fold_count(labels, groups),
        repeats=repeats,
        trees=trees,
        seed=seed,
        accuracy=figures.accuracy,
        accuracy_interval=wilson(figures.accuracy, videos),
        accuracy_by_repeat=tuple((by_repeat.argmax(axis=2) == labels).mean(axis=1).tolist()),
        macro_f1=figures.macro_f1,
        per_class=figures.per_class,
        confusion_matrix=figures.confusion_matrix,
        ece=figures.ece,
        dummy=table.classes[commonest],
        dummy_accuracy=float(dummy_right.mean()),
        logistic_accuracy=float(logistic_right.mean()),
        over_dummy=_difference(right, dummy_right, groups, seed),
        over_logistic=_difference(right, logistic_right, groups, seed),
        permutations=permutations,
        shuffled_accuracy=shuffled.accuracy,
        p_value=shuffled.p_value,
        importance=most_important(np.array(lost)),
    )
    return Validated(validation, found)


def _difference(ours: NDArray[np.bool_], theirs: NDArray[np.bool_], groups: NDArray[np.int64], seed: int) -> Difference:
    gains: Numbers = ours.astype(float) - theirs
    _, video = np.unique(groups, return_inverse=True)
    gain, size = np.bincount(video, gains), np.bincount(video)
    drawn = np.random.default_rng(seed).integers(len(size), size=(_RESAMPLES, len(size)))
    low, high = np.percentile(gain[drawn].sum(axis=1) / size[drawn].sum(axis=1), [2.5, 97.5])
    return Difference(accuracy=float(gains.mean()), interval=(float(low), float(high)))
