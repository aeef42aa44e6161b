"""Fitting the measure of familiarity, and adding it to a model that was trained without one."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sightline import storage, vision
from sightline.registry import FileEntry, ModelFiles, ModelRecord
from sightline.registry.baseline import sample_rows
from sightline.registry.record import RECORD
from sightline.statistics import wilson_interval
from sightline.training.common.errors import UnsuitableData
from sightline.training.common.manifest import MANIFEST, read_manifest_csv
from sightline.training.images.fit import embed
from sightline.training.images.strangers import draw_strangers
from sightline.vision.familiarity import (
    FAMILIARITY,
    METRIC,
    Familiarity,
    FamiliarityFigures,
    describe,
    unit_length,
)
from sightline.vision.labelled import ImageSource

if TYPE_CHECKING:
    from sightline.registry import ImageInput
    from sightline.vision.nets import Backbone

__all__ = ["add_familiarity", "fit_familiarity", "measure_familiarity"]

_COMPONENTS = 40
_STRANGERS, _FEWEST, _MOST = 4, 380, 3_040  # for each training image, and in total
_INFLUENCE = np.array([0.5, 1, 2])  # of the distances of the embedding and of the pixels, and of the logit
_FITTED = 5_000  # training images; a random sample of more

Pixels = NDArray[np.uint8]


def fit_familiarity(
    backbone: Backbone,
    size: ImageInput,
    train: Pixels,
    validation: Pixels,
    target: float,
    *,
    flip: bool = False,
) -> Familiarity:
    """Fit the measure on training images, and choose its limit on validation images.

    Both are uint8, shape = (n, height, width, 3). ``flip``: whether the model classifies an image and its mirror image;
    the measure then uses both. The limit is the conformal quantile of the validation images: at most
    ``target`` of further images of the same kind exceed it on average (V. Vovk et al., Algorithmic Learning in a Random
    World, 2005). Fewer than ``1 / target - 1`` validation images are too few for that: then none of them exceeds it.
    """
    from sklearn.covariance import LedoitWolf
    from sklearn.decomposition import PCA

    chosen = np.asarray(train[sample_rows(len(train), _FITTED)])
    strangers = draw_strangers(chosen, min(max(_STRANGERS * len(chosen), _FEWEST), _MOST))
    embeddings, statistics = unit_length(embed(backbone, chosen, size)), describe(chosen).astype(np.float64)
    strange = unit_length(embed(backbone, strangers, size)), describe(strangers).astype(np.float64)
    plane = PCA(min(_COMPONENTS, len(embeddings) // 4, embeddings.shape[1] // 2), random_state=0).fit(embeddings)
    variances, axes = np.linalg.eigh(LedoitWolf().fit(statistics).covariance_)
    familiarity = Familiarity(
        centre=plane.mean_.astype(np.float32),
        components=plane.components_.astype(np.float16).astype(np.float32),  # as they are stored
        pixel_centre=statistics.mean(axis=0).astype(np.float32),
        whitening=(axes / np.sqrt(variances)).astype(np.float32),
        direction=_direction(embeddings, statistics, *strange),
        weights=(1 / 3, 1 / 3, 1 / 3),
        limit=1.0,
        mirrored=flip,
    )
    held_out = np.asarray(validation)
    scores = familiarity.scores(*_embedded(familiarity, backbone, size, held_out))
    # The influence of a score is relative to its standard deviation among known images.
    scales = _INFLUENCE / np.maximum(scores.std(axis=0), 1e-6)
    weights = scales / scales.sum()
    combined = np.sort(scores @ weights)
    place = min(math.ceil((len(combined) + 1) * (1 - target)), len(combined)) - 1
    first, second, third = weights.tolist()
    return replace(familiarity, weights=(first, second, third), limit=float(np.exp(combined[place])))


def _embedded(
    familiarity: Familiarity, backbone: Backbone, size: ImageInput, pixels: Pixels
) -> tuple[NDArray[np.float32], Pixels, NDArray[np.float32] | None]:
    """Return what the measure needs of images: their embeddings, themselves, and their mirror images' embeddings."""
    mirrored = embed(backbone, pixels[:, :, ::-1], size) if familiarity.mirrored else None
    return embed(backbone, pixels, size), pixels, mirrored


def _direction(
    known: NDArray[np.float32],
    known_statistics: NDArray[np.float64],
    strange: NDArray[np.float32],
    strange_statistics: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Return the coefficients of a linear classifier of strangers, for embeddings of length 1 and statistics."""
    from sklearn.linear_model import LogisticRegression

    # The embedding has more influence than the statistics: strangers that were not generated differ in content.
    embedding_scale = np.full(known.shape[1], np.sqrt(known.shape[1]) / 3)
    scales = np.concatenate([embedding_scale, 0.3 / (known_statistics.std(axis=0) + 1e-3)])
    rows = np.concatenate([np.hstack([known, known_statistics]), np.hstack([strange, strange_statistics])])
    labels = np.repeat([0, 1], [len(known), len(strange)])
    centre = np.concatenate([known.mean(axis=0), known_statistics.mean(axis=0)])
    classifier = LogisticRegression(C=0.03, class_weight="balanced", max_iter=1000)
    classifier.fit((rows - centre) * scales, labels)
    return np.asarray(classifier.coef_[0] * scales, np.float32)


def measure_familiarity(
    familiarity: Familiarity,
    backbone: Backbone,
    size: ImageInput,
    validation: int,
    test: Pixels,
    target: float,
) -> FamiliarityFigures:
    """Measure the false alarms on test images, uint8, shape = (n, height, width, 3).

    ``target`` and ``validation``, the number of images that the limit was chosen on, are copied into the result.
    """
    pixels = np.asarray(test)
    refused = int((familiarity.strangeness(*_embedded(familiarity, backbone, size, pixels)) > 1).sum())
    return FamiliarityFigures(
        target=target,
        validation=validation,
        images=len(pixels),
        refused=refused,
        interval=wilson_interval(refused / len(pixels), len(pixels)),
    )


def add_familiarity(folder: Path, source: ImageSource, target: float) -> ModelRecord:
    """Add the measure to the version in ``folder``, and return its new record; an earlier measure is replaced.

    For models that are prepared for publication, such as the bundled ones: a version in a registry never changes.
    ``target``: the share of images of its own kind that the model should refuse.
    ``source`` holds the images that the version was trained, calibrated and tested on, which its manifest identifies by
    their content. Raises :class:`UnsuitableData` if one is missing, and ``ModelDamaged``.
    """
    record = ModelRecord.model_validate_json((folder / RECORD).read_bytes())
    backbone, _ = vision.load_weights(ModelFiles(record, folder))
    parts = _read_parts(folder, source, record.image_input)
    size, flip = record.image_input, bool(record.architecture.get("flip"))
    familiarity = fit_familiarity(backbone, size, parts["train"], parts["validation"], target, flip=flip)
    figures = measure_familiarity(familiarity, backbone, size, len(parts["validation"]), parts["test"], target)
    familiarity.save(folder / FAMILIARITY)
    entry = FileEntry(sha256=storage.content_hash(folder / FAMILIARITY), size=(folder / FAMILIARITY).stat().st_size)
    changed = record.model_copy(
        update={
            "files": record.files | {FAMILIARITY: entry},
            "metrics": record.metrics | {METRIC: figures.model_dump(mode="json")},
        }
    )
    storage.write_bytes(folder / RECORD, changed.model_dump_json(indent=2).encode())
    return changed


def _read_parts(folder: Path, source: ImageSource, size: ImageInput) -> dict[str, Pixels]:
    """Return the pixels of the images in each part of a version's manifest."""
    wanted = read_manifest_csv((folder / MANIFEST).read_bytes())
    part_of = {sha256: part for part, hashes in wanted.items() for sha256 in hashes}
    found: dict[str, dict[str, Pixels]] = {part: {} for part in wanted}
    for image in source.images:
        data = image.read()
        sha256 = hashlib.sha256(data).hexdigest()
        if part := part_of.get(sha256):
            found[part][sha256] = vision.decode(data, size, vision.Limits()).pixels
    missing = len(part_of) - sum(map(len, found.values()))
    if missing:
        raise UnsuitableData(
            source.uri,
            f"lacks {missing} of the {len(part_of)} images that {folder} was trained and tested on",
            "Give the folder with all of them",
        )
    return {part: np.stack(list(images.values())) for part, images in found.items()}
