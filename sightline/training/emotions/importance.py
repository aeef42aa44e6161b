"""Permutation importance: how much probability the true class loses when a feature is shuffled."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from sightline.features import FEATURE_NAMES
from sightline.training.emotions.out_of_fold import Fold

__all__ = ["FeatureImportance", "permutation_losses", "top_features"]

_SHUFFLES = 5
_TOP = 20

Numbers = NDArray[np.float64]


class FeatureImportance(BaseModel):
    """The loss of the true class's probability without one feature, and its standard deviation over the folds."""

    model_config = ConfigDict(frozen=True)

    feature: str
    loss: float
    deviation: float


def permutation_losses(fitted: Any, features: Numbers, labels: NDArray[np.int64], fold: Fold, seed: int) -> Numbers:
    """Return the permutation importance of each feature on the fold's test sessions, shape = (features,).

    L. Breiman, Random Forests (2001), section 10, but with the mean probability of the true class instead of the number
    of correct predictions, which changes little with a dozen sessions. Correlated features all appear unimportant.
    """
    rng = np.random.default_rng(seed)
    rows, truth = features[fold.test], labels[fold.test]
    sessions, count = rows.shape
    unshuffled = _true_probability(fitted, rows, truth).mean()
    losses = np.zeros(count)
    for _ in range(_SHUFFLES):
        # One call for all features: a forest takes about as long for one row as for a thousand.
        copies = np.repeat(rows[None], count, axis=0)
        for feature in range(count):
            copies[feature, :, feature] = rng.permutation(rows[:, feature])
        shuffled = _true_probability(fitted, copies.reshape(-1, count), np.tile(truth, count))
        losses += unshuffled - shuffled.reshape(count, sessions).mean(axis=1)
    return losses / _SHUFFLES


def top_features(losses: Numbers) -> tuple[FeatureImportance, ...]:
    """Return the twenty features with the greatest mean loss, greatest first; ``losses``: (folds, features)."""
    mean, deviation = losses.mean(axis=0), losses.std(axis=0)
    return tuple(
        FeatureImportance(feature=FEATURE_NAMES[index], loss=mean[index], deviation=deviation[index])
        for index in np.argsort(-mean, kind="stable")[:_TOP]
    )


def _true_probability(fitted: Any, rows: Numbers, truth: NDArray[np.int64]) -> Numbers:
    """Return each row's predicted probability of its true class; 0 for a class that the model was not trained on."""
    predicted = fitted.predict_proba(rows)
    probabilities: Numbers = np.where(fitted.classes_ == truth[:, None], predicted, 0.0).sum(axis=1)
    return probabilities
