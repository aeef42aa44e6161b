"""The model that is current, judged on the same test pictures as a new one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from sightline.registry import ModelFiles, Registry
from sightline.training.common.evaluation import score
from sightline.training.common.manifest import MANIFEST, read_manifest_csv
from sightline.vision import load_classifier

if TYPE_CHECKING:
    from sightline.training.images.data import TrainingData
    from sightline.training.images.splits import Places

__all__ = ["Comparison", "RivalChanged", "compare_with_current", "fair_places"]

_ENOUGH = 30  # pictures, and as many as that of each class are not asked for: one will do

Device = Literal["auto", "cpu", "cuda"]


class RivalChanged(Exception):
    """Another version became current after the comparison."""


@dataclass(frozen=True)
class Comparison:
    """A new model's figure and the current one's on the same pictures.

    ``version`` and ``rival`` are the current one's, None where none is current.
    """

    version: int | None
    value: float
    rival: float | None
    why: str

    def rival_is(self, version: int) -> float:
        """The figure of the current version; raises :class:`RivalChanged` where that is no longer the compared one."""
        if self.rival is None or version != self.version:
            raise RivalChanged
        return self.rival


def compare_with_current(
    registry: Registry,
    name: str,
    metric: str,
    data: TrainingData,
    test: Places,
    said: NDArray[np.int64],
    *,
    device: Device = "auto",
) -> Comparison:
    """Judge the current model of this name on the samples at ``test``, where the new one said the classes ``said``.

    Where the current model's own test set had the same pictures, its recorded figure stands. Where it has learnt from
    some of these pictures, both are judged on the others alone; should too few be left, on all of them, which the new
    model has the harder test of.
    """
    labels, classes = data.labels[test], data.manifest.classes
    value = score(said, labels, len(classes), metric)
    current = registry.current(name)
    if current is None:
        return Comparison(None, value, None, "there was no current model")
    files = registry.open(name, current.version)
    rival = files.record.label
    recorded = files.record.metrics.get(metric)
    if files.record.data.test_sha256 == data.manifest.sha256_of(test) and recorded is not None:
        why = f"{rival} was tested on the same {len(test)} pictures"
        return Comparison(current.version, value, float(recorded), why)
    judged, known = fair_places(files, [data.manifest.samples[place].sha256 for place in test], labels)
    why = f"{rival} was tested anew on the same {len(test)} pictures"
    if not judged.all():
        why = f"compared on {judged.sum()} of {len(test)} test pictures, since {rival} has learnt from the others"
    elif known:
        why += f", of which it has learnt from {known}: its figure is too high"
    theirs = _said(registry, rival, data, test[judged], device)
    return Comparison(
        current.version,
        score(said[judged], labels[judged], len(classes), metric),
        score(theirs, labels[judged], len(classes), metric),
        why,
    )


def fair_places(files: ModelFiles, hashes: Sequence[str], labels: NDArray[np.int64]) -> tuple[NDArray[np.bool_], int]:
    """Which samples a version can be judged on, since it has not learnt from them; and from how many it has.

    Should too few be left, or a label have none, all of them.
    """
    learnt = _learnt_from(files)
    fair = np.array([sha256 not in learnt for sha256 in hashes])
    known = int((~fair).sum())
    if fair.sum() < _ENOUGH or set(labels[fair]) != set(labels):
        fair[:] = True
    return fair, known


def _learnt_from(files: ModelFiles) -> set[str]:
    """The hashes of the pictures that a model was fitted, calibrated or chosen on."""
    if MANIFEST not in files.record.files:
        return set()
    parts = read_manifest_csv((files.folder / MANIFEST).read_bytes())
    return parts.get("train", set()) | parts.get("validation", set())


def _said(registry: Registry, model: str, data: TrainingData, places: Places, device: Device) -> NDArray[np.int64]:
    """What a model says of the samples, as places in the data's classes; -1 for a class that the data does not have."""
    classifier = load_classifier(registry, model, device=device, half=False)
    place = {name: number for number, name in enumerate(data.manifest.classes)}
    ours = np.array([place.get(name, -1) for name in classifier.classes], dtype=np.int64)
    said: NDArray[np.int64] = ours[classifier.predict(data.read(places.tolist(), classifier.input)).argmax(axis=1)]
    return said
