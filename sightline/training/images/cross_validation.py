"""How good a recipe is: trained and tested anew on every fold."""

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

__all__ = ["CrossValidation", "Fold", "cross_validate"]


class Fold(BaseModel):
    """One fold: how many pictures trained and tested, its figures, and the seconds its training took."""

    model_config = ConfigDict(frozen=True)

    train: int
    test: int
    accuracy: float
    macro_f1: float
    seconds: float


class CrossValidation(BaseModel):
    """The folds, their means and deviations, and the macro-F1 of all folds' predictions taken together."""

    model_config = ConfigDict(frozen=True)

    folds: tuple[Fold, ...]
    accuracy: float
    accuracy_deviation: float
    macro_f1: float
    macro_f1_deviation: float
    pooled_macro_f1: float
    grouped: bool
    """Whether the names told of groups, and no group was on two sides."""


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
    """Train ``count`` models, each tested on the fold that it has not seen; nothing is chosen by what comes out."""
    labels, classes = data.labels, len(data.manifest.classes)
    said = np.empty_like(labels)
    made: list[Fold] = []

    def tell(share: float) -> None:
        if progress:
            progress((len(made) + share) / count)

    options: dict[str, Any] = {"seed": seed, "pretrained": pretrained, "device": device, "progress": tell}
    for train, test in folds(data.manifest, count, seed):
        fitted = fit(recipe, data.pixels[train], labels[train], classes, **options)
        said[test] = fitted.logits(data.pixels[test]).argmax(axis=1)
        made.append(
            Fold(
                train=len(train),
                test=len(test),
                accuracy=score(said[test], labels[test], classes, "accuracy"),
                macro_f1=score(said[test], labels[test], classes, "macro_f1"),
                seconds=fitted.seconds,
            )
        )
    return CrossValidation(
        folds=tuple(made),
        accuracy=float(np.mean([each.accuracy for each in made])),
        accuracy_deviation=float(np.std([each.accuracy for each in made], ddof=1)),
        macro_f1=float(np.mean([each.macro_f1 for each in made])),
        macro_f1_deviation=float(np.std([each.macro_f1 for each in made], ddof=1)),
        pooled_macro_f1=score(said, labels, classes, "macro_f1"),
        grouped=data.manifest.groups is not None,
    )
