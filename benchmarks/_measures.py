"""Measures of familiarity to choose from, compared on the same embeddings. Used by ``benchmarks.ood --compare``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.registry import ModelFiles
from sightline.training.images.familiarity import fit_familiarity
from sightline.training.images.fit import embed
from sightline.vision import load_weights
from sightline.vision.familiarity import Familiarity, describe, unit_length
from sightline.vision.heads import probabilities

__all__ = ["compare"]

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]
Score = Callable[[Floats, Pixels, Floats], Floats]
"""Returns the strangeness of images, shape = (n,), from their embeddings, shape = (n, size), their pixels, and the
embeddings of their mirror images."""

_NEIGHBOURS, _COMPONENTS = 5, 64
_FALSE_ALARMS = 0.01


def compare(
    files: ModelFiles, parts: dict[str, tuple[Pixels, list[str]]], kinds: dict[str, Pixels]
) -> dict[str, dict[str, float]]:
    """Print and return the share of each kind that is accepted with each measure, and of the test images refused."""
    backbone, head = load_weights(files)
    record, size = files.record, files.record.image_input
    images = {part: pixels for part, (pixels, _) in parts.items()} | kinds
    embedded = {name: embed(backbone, pixels, size).astype(np.float64) for name, pixels in images.items()}
    mirrored = {name: embed(backbone, pixels[:, :, ::-1], size).astype(np.float64) for name, pixels in images.items()}
    confident = {
        name: probabilities(head.logits(embedded[name].astype(np.float32)), record.temperature).max(1)
        >= record.threshold
        for name in kinds
    }
    fitted = {
        flip: fit_familiarity(backbone, size, images["train"], images["validation"], _FALSE_ALARMS, flip=flip)
        for flip in sorted({False, bool(record.architecture.get("flip"))})
    }
    measures = dict(_measures(embedded["train"], images["train"], parts["train"][1]))
    measures["energy"] = lambda values, *_: (
        -np.log(np.exp(head.logits(values.astype(np.float32)) / record.temperature).sum(axis=1))
    )
    for flip, own in fitted.items():
        views = ", with mirror images" if flip else ""
        measures[f"linear classifier{views}"] = _part_of(own, (0, 0, 1))
        measures[f"both distances{views}"] = _part_of(own, (own.weights[0], own.weights[1], 0))
        measures[f"this project's{views}"] = _part_of(own, own.weights)
    print(f"\n{record.label}: % of its own test images refused, % of each kind accepted")
    print(" " * 37, *(f"{name[:6]:>6s}" for name in ("own", *kinds)))
    rows = {"the confidence alone": {"own": 0.0} | {name: float(confident[name].mean()) for name in kinds}}
    for title, measure in measures.items():
        held_out = np.sort(measure(embedded["validation"], images["validation"], mirrored["validation"]))
        place = min(int(np.ceil((len(held_out) + 1) * (1 - _FALSE_ALARMS))), len(held_out)) - 1
        known = {
            name: measure(embedded[name], images[name], mirrored[name]) <= held_out[place] for name in ("test", *kinds)
        }
        rows[title] = {"own": float((~known["test"]).mean())} | {
            name: float((known[name] & confident[name]).mean()) for name in kinds
        }
    for title, row in rows.items():
        print(f"{title:37s}", *(f"{100 * share:6.1f}" for share in row.values()))
    return rows


def _measures(train: Floats, pixels: Pixels, labels: list[str]) -> Iterator[tuple[str, Score]]:
    for name, prepare in (("", np.asarray), (", unit length", unit_length)):
        known = prepare(train).astype(np.float64)
        yield f"nearest neighbours{name}", _of_embeddings(prepare, _nearest(known))
        yield f"Mahalanobis by class{name}", _of_embeddings(prepare, _mahalanobis(known, labels))
        yield f"residual of the plane{name}", _of_embeddings(prepare, _residual(known))
    density = _mahalanobis(describe(pixels).astype(np.float64), ["all"] * len(pixels))
    yield "Mahalanobis of the pixels", lambda _, images, __: density(describe(images).astype(np.float64))


def _part_of(own: Familiarity, weights: tuple[float, float, float]) -> Score:
    """Return the logarithm of this project's measure with other weights of its three scores."""

    def score(values: Floats, pixels: Pixels, mirrored: Floats) -> Floats:
        both = mirrored.astype(np.float32) if own.mirrored else None
        return np.asarray(own.scores(values.astype(np.float32), pixels, both) @ np.array(weights))

    return score


def _of_embeddings(prepare: Callable[[Floats], NDArray[Any]], distance: Callable[[Floats], Floats]) -> Score:
    return lambda values, *_: distance(prepare(values).astype(np.float64))


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
