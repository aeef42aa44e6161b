"""What a model is trained on: every picture with its class and group, and every picture that could not be used."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Literal

from pydantic import BaseModel, ConfigDict

from sightline.training.common.errors import UnsuitableData
from sightline.training.common.manifest import COLUMNS, csv_bytes, hash_of_samples
from sightline.training.images.preset import Labels

__all__ = ["UNUSABLE", "ClassTable", "Classes", "Manifest", "Sample", "Unusable"]

UNUSABLE = "unusable.csv"
"""The name of the list of the pictures that were left out, where there are any."""

Classes = Sequence[str] | Literal["all"] | None


class Sample(BaseModel):
    """A picture to train or to test on.

    ``group`` is what its name says it belongs to, a person say. ``unit`` is equal for the samples that must stay on
    one side of every split: those of one group, of the same content or near duplicates. ``source`` is ``review`` where
    a person's answer is the label.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    uri: str
    sha256: str
    label: str
    group: str | None
    unit: int
    source: Literal["data", "review"] = "data"


class Unusable(BaseModel):
    """A picture that is left out, and why."""

    model_config = ConfigDict(frozen=True)

    name: str
    uri: str
    reason: str


class Manifest(BaseModel):
    """The labelled pictures of one source, in its order. ``absent``: classes of the preset that it has none of."""

    model_config = ConfigDict(frozen=True)

    source: str
    classes: tuple[str, ...]
    absent: tuple[str, ...]
    samples: tuple[Sample, ...]
    unusable: tuple[Unusable, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many pictures each class has."""
        found = Counter(sample.label for sample in self.samples)
        return {name: found[name] for name in self.classes}

    @property
    def synthetic(self) -> bool:
        """Whether any of the pictures was made up: those have "synthetic" in their names."""
        return any("synthetic" in sample.name.casefold() for sample in self.samples)

    @property
    def reviewed(self) -> int:
        """How many have a person's answer for their label."""
        return sum(sample.source == "review" for sample in self.samples)

    @property
    def groups(self) -> int | None:
        """How many groups the names tell of; None where they tell of none."""
        return len({sample.group for sample in self.samples if sample.group is not None}) or None

    @cached_property
    def sha256(self) -> str:
        """The data's version: the same pictures with the same labels have the same, wherever and in whatever order."""
        return self.sha256_of(range(len(self.samples)))

    def sha256_of(self, part: Iterable[int]) -> str:
        """The version of a part, the samples at these places."""
        return hash_of_samples((self.samples[place].sha256, self.samples[place].label) for place in part)

    def check(self, minimum: int) -> None:
        """Raise :class:`UnsuitableData` unless there are two classes of at least ``minimum`` pictures each."""
        left_out = f"{len(self.unusable)} others could not be used" if self.unusable else ""
        if self.unusable:
            left_out += f", the first of them {self.unusable[0].name}: {self.unusable[0].reason}"
        if len(self.classes) < 2:
            found = ", ".join(f"{count} of {name}" for name, count in self.counts.items()) or "no labelled picture"
            raise UnsuitableData(
                self.source, f"has {found}; a classifier needs two classes", left_out or "Add pictures of another class"
            )
        few = [f"{name} has {count}" for name, count in self.counts.items() if count < minimum]
        if few:
            raise UnsuitableData(
                self.source,
                f"every class needs at least {minimum} pictures, and {', '.join(few)}",
                left_out or "Add pictures, or leave the class out",
            )

    def csv(self, parts: Mapping[str, Iterable[int]]) -> bytes:
        """One row a sample with the part it is in, as CSV. Names alone, no places: it goes along with the model."""
        part_of = {place: part for part, places in parts.items() for place in places}
        rows = (
            (each.sha256, each.label, each.group or "", part_of[place], each.name, each.source)
            for place, each in enumerate(self.samples)
        )
        return csv_bytes([COLUMNS, *rows])

    def unusable_csv(self) -> bytes:
        """One row a picture that was left out, with the reason, as CSV."""
        return csv_bytes([("name", "reason"), *((each.name, each.reason) for each in self.unusable)])


class ClassTable:
    """Finds a picture's class and group in its name."""

    def __init__(self, labels: Labels, classes: Classes = None) -> None:
        self._label = re.compile(labels.label, re.IGNORECASE)
        self._group = re.compile(labels.group, re.IGNORECASE) if labels.group else None
        self._class_of = {label.casefold(): name for name, listed in labels.classes.items() for label in listed}
        self._known = tuple(labels.classes)
        self._asked = classes

    def label(self, name: str) -> str | None:
        """The label in a picture's name, in lower case; None where there is none."""
        found = self._label.search(name)
        return found[1].casefold() if found else None

    def group(self, name: str) -> str | None:
        """The group in a picture's name, in lower case; None where there is none."""
        found = self._group.search(name) if self._group else None
        return found[1].casefold() if found else None

    def class_of(self, label: str) -> str | None:
        """The class that a label stands for; None for one that is not asked for.

        Where every class is asked for, or this one by name, a label that the preset does not know is a class itself.
        """
        name = self._class_of.get(label, label)
        asked = self._known if self._asked is None else self._asked
        return name if asked == "all" or name in asked else None

    def known(self, name: str) -> str | None:
        """A class by its own name, as people give it; None for one that is not asked for."""
        if self._asked == "all":
            return name
        return name if name in (self._known if self._asked is None else self._asked) else None

    def order(self, found: Iterable[str]) -> tuple[str, ...]:
        """The classes of a model: the found ones, in the order asked for or the preset's, else by name."""
        present = set(found)
        if self._asked == "all":
            return tuple(sorted(present))
        listed = self._known if self._asked is None else tuple(self._asked)
        return tuple(name for name in listed if name in present or self._asked is not None)
