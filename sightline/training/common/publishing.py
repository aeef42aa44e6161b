"""Publishing a trained model and promoting it: the parts that all kinds of models share.

A version is promoted if its metric is at least that of the current version on the same test data, and on test data
that the current version was not trained on. A first version is promoted if it is better than a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sightline.clock import now_in_utc
from sightline.registry import ModelFiles, ModelRecord, Promotion, Registry, code_version, versions_of_libraries
from sightline.training.common.manifest import MANIFEST, read_manifest_csv

__all__ = [
    "NO_CURRENT_MODEL",
    "CurrentModelChanged",
    "Guess",
    "TestSet",
    "VersionComparison",
    "compare_with_current",
    "promote_version",
    "provenance",
]

NO_CURRENT_MODEL = "there was no current model"

_MIN_UNSEEN = 30  # images for a comparison, with at least one of every class

Measure = Callable[[str, NDArray[np.bool_]], tuple[float, float]]
"""Return the new and the current version's metric on the selected test samples.

Takes the label of the current version, and a mask over the test samples, shape = (n,).
"""


class Guess(NamedTuple):
    """The comparison of a version with guessing, on its test set.

    ``metric`` is what is compared, ``low`` the lower end of its 95 % interval, ``guessed`` its value for guesses, and
    ``how`` the way of guessing.
    """

    metric: str
    low: float
    guessed: float
    how: str

    @property
    def objection(self) -> str | None:
        """Why the version must not become the first current one; None if it is better than a guess."""
        if self.low > self.guessed:
            return None
        return (
            f"its {self.metric} on the test set is not above that of {self.how}, {self.guessed:.2f}: the 95 % interval "
            f"begins at {self.low:.2f}. Check the labels, or add images"
        )


class CurrentModelChanged(Exception):
    """Another version became current after the comparison."""


@dataclass(frozen=True)
class VersionComparison:
    """The metrics of a new version and of the current one on the same test samples.

    ``value`` is the metric of the new version. ``version`` and ``current`` are the current version and its metric, None
    if no version is current. ``refused``: whether the version must not become current, for the reason ``why``.
    """

    version: int | None
    value: float
    current: float | None
    why: str
    refused: bool = False

    @classmethod
    def without_current(cls, value: float, guess: Guess | None = None) -> VersionComparison:
        """Return the comparison of a model that has no current version; ``guess``: that with guessing, if measured."""
        objection = guess.objection if guess else None
        return cls(None, value, None, objection or NO_CURRENT_MODEL, refused=objection is not None)

    def current_value(self, version: int) -> float:
        """Return the metric of the current version.

        Raises :class:`CurrentModelChanged` if ``version`` is not the version that was compared.
        """
        if self.current is None or version != self.version:
            raise CurrentModelChanged
        return self.current


@dataclass(frozen=True)
class TestSet:
    """The content hashes of the test samples, and the indices of their classes, shape = (n,)."""

    __test__ = False  # pytest would take it for a class of tests

    hashes: Sequence[str]
    labels: NDArray[np.int64]


def provenance(libraries: Sequence[str]) -> dict[str, Any]:
    """Return the fields of a model's record that describe how it was created.

    ``libraries``: the distributions whose versions the record stores.
    """
    return {
        "created": now_in_utc(),
        "code_version": code_version(),
        "libraries": versions_of_libraries(tuple(libraries)),
    }


def promote_version(
    registry: Registry,
    record: ModelRecord,
    metric: str,
    compare: Callable[[], VersionComparison],
    *,
    why: str | None = None,
) -> Promotion:
    """Make a published version current if its ``metric`` is at least that of the current version.

    The first one is promoted if it is better than a guess.
    ``compare`` compares the version with the current one. It is called again if another version becomes current in the
    meantime. ``why``, the reason for the training, precedes the reason for the decision in the result.
    """
    while True:
        comparison = compare()
        reason = "; ".join(filter(None, (why, comparison.why)))
        if comparison.refused:
            return Promotion(
                promoted=False,
                version=record.version,
                previous=comparison.version,
                metric=metric,
                value=comparison.value,
                current_value=comparison.current,
                why=reason,
            )
        try:
            return registry.promote(
                record.name,
                record.version,
                metric=metric,
                value=comparison.value,
                measure_current=comparison.current_value,
                why=reason,
            )
        except CurrentModelChanged:  # Other samples may be unseen by the version that is current now.
            continue


def compare_with_current(
    registry: Registry,
    record: ModelRecord,
    metric: str,
    read_test_set: Callable[[], TestSet],
    measure: Measure,
    guess: Guess | None = None,
) -> VersionComparison:
    """Compare a version with the current version of its model on the same test images.

    If the current version has the same test set, its recorded metric counts. If it was trained on some of the test
    images, both are measured on the others. If too few others remain, both are measured on all, which favours the
    current version. Without a current version, ``guess`` decides.
    """
    value = float(record.metrics[metric])
    current = registry.current(record.name)
    if current is None or current.version == record.version:
        return VersionComparison.without_current(value, guess)
    files = registry.open(record.name, current.version)
    label = files.record.label
    recorded = files.record.metrics.get(metric)
    if files.record.data.test_sha256 == record.data.test_sha256 and recorded is not None:
        why = f"{label} was tested on the same {record.data.test} images"
        return VersionComparison(current.version, value, float(recorded), why)
    test_set = read_test_set()
    selected, seen = _unseen_samples(files, test_set)
    count = len(test_set.hashes)
    why = f"{label} was tested again on the same {count} images"
    if not selected.all():
        why = f"compared on {selected.sum()} of {count} test images, because {label} was trained on the others"
    elif seen:
        why += f", but was trained on {seen} of them: its metric is too high"
    new_value, current_value = measure(label, selected)
    return VersionComparison(current.version, new_value, current_value, why)


def _unseen_samples(files: ModelFiles, test_set: TestSet) -> tuple[NDArray[np.bool_], int]:
    """Return a mask of the samples that a version was not trained on, and the number of those that it was trained on.

    The mask selects all samples if too few are unseen, or if those lack a class.
    """
    trained_on = _training_hashes(files)
    unseen = np.array([sha256 not in trained_on for sha256 in test_set.hashes])
    seen = int((~unseen).sum())
    if unseen.sum() < _MIN_UNSEEN or set(test_set.labels[unseen]) != set(test_set.labels):
        unseen[:] = True
    return unseen, seen


def _training_hashes(files: ModelFiles) -> set[str]:
    """Return the hashes of the images that a model was fitted, calibrated or selected on."""
    if MANIFEST not in files.record.files:
        return set()
    parts = read_manifest_csv((files.folder / MANIFEST).read_bytes())
    return parts.get("train", set()) | parts.get("validation", set())
