"""Model selection: backbones and heads, compared on the validation set."""

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
    """The metrics of a backbone with a head on the validation set.

    ``train_seconds``: the training of the backbone and the head. ``predict_seconds``: embedding and classifying the
    validation set, in torch. ``chosen``: whether the recipe uses this combination.
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
    def __call__(self, inputs: NDArray[np.float32], /) -> NDArray[np.int64]: ...


def compared_backbones(recipe: Recipe) -> tuple[str, ...]:
    """Return the recipe's backbone, and the backbones that it is compared with."""
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
    """Train every backbone once, and every head on its embeddings; return the best macro-F1 first.

    The metrics are those of the validation set, because they select a model: the test set measures the selected one.
    """
    recipe = preset.recipe(pretrained)
    names = tuple(backbones or compared_backbones(recipe))
    seed = preset.seed if seed is None else seed
    classes, labels = len(data.manifest.classes), data.labels
    train, validation = data.pixels[splits.train], data.pixels[splits.validation]
    rows: list[ComparisonRow] = []
    for number, name in enumerate(names):
        starts_pretrained = preset.starts_pretrained(pretrained) and name != "baseline_cnn"
        fitted = fit(
            recipe.model_copy(update={"backbone": name, "head": "linear"}),
            train,
            labels[splits.train],
            classes,
            seed=seed,
            pretrained=starts_pretrained,
            device=device,
            progress=lambda share, number=number: progress((number + share) / len(names)) if progress else None,  # type: ignore[misc]
        )
        train_embeddings = embed(fitted.backbone, train, recipe.input)
        started = time.monotonic()
        validation_embeddings = embed(fitted.backbone, validation, recipe.input)
        embedding_seconds = time.monotonic() - started
        for head in heads:
            started = time.monotonic()
            classify = _head(head, recipe, train_embeddings, labels[splits.train], classes, seed, fitted.head.logits)
            trained = time.monotonic()
            predicted = classify(validation_embeddings)
            rows.append(
                ComparisonRow(
                    backbone=name,
                    pretrained=starts_pretrained,
                    head=head,
                    accuracy=score(predicted, labels[splits.validation], classes, "accuracy"),
                    macro_f1=score(predicted, labels[splits.validation], classes, "macro_f1"),
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
    embeddings: NDArray[np.float32],
    labels: Labels,
    classes: int,
    seed: int,
    linear: Callable[[NDArray[np.float32]], NDArray[np.float64]],
) -> _Classifies:
    """Fit a head on embeddings, shape = (n, size); the linear one was fitted together with the backbone."""
    if name == "softmax":
        return lambda inputs: linear(inputs).argmax(axis=1)
    if name == "xgboost":
        trees = fit_trees(recipe, embeddings, labels, classes, seed=seed)
        return lambda inputs: trees.logits(inputs).argmax(axis=1)
    model: Any = _scikit_learn(name)
    model.fit(embeddings, labels)
    return lambda inputs: np.asarray(model.predict(inputs), dtype=np.int64)


def _scikit_learn(name: HeadName) -> Any:
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    if name == "svc":
        return make_pipeline(StandardScaler(), SVC(class_weight="balanced"))
    return make_pipeline(StandardScaler(), KNeighborsClassifier(n_neighbors=5))
