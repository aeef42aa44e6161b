"""Training, validation and test sets, and folds: stratified by class, with no unit of the manifest on two sides.

Images with answers from people are images that a model was uncertain about, so they would make the test set harder than
the data it represents. They are used for training, unless their unit is on another side. The test set is therefore the
same with and without them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.training.common.errors import UnsuitableData
from sightline.training.images.manifest import Manifest
from sightline.training.images.preset import Shares

__all__ = ["Splits", "folds", "hold_out", "split"]

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Splits:
    """Indices of the manifest's samples, ascending. ``test`` is used for neither training nor selection."""

    train: Indices
    validation: Indices
    test: Indices

    @property
    def parts(self) -> dict[str, Indices]:
        """The three sets by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


def split(manifest: Manifest, shares: Shares, seed: int) -> Splits:
    """Split the samples by ``shares``, as closely as the units allow; the same seed gives the same split.

    Raises :class:`UnsuitableData` if a class has too few units to be in all three sets.
    """
    rest, test = next(_parts(manifest, _labelled(manifest), shares.test, seed))
    train, validation = next(_parts(manifest, rest, shares.validation / (1 - shares.test), seed))
    train, validation, test = _with_reviewed(manifest, train, validation, test)
    splits = Splits(train, validation, test)
    _check(manifest, splits.parts)
    return splits


def folds(manifest: Manifest, count: int, seed: int) -> list[tuple[Indices, Indices]]:
    """Return ``count`` pairs of training and test indices; every labelled sample is in one test part.

    Raises :class:`UnsuitableData` if a class has fewer than ``count`` units.
    """
    pairs = []
    for pair in _parts(manifest, _labelled(manifest), 1 / count, seed):
        train, test = _with_reviewed(manifest, *pair)
        pairs.append((train, test))
    if len(pairs) != count:
        raise UnsuitableData(
            manifest.source,
            f"{count} folds need as many {_units(manifest)} of every class, and one class has {len(pairs)}",
            "Use fewer folds, or add data",
        )
    for number, (train, test) in enumerate(pairs):
        _check(manifest, {f"fold {number}": train, f"fold {number}'s test part": test})
    return pairs


def hold_out(manifest: Manifest, within: Indices, share: float, seed: int) -> tuple[Indices, Indices]:
    """Divide the samples with these indices into the rest and a part of about this share, without reviewed samples.

    Raises :class:`UnsuitableData` if a class has too few units.
    """
    labelled = np.intersect1d(within, _labelled(manifest))
    rest, part = next(_parts(manifest, labelled, share, seed))
    rest, part = _with_reviewed(manifest, rest, part, within=within)
    _check(manifest, {"training": rest, "validation": part})
    return rest, part


def _labelled(manifest: Manifest) -> Indices:
    return np.array([n for n, sample in enumerate(manifest.samples) if sample.source != "review"], dtype=np.int64)


def _with_reviewed(
    manifest: Manifest, train: Indices, *others: Indices, within: Indices | None = None
) -> tuple[Indices, ...]:
    """Add the reviewed samples, or those ``within``, to the parts that hold their units, by default to the first."""
    allowed = range(len(manifest.samples)) if within is None else set(within.tolist())
    held = {manifest.samples[index].unit: number for number, part in enumerate(others, 1) for index in part}
    parts = [train.tolist(), *(part.tolist() for part in others)]
    for index, sample in enumerate(manifest.samples):
        if sample.source == "review" and index in allowed:
            parts[held.get(sample.unit, 0)].append(index)
    return tuple(np.array(sorted(part), dtype=np.int64) for part in parts)


def _parts(manifest: Manifest, within: Indices, share: float, seed: int) -> Iterator[tuple[Indices, Indices]]:
    """Divide the indices ``within`` into parts of about this share; yield the rest and the part, for every part."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    labels = np.array([manifest.samples[index].label for index in within])
    units = np.array([manifest.samples[index].unit for index in within])
    fewest = min(len(set(units[labels == name])) for name in manifest.classes)
    if fewest < 2:
        raise UnsuitableData(
            manifest.source,
            f"has too few {_units(manifest)} for separate training, validation and test sets",
            "Every class needs at least three",
        )
    count = min(round(1 / share), fewest)
    # Without groups the plain variant gives the same folds much faster.
    grouped = len(set(units)) < len(units)
    kind: Any = StratifiedGroupKFold if grouped else StratifiedKFold
    cut = kind(count, shuffle=True, random_state=seed)
    for others, part in cut.split(within, labels, units if grouped else None):
        yield within[others], within[part]


def _check(manifest: Manifest, parts: dict[str, Indices]) -> None:
    for part, indices in parts.items():
        present = {manifest.samples[index].label for index in indices}
        if missing := [name for name in manifest.classes if name not in present]:
            raise UnsuitableData(
                manifest.source,
                f"the {part} set would have no image of {', '.join(missing)}",
                f"Add {_units(manifest)} of this class, or leave it out",
            )


def _units(manifest: Manifest) -> str:
    return "groups" if manifest.groups else "different images"
