"""Measures of familiarity to choose from, compared on the same embeddings. Used by ``benchmarks.ood --compare``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.registry import ModelFiles
from sightline.training.images.familiarity import FALSE_ALARMS, fit_familiarity
from sightline.training.images.fit import embed
from sightline.vision import load_weights
from sightline.vision.familiarity import describe, unit_length
from sightline.vision.heads import probabilities

__all__ = ["compare"]

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]
Score = Callable[[Floats, Pixels], Floats]
"""Returns the strangeness of images, shape = (n,), from their embeddings, shape = (n, size), and their pixels."""

_NEIGHBOURS, _COMPONENTS = 5, 64


def compare(
    files: ModelFiles, parts: dict[str, tuple[Pixels, list[str]]], kinds: dict[str, Pixels]
) -> dict[str, dict[str, float]]:
    """Print and return the share of each kind that is accepted with each measure, and of the test images refused."""
    backbone, head = load_weights(files)
    record, size = files.record, files.record.image_input
    images = {part: pixels for part, (pixels, _) in parts.items()} | kinds
    embedded = {name: embed(backbone, pixels, size).astype(np.float64) for name, pixels in images.items()}
    confident = {
        name: probabilities(head.logits(embedded[name].astype(np.float32)), record.temperature).max(1)
        >= record.threshold
        for name in kinds
    }
    own = fit_familiarity(backbone, size, parts["train"][0], parts["validation"][0])
    measures = dict(_measures(embedded["train"], images["train"], parts["train"][1]))
    measures["energy"] = lambda values, _: (
        -np.log(np.exp(head.logits(values.astype(np.float32)) / record.temperature).sum(axis=1))
    )
    measures["this project's"] = lambda values, pixels: own.strangeness(values.astype(np.float32), pixels)
    print(f"\n{record.label}: % of its own test images refused, % of each kind accepted")
    print(" " * 34, *(f"{name[:6]:>6s}" for name in ("own", *kinds)))
    rows = {"the confidence alone": {"own": 0.0} | {name: float(confident[name].mean()) for name in kinds}}
    for title, measure in measures.items():
        held_out = np.sort(measure(embedded["validation"], images["validation"]))
        place = min(int(np.ceil((len(held_out) + 1) * (1 - FALSE_ALARMS))), len(held_out)) - 1
        known = {name: measure(embedded[name], images[name]) <= held_out[place] for name in ("test", *kinds)}
        rows[title] = {"own": float((~known["test"]).mean())} | {
            name: float((known[name] & confident[name]).mean()) for name in kinds
        }
    for title, row in rows.items():
        print(f"{title:34s}", *(f"{100 * share:6.1f}" for share in row.values()))
    return rows


def _measures(train: Floats, pixels: Pixels, labels: list[str]) -> Iterator[tuple[str, Score]]:
    for name, prepare in (("", np.asarray), (", unit length", unit_length)):
        known = prepare(train).astype(np.float64)
        yield f"nearest neighbours{name}", _of_embeddings(prepare, _nearest(known))
        yield f"Mahalanobis by class{name}", _of_embeddings(prepare, _mahalanobis(known, labels))
        yield f"residual of the plane{name}", _of_embeddings(prepare, _residual(known))
    density = _mahalanobis(describe(pixels).astype(np.float64), ["all"] * len(pixels))
    yield "Mahalanobis of the pixels", lambda _, images: density(describe(images).astype(np.float64))


def _of_embeddings(prepare: Callable[[Floats], NDArray[Any]], distance: Callable[[Floats], Floats]) -> Score:
    return lambda values, _: distance(prepare(values).astype(np.float64))


def _nearest(train: Floats) -> Callable[[Floats], Floats]:
    from sklearn.neighbors import NearestNeighbors

    index = NearestNeighbors(n_neighbors=_NEIGHBOURS).fit(train)
    return lambda values: np.asarray(index.kneighbors(values)[0][:, -1])


def _mahalanobis(train: Floats, labels: list[str]) -> Callable[[Floats], Floats]:
    from sklearn.covariance import LedoitWolf

    names = np.array(labels)
    centres = [train[names == name].mean(axis=0) for name in sorted(set(labels))]
    offsets = np.concatenate([train[names == name] - train[names == name].mean(axis=0) for name in sorted(set(labels))])
    variances, axes = np.linalg.eigh(LedoitWolf(assume_centered=True).fit(offsets).covariance_)
    whitening = axes / np.sqrt(np.maximum(variances, 1e-12))
    return lambda values: np.min([np.linalg.norm((values - centre) @ whitening, axis=1) for centre in centres], axis=0)


def _residual(train: Floats) -> Callable[[Floats], Floats]:
    from sklearn.decomposition import PCA

    plane = PCA(min(_COMPONENTS, train.shape[1] // 2), random_state=0).fit(train)
    return lambda values: np.linalg.norm(values - plane.inverse_transform(plane.transform(values)), axis=1)
