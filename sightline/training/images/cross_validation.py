"""Cross-validation of a recipe: one model is trained and tested for every fold."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from sightline.progress import Progress
from sightline.training.common.calibration import calibrate
from sightline.training.common.evaluation import Evaluation, evaluate, score
from sightline.training.images.data import TrainingData
from sightline.training.images.fit import fit
from sightline.training.images.preset import Recipe
from sightline.training.images.splits import folds, hold_out
from sightline.vision.heads import probabilities

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
    """The folds, the means and deviations of their metrics, and the metrics of the pooled predictions.

    ``pooled``: every image is predicted by the model that neither it nor its group was used for, with the temperature
    that was fitted without them; None in records of earlier versions.
    """

    model_config = ConfigDict(frozen=True)

    folds: tuple[FoldMetrics, ...]
    accuracy: float
    accuracy_deviation: float
    macro_f1: float
    macro_f1_deviation: float
    pooled_macro_f1: float
    pooled: Evaluation | None = None
    grouped: bool
    """Whether the file names contain groups, so that no group is on two sides."""


def cross_validate(
    recipe: Recipe,
    data: TrainingData,
    count: int,
    *,
    seed: int,
    validation: float = 0.1,
    threshold: float = 0.93,
    pretrained: bool = False,
    device: str = "auto",
    progress: Progress | None = None,
) -> CrossValidation:
    """Train and calibrate ``count`` models, and test every model on its held-out fold. The results select nothing.

    ``validation``: the share of all images that a model is calibrated on, as in :func:`split`. ``threshold``: the
    lowest probability at which a pooled prediction is accepted.
    """
    labels, classes = data.labels, len(data.manifest.classes)
    calibrated = np.empty((len(labels), classes))
    results: list[FoldMetrics] = []

    def report(share: float) -> None:
        if progress:
            progress((len(results) + share) / count)

    options: dict[str, Any] = {"seed": seed, "pretrained": pretrained, "device": device, "progress": report}
    for rest, test in folds(data.manifest, count, seed):
        train, held_out = hold_out(data.manifest, rest, validation / (1 - 1 / count), seed)
        fitted = fit(recipe, data.pixels[train], labels[train], classes, **options)
        calibration = calibrate(fitted.logits(data.pixels[held_out]), labels[held_out])
        calibrated[test] = probabilities(fitted.logits(data.pixels[test]), calibration.temperature)
        predicted = calibrated[test].argmax(axis=1)
        results.append(
            FoldMetrics(
                train=len(train),
                test=len(test),
                accuracy=score(predicted, labels[test], classes, "accuracy"),
                macro_f1=score(predicted, labels[test], classes, "macro_f1"),
                seconds=fitted.seconds,
            )
        )
    pooled = evaluate(calibrated, labels, data.manifest.classes, threshold)
    return CrossValidation(
        folds=tuple(results),
        accuracy=float(np.mean([fold.accuracy for fold in results])),
        accuracy_deviation=float(np.std([fold.accuracy for fold in results], ddof=1)),
        macro_f1=float(np.mean([fold.macro_f1 for fold in results])),
        macro_f1_deviation=float(np.std([fold.macro_f1 for fold in results], ddof=1)),
        pooled_macro_f1=pooled.macro_f1,
        pooled=pooled,
        grouped=data.manifest.groups is not None,
    )
