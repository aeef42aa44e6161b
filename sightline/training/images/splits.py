"""Three separate sets, and folds: stratified by class, with no unit of the manifest on two sides.

What people have answered about is what a model was unsure of, and would make a test harder than the pictures it is to
stand for: it trains, save where its unit holds it to another side. So the test set is the same with it and without.
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

__all__ = ["Splits", "folds", "split"]

Places = NDArray[np.int64]


@dataclass(frozen=True)
class Splits:
    """Places in the manifest's samples, ascending. Nothing that is chosen or fitted has seen ``test``."""

    train: Places
    validation: Places
    test: Places

    @property
    def parts(self) -> dict[str, Places]:
        """The three by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


def split(manifest: Manifest, shares: Shares, seed: int) -> Splits:
    """Split the samples by ``shares``, as nearly as the units allow; the same seed gives the same split.

    Raises :class:`UnsuitableData` where there are too few units for every class to be in each of the three.
    """
    rest, test = next(_parts(manifest, _labelled(manifest), shares.test, seed))
    train, validation = next(_parts(manifest, rest, shares.validation / (1 - shares.test), seed))
    train, validation, test = _with_reviewed(manifest, train, validation, test)
    made = Splits(train, validation, test)
    _check(manifest, made.parts)
    return made


def folds(manifest: Manifest, count: int, seed: int) -> list[tuple[Places, Places]]:
    """``count`` pairs of places to train and to test on; each labelled sample is tested on once.

    Raises :class:`UnsuitableData` where a class has fewer units than that.
    """
    made = []
    for pair in _parts(manifest, _labelled(manifest), 1 / count, seed):
        train, test = _with_reviewed(manifest, *pair)
        made.append((train, test))
    if len(made) != count:
        raise UnsuitableData(
            manifest.source,
            f"{count} folds need as many {_units(manifest)} of every class, and one class has {len(made)}",
            "Ask for fewer folds, or add data",
        )
    for number, (train, test) in enumerate(made):
        _check(manifest, {f"fold {number}": train, f"fold {number}'s test part": test})
    return made


def _labelled(manifest: Manifest) -> Places:
    return np.array([n for n, sample in enumerate(manifest.samples) if sample.source != "review"], dtype=np.int64)


def _with_reviewed(manifest: Manifest, train: Places, *others: Places) -> tuple[Places, ...]:
    """The parts with the reviewed samples: each where its unit is, else to train on."""
    held = {manifest.samples[place].unit: number for number, part in enumerate(others, 1) for place in part}
    parts = [train.tolist(), *(part.tolist() for part in others)]
    for place, sample in enumerate(manifest.samples):
        if sample.source == "review":
            parts[held.get(sample.unit, 0)].append(place)
    return tuple(np.array(sorted(part), dtype=np.int64) for part in parts)


def _parts(manifest: Manifest, within: Places, share: float, seed: int) -> Iterator[tuple[Places, Places]]:
    """Cut the places ``within`` into parts of about this share each; gives each part's others and itself."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    labels = np.array([manifest.samples[place].label for place in within])
    units = np.array([manifest.samples[place].unit for place in within])
    fewest = min(len(set(units[labels == name])) for name in manifest.classes)
    if fewest < 2:
        raise UnsuitableData(
            manifest.source,
            f"has too few {_units(manifest)} to train, to validate and to test on different ones",
            "Every class needs at least three",
        )
    count = min(round(1 / share), fewest)
    # Without groups the plain one gives the same, much faster.
    grouped = len(set(units)) < len(units)
    kind: Any = StratifiedGroupKFold if grouped else StratifiedKFold
    cut = kind(count, shuffle=True, random_state=seed)
    for others, part in cut.split(within, labels, units if grouped else None):
        yield within[others], within[part]


def _check(manifest: Manifest, parts: dict[str, Places]) -> None:
    for part, places in parts.items():
        present = {manifest.samples[place].label for place in places}
        if missing := [name for name in manifest.classes if name not in present]:
            raise UnsuitableData(
                manifest.source,
                f"the {part} set would have no picture of {', '.join(missing)}",
                f"Add {_units(manifest)} of it, or leave the class out",
            )


def _units(manifest: Manifest) -> str:
    return "groups" if manifest.groups else "different pictures"
