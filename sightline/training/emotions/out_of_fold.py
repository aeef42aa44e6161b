"""What models say of sessions that they have not seen: folds, and predictions out of them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sightline.training.emotions.pipelines import MakePipeline

__all__ = ["Fold", "cut_folds", "fold_count", "out_of_fold", "videos_of_classes"]

_MOST_FOLDS = 5

Numbers = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Fold:
    """Places of sessions: those that a model learns from, and those that it is then asked about."""

    train: Places
    test: Places


Look: TypeAlias = Callable[[Any, Fold], None]


def videos_of_classes(labels: Places, groups: Places) -> dict[int, int]:
    """How many source videos the sessions of each class are of."""
    return {int(place): len(np.unique(groups[labels == place])) for place in np.unique(labels)}


def fold_count(labels: Places, groups: Places) -> int:
    """As many as the class of the fewest videos has videos; at least 2, at most 5."""
    return min(_MOST_FOLDS, max(2, min(videos_of_classes(labels, groups).values())))


def cut_folds(labels: Places, groups: Places, seed: int) -> list[Fold]:
    """Folds with about the same share of each class, and no video in two of them; each session is tested on once.

    A class of a single video is not there to learn from where it is tested. Where all sessions are of one video no
    such folds exist: they are then cut through it, and what comes out says nothing of another video.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    # Where no video has two sessions the plain one balances the classes better.
    grouped = len(np.unique(groups)) not in (1, len(groups))
    kind: Any = StratifiedGroupKFold if grouped else StratifiedKFold
    cut = kind(fold_count(labels, groups), shuffle=True, random_state=seed)
    videos = groups if grouped else None
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class")  # There is nothing else to be done with it.
        return [Fold(train, test) for train, test in cut.split(labels, labels, videos) if len(test)]


def out_of_fold(
    make: MakePipeline, features: Numbers, labels: Places, groups: Places, seed: int, look: Look | None = None
) -> Numbers:
    """Each session's probabilities, shape = (n, classes), by a pipeline fitted on the other folds alone.

    ``look`` is shown each fitted pipeline with its fold. A class that a fold has none of to learn from gets 0 in it.
    """
    found = np.zeros((len(labels), int(labels.max()) + 1))
    for fold in cut_folds(labels, groups, seed):
        fitted = _fit(make, features[fold.train], labels[fold.train])
        found[np.ix_(fold.test, fitted.classes_)] = fitted.predict_proba(features[fold.test])
        if look:
            look(fitted, fold)
    return found


def _fit(make: MakePipeline, features: Numbers, labels: Places) -> Any:
    from sklearn.dummy import DummyClassifier

    # Of a single class there is nothing to learn, and not every model can be fitted on it.
    return (make() if len(np.unique(labels)) > 1 else DummyClassifier()).fit(features, labels)
