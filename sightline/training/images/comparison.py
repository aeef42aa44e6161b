"""Choosing a model: backbones and heads, each judged on the validation set."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from sightline.progress import Progress
from sightline.training.common.evaluation import score
from sightline.training.images.data import TrainingData
from sightline.training.images.fit import Labels, embed, fit, fit_trees
from sightline.training.images.preset import Preset, Recipe
from sightline.training.images.splits import Splits

__all__ = ["HEADS", "ComparisonRow", "compare", "compared_backbones"]

HeadName = Literal["softmax", "xgboost", "svc", "knn"]
HEADS: tuple[HeadName, ...] = ("softmax", "xgboost", "svc", "knn")


class ComparisonRow(BaseModel):
    """A backbone and a head on the validation set.

    ``train_seconds``: the backbone's training and the head's; ``predict_seconds``: embedding all of the validation set
    and classifying it, in torch. ``chosen``: whether this is what the recipe takes.
    """

    model_config = ConfigDict(frozen=True)

    backbone: str
    pretrained: bool
    head: HeadName
    accuracy: float
    macro_f1: float
    train_seconds: float
    predict_seconds: float
    chosen: bool


class _Classifies(Protocol):
    def __call__(self, embeddings: NDArray[np.float32]) -> NDArray[np.int64]: ...


def compared_backbones(recipe: Recipe) -> tuple[str, ...]:
    """The recipe's backbone, and those it is compared with."""
    return tuple(dict.fromkeys((recipe.backbone, "mobilenet_v3_small", "baseline_cnn")))


def compare(
    preset: Preset,
    data: TrainingData,
    splits: Splits,
    *,
    pretrained: bool = True,
    backbones: Iterable[str] | None = None,
    heads: Sequence[HeadName] = HEADS,
    seed: int | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> list[ComparisonRow]:
    """Train every backbone once, and every head on its embeddings; best macro-F1 first.

    The validation set judges, since a choice is made: the test set is for the model that was chosen.
    """
    recipe = preset.recipe(pretrained)
    asked = tuple(backbones or compared_backbones(recipe))
    seed = preset.seed if seed is None else seed
    classes, labels = len(data.manifest.classes), data.labels
    train, validation = data.pixels[splits.train], data.pixels[splits.validation]
    rows: list[ComparisonRow] = []
    for number, name in enumerate(asked):
        starts_pretrained = preset.starts_pretrained(pretrained) and name != "baseline_cnn"
        fitted = fit(
            recipe.model_copy(update={"backbone": name, "head": "linear"}),
            train,
            labels[splits.train],
            classes,
            seed=seed,
            pretrained=starts_pretrained,
            device=device,
            progress=lambda share, number=number: progress((number + share) / len(asked)) if progress else None,  # type: ignore[misc]
        )
        known = embed(fitted.backbone, train, recipe.input)
        started = time.monotonic()
        seen = embed(fitted.backbone, validation, recipe.input)
        embedding_seconds = time.monotonic() - started
        for head in heads:
            started = time.monotonic()
            classify = _head(head, recipe, known, labels[splits.train], classes, seed, fitted.head.logits)
            trained = time.monotonic()
            said = classify(seen)
            rows.append(
                ComparisonRow(
                    backbone=name,
                    pretrained=starts_pretrained,
                    head=head,
                    accuracy=score(said, labels[splits.validation], classes, "accuracy"),
                    macro_f1=score(said, labels[splits.validation], classes, "macro_f1"),
                    train_seconds=fitted.seconds + trained - started,
                    predict_seconds=embedding_seconds + time.monotonic() - trained,
                    chosen=name == recipe.backbone and head == _NAMES[recipe.head],
                )
            )
    return sorted(rows, key=lambda row: (-row.macro_f1, -row.accuracy, row.train_seconds))


_NAMES = {"linear": "softmax", "xgboost": "xgboost"}


def _head(
    name: HeadName,
    recipe: Recipe,
    known: NDArray[np.float32],
    labels: Labels,
    classes: int,
    seed: int,
    linear: Callable[[NDArray[np.float32]], NDArray[np.float64]],
) -> _Classifies:
    """A head fitted on embeddings, shape = (n, size); the linear one was fitted along with the backbone."""
    if name == "softmax":
        return lambda embeddings: linear(embeddings).argmax(axis=1)
    if name == "xgboost":
        trees = fit_trees(recipe, known, labels, classes, seed=seed)
        return lambda embeddings: trees.logits(embeddings).argmax(axis=1)
    model: Any = _scikit_learn(name)
    model.fit(known, labels)
    return lambda embeddings: np.asarray(model.predict(embeddings), dtype=np.int64)


def _scikit_learn(name: HeadName) -> Any:
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    if name == "svc":
        return make_pipeline(StandardScaler(), SVC(class_weight="balanced"))
    return make_pipeline(StandardScaler(), KNeighborsClassifier(n_neighbors=5))
