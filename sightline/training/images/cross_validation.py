"""Cross-validation of a recipe: one model is trained and tested for every fold."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from sightline.progress import Progress
from sightline.training.common.evaluation import score
from sightline.training.images.data import TrainingData
from sightline.training.images.fit import fit
from sightline.training.images.preset import Recipe
from sightline.training.images.splits import folds

__all__ = ["CrossValidation", "FoldMetrics", "cross_validate"]


class FoldMetrics(BaseModel):
    """One fold: the number of training and test images, the metrics, and the seconds of training."""

    model_config = ConfigDict(frozen=True)

    train: int
    test: int
    accuracy: float
    macro_f1: float
    seconds: float


class CrossValidation(BaseModel):
    """The folds, the means and deviations of their metrics, and the macro-F1 of the pooled predictions."""

    model_config = ConfigDict(frozen=True)

    folds: tuple[FoldMetrics, ...]
    accuracy: float
    accuracy_deviation: float
    macro_f1: float
    macro_f1_deviation: float
    pooled_macro_f1: float
    grouped: bool
    """Whether the file names contain groups, so that no group is on two sides."""


def cross_validate(
    recipe: Recipe,
    data: TrainingData,
    count: int,
    *,
    seed: int,
    pretrained: bool = False,
    device: str = "auto",
    progress: Progress | None = None,
) -> CrossValidation:
    """Train ``count`` models, and test every model on its held-out fold. The results select nothing."""
    labels, classes = data.labels, len(data.manifest.classes)
    predicted = np.empty_like(labels)
    results: list[FoldMetrics] = []

    def report(share: float) -> None:
        if progress:
            progress((len(results) + share) / count)

    options: dict[str, Any] = {"seed": seed, "pretrained": pretrained, "device": device, "progress": report}
    for train, test in folds(data.manifest, count, seed):
        fitted = fit(recipe, data.pixels[train], labels[train], classes, **options)
        predicted[test] = fitted.logits(data.pixels[test]).argmax(axis=1)
        results.append(
            FoldMetrics(
                train=len(train),
                test=len(test),
                accuracy=score(predicted[test], labels[test], classes, "accuracy"),
                macro_f1=score(predicted[test], labels[test], classes, "macro_f1"),
                seconds=fitted.seconds,
            )
        )
    return CrossValidation(
        folds=tuple(results),
        accuracy=float(np.mean([fold.accuracy for fold in results])),
        accuracy_deviation=float(np.std([fold.accuracy for fold in results], ddof=1)),
        macro_f1=float(np.mean([fold.macro_f1 for fold in results])),
        macro_f1_deviation=float(np.std([fold.macro_f1 for fold in results], ddof=1)),
        pooled_macro_f1=score(predicted, labels, classes, "macro_f1"),
        grouped=data.manifest.groups is not None,
    )
