"""Cross-validation folds that keep source videos together, and out-of-fold predictions."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sightline.training.emotions.pipelines import MakePipeline

__all__ = ["Fold", "count_videos_per_class", "fold_count", "make_folds", "out_of_fold"]

_MOST_FOLDS = 5

Numbers = NDArray[np.float64]
Indices = NDArray[np.int64]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Fold:
    """Indices of the training sessions and of the test sessions."""

    train: Indices
    test: Indices


OnFold: TypeAlias = Callable[[Any, Fold], None]


def count_videos_per_class(labels: Labels, groups: Labels) -> dict[int, int]:
    """Return the number of source videos of each class."""
    return {int(label): len(np.unique(groups[labels == label])) for label in np.unique(labels)}


def fold_count(labels: Labels, groups: Labels) -> int:
    """Return the number of folds: the smallest number of videos of a class, at least 2 and at most 5."""
    return min(_MOST_FOLDS, max(2, min(count_videos_per_class(labels, groups).values())))


def make_folds(labels: Labels, groups: Labels, seed: int) -> list[Fold]:
    """Return stratified folds that keep each video in one fold; each session is tested once.

    A class with a single video is absent from the training set of the fold that tests it. If all sessions come from one
    video, the folds split that video, and the results do not generalise to other videos.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    # If every video has one session, the ungrouped splitter balances the classes better.
    grouped = len(np.unique(groups)) not in (1, len(groups))
    kind: Any = StratifiedGroupKFold if grouped else StratifiedKFold
    splitter = kind(fold_count(labels, groups), shuffle=True, random_state=seed)
    videos = groups if grouped else None
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class")  # fold_count already takes this into account.
        return [Fold(train, test) for train, test in splitter.split(labels, labels, videos) if len(test)]


def out_of_fold(
    make: MakePipeline, features: Numbers, labels: Labels, groups: Labels, seed: int, on_fold: OnFold | None = None
) -> Numbers:
    """Return each session's probabilities by a pipeline fitted on the other folds, shape = (n, classes).

    ``on_fold`` is called with each fitted pipeline and its fold. A class without training sessions in a fold gets
    probability 0 there.
    """
    probabilities = np.zeros((len(labels), int(labels.max()) + 1))
    for fold in make_folds(labels, groups, seed):
        fitted = _fit(make, features[fold.train], labels[fold.train])
        probabilities[np.ix_(fold.test, fitted.classes_)] = fitted.predict_proba(features[fold.test])
        if on_fold:
            on_fold(fitted, fold)
    return probabilities


def _fit(make: MakePipeline, features: Numbers, labels: Labels) -> Any:
    from sklearn.dummy import DummyClassifier

    # Not every model can be fitted on a single class.
    return (make() if len(np.unique(labels)) > 1 else DummyClassifier()).fit(features, labels)
