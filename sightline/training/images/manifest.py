"""The manifest of training data: every image with its class and group, and every unusable image."""

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
"""The name of the list of unusable images, among the files of a model's version; written only if there are any."""

Classes = Sequence[str] | Literal["all"] | None


class Sample(BaseModel):
    """An image for training or testing.

    ``group`` comes from its name, for example a person. ``unit`` is equal for the samples that must stay on one side of
    every split: those of one group, with the same content, or near duplicates. ``source`` is ``review`` if the label is
    an answer from a person.
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
    """An image that is left out, and the reason."""

    model_config = ConfigDict(frozen=True)

    name: str
    uri: str
    reason: str


class Manifest(BaseModel):
    """The labelled images of one source, in its order. ``absent``: the classes of the preset without images."""

    model_config = ConfigDict(frozen=True)

    source: str
    classes: tuple[str, ...]
    absent: tuple[str, ...]
    samples: tuple[Sample, ...]
    unusable: tuple[Unusable, ...]

    @property
    def counts(self) -> dict[str, int]:
        """The number of images of every class."""
        numbers = Counter(sample.label for sample in self.samples)
        return {name: numbers[name] for name in self.classes}

    @property
    def synthetic(self) -> bool:
        """Whether any of the images is synthetic: their names contain "synthetic"."""
        return any("synthetic" in sample.name.casefold() for sample in self.samples)

    @property
    def reviewed(self) -> int:
        """The number of samples whose label is an answer from a person."""
        return sum(sample.source == "review" for sample in self.samples)

    @property
    def groups(self) -> int | None:
        """The number of groups in the names; None if the names contain no groups."""
        return len({sample.group for sample in self.samples if sample.group is not None}) or None

    @cached_property
    def sha256(self) -> str:
        """The data version: equal for the same images with the same labels, wherever they are and in any order."""
        return self.sha256_of(range(len(self.samples)))

    def sha256_of(self, part: Iterable[int]) -> str:
        """Return the data version of the samples with these indices."""
        return hash_of_samples((self.samples[index].sha256, self.samples[index].label) for index in part)

    def check(self, minimum: int) -> None:
        """Raise :class:`UnsuitableData` unless there are two classes of at least ``minimum`` images each."""
        left_out = f"{len(self.unusable)} others could not be used" if self.unusable else ""
        if self.unusable:
            left_out += f", the first one is {self.unusable[0].name}: {self.unusable[0].reason}"
        if len(self.classes) < 2:
            present = ", ".join(f"{count} of {name}" for name, count in self.counts.items()) or "no labelled image"
            raise UnsuitableData(
                self.source,
                f"has {present}; a classifier needs two classes",
                left_out
                or "Add images of another class: in one folder per class, or with names that begin with the class",
            )
        few = [f"{name} has {count}" for name, count in self.counts.items() if count < minimum]
        if few:
            raise UnsuitableData(
                self.source,
                f"every class needs at least {minimum} images, and {', '.join(few)}",
                left_out or "Add images, or leave the class out",
            )

    def csv(self, parts: Mapping[str, Iterable[int]]) -> bytes:
        """Return one row per sample with its part, as CSV.

        The rows contain names but no URIs, because they are published with the model.
        """
        part_of = {index: part for part, indices in parts.items() for index in indices}
        rows = (
            (sample.sha256, sample.label, sample.group or "", part_of[index], sample.name, sample.source)
            for index, sample in enumerate(self.samples)
        )
        return csv_bytes([COLUMNS, *rows])

    def unusable_csv(self) -> bytes:
        """Return one row per unusable image with the reason, as CSV."""
        return csv_bytes([("name", "reason"), *((image.name, image.reason) for image in self.unusable)])


class ClassTable:
    """Extracts the class and the group of an image from its name."""

    def __init__(self, labels: Labels, classes: Classes = None) -> None:
        self._label = re.compile(labels.label, re.IGNORECASE)
        self._group = re.compile(labels.group, re.IGNORECASE) if labels.group else None
        self._class_of = {label.casefold(): name for name, listed in labels.classes.items() for label in listed}
        self._known = tuple(labels.classes)
        self._requested = classes
        names = () if classes is None or classes == "all" else classes
        self._requested_by_label = {name.casefold(): name for name in names}

    @property
    def takes_all(self) -> bool:
        """Whether every label is a class: they are requested, or the preset names none."""
        return self._requested == "all" or (self._requested is None and not self._known)

    def is_known(self, label: str) -> bool:
        """Return whether the preset names the label, or the request the class."""
        return label in self._class_of or label in self._requested_by_label

    def label(self, name: str) -> str | None:
        """Return the label in an image's name, in lower case; None if there is none."""
        match = self._label.search(name)
        return match[1].casefold() if match else None

    def group(self, name: str) -> str | None:
        """Return the group in an image's name, in lower case; None if there is none."""
        match = self._group.search(name) if self._group else None
        return match[1].casefold() if match else None

    def class_of(self, label: str) -> str | None:
        """Return the class of a label; None for a class that was not requested.

        If every class is requested, or this one by name, a label that the preset does not know is a class itself.
        """
        name = self._class_of.get(label, label)
        name = self._requested_by_label.get(name.casefold(), name)
        return name if self.takes_all or name in (self._requested or self._known) else None

    def known(self, name: str) -> str | None:
        """Return the class that an answer names; None for a class that was not requested."""
        return name if self.takes_all or name in (self._requested or self._known) else None

    def order(self, labels: Iterable[str]) -> tuple[str, ...]:
        """Return the classes of a model that occur, in the requested or the preset's order, otherwise by name."""
        present = set(labels)
        if self.takes_all:
            return tuple(sorted(present))
        listed = self._known if self._requested is None else tuple(self._requested)
        return tuple(name for name in listed if name in present or self._requested is not None)
