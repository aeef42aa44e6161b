"""Which features a forest goes by: how much less it believes the truth without each of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from sightline.features import FEATURE_NAMES
from sightline.training.emotions.out_of_fold import Fold

__all__ = ["FeatureImportance", "losses", "most_important"]

_SHUFFLES = 5
_TOP = 20

Numbers = NDArray[np.float64]


class FeatureImportance(BaseModel):
    """A feature: how much of the right emotion's probability is lost without it, and its deviation over the folds."""

    model_config = ConfigDict(frozen=True)

    feature: str
    loss: float
    deviation: float


def losses(fitted: Any, features: Numbers, labels: NDArray[np.int64], fold: Fold, seed: int) -> Numbers:
    """Permutation importance on the sessions that a model has not seen, shape = (features,).

    L. Breiman, Random Forests (2001), section 10, with the mean probability of the true class in place of the number
    of right answers, which a dozen sessions hardly move. Of features that tell the same none seems to matter.
    """
    rng = np.random.default_rng(seed)
    rows, truth = features[fold.test], labels[fold.test]
    sessions, count = rows.shape
    whole = _belief(fitted, rows, truth).mean()
    found = np.zeros(count)
    for _ in range(_SHUFFLES):
        # All features' copies in one question: a forest takes about as long for one row as for a thousand.
        copies = np.repeat(rows[None], count, axis=0)
        for feature in range(count):
            copies[feature, :, feature] = rng.permutation(rows[:, feature])
        believed = _belief(fitted, copies.reshape(-1, count), np.tile(truth, count))
        found += whole - believed.reshape(count, sessions).mean(axis=1)
    return found / _SHUFFLES


def most_important(found: Numbers) -> tuple[FeatureImportance, ...]:
    """The twenty features of the greatest mean loss, greatest first; ``found``, shape = (folds, features)."""
    mean, deviation = found.mean(axis=0), found.std(axis=0)
    return tuple(
        FeatureImportance(feature=FEATURE_NAMES[place], loss=mean[place], deviation=deviation[place])
        for place in np.argsort(-mean, kind="stable")[:_TOP]
    )


def _belief(fitted: Any, rows: Numbers, truth: NDArray[np.int64]) -> Numbers:
    """The probability that each row's true class is given; 0 for one that the model knows nothing of."""
    given = fitted.predict_proba(rows)
    believed: Numbers = np.where(fitted.classes_ == truth[:, None], given, 0.0).sum(axis=1)
    return believed
