"""The label of every image of a source: from its folder, if there is one folder per class, or from its name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sightline.training.common.errors import UnsuitableData
from sightline.training.images.manifest import ClassTable
from sightline.vision.labelled import LabelledImage

__all__ = ["Label", "labels_of"]

_PARTS = frozenset({"train", "training", "val", "valid", "validation", "dev", "test", "testing", "eval", "evaluate"})
"""Folders that divide a data set; the classes are below them."""

# Cameras: JEITA CP-3461 (DCF) leaves the first four characters of a name to the maker.
_CAMERAS = "cimg dcim dji dsc dscf dscn gh gopr gx hpim imag img kimg mg mov mvi mvimg p pano pict pxl sam vid wp"
_PROGRAMS = (
    "capture copy download fb_img file frame image images photo pic picture received scan screen screenshot "
    "screen_shot signal snap snapshot unnamed untitled video whatsapp whatsapp_image win"
)
_NEUTRAL = frozenset(f"{_CAMERAS} {_PROGRAMS}".split())
"""Beginnings of names that cameras and programs choose, which say nothing about the image."""


class Label(NamedTuple):
    """The label of an image in lower case; None with the ``reason`` if it has none."""

    value: str | None
    reason: str = ""


def labels_of(images: Sequence[LabelledImage], table: ClassTable, source: str) -> list[Label]:
    """Return the label of every image that has no answer from a person.

    If the classes are known, one of them must be the name of a folder of the image, or the label in its name. If every
    label is a class, there is either one folder per class, or a label in every name. Raises :class:`UnsuitableData` if
    neither is clear. Images whose labels a table states keep these.
    """
    if any(image.label is not None for image in images):
        return [Label(image.label) for image in images]
    if not table.takes_all:
        return [_known_label(image, table) for image in images]
    labelled = [image for image in images if image.answer is None]
    names = [_name_label(image, table) for image in labelled]
    if all(name.value is not None and table.is_known(name.value) for name in names):
        return [_name_label(image, table) for image in images]
    level = 1 if all(image.folders and image.folders[0].casefold() in _PARTS for image in labelled) else 0
    folders = [image.folders[level].casefold() if len(image.folders) > level else None for image in labelled]
    if None in folders or len(set(folders)) < 2:
        return [_name_label(image, table) for image in images]
    _check_clear(names, folders, source)
    return [Label(image.folders[level].casefold() if image.answer is None else None) for image in images]


def _known_label(image: LabelledImage, table: ClassTable) -> Label:
    label = table.label(image.name)
    found = dict(_classes(image, label, table))
    if len(set(found.values())) > 1:
        return Label(None, f"its folder and its name contradict each other: {' and '.join(found)}")
    if found:
        return Label(next(iter(found)))
    if label is None:
        return Label(None, "its name does not contain a label, and none of its folders is a class")
    return Label(label)


def _classes(image: LabelledImage, label: str | None, table: ClassTable) -> Iterator[tuple[str, str]]:
    """Yield every label of the image that belongs to a class, with the class."""
    for candidate in (*image.folders, label):
        if candidate is not None and (name := table.class_of(candidate.casefold())) is not None:
            yield candidate.casefold(), name


def _name_label(image: LabelledImage, table: ClassTable) -> Label:
    label = table.label(image.name)
    if label is None:
        return Label(None, "its name does not contain a label")
    if label.strip("_-") in _NEUTRAL and not table.is_known(label):
        return Label(None, f"its name begins with {label}, as cameras and programs name files; that is not a class")
    return Label(label)


def _check_clear(names: Sequence[Label], folders: Sequence[str | None], source: str) -> None:
    """Raise :class:`UnsuitableData` if the names divide the images in another way than the folders."""
    folders_of = defaultdict(set)
    for name, folder in zip(names, folders, strict=True):
        if name.value is not None:
            folders_of[name.value].add(folder)
    across = sorted(name for name, found in folders_of.items() if len(found) > 1)
    if len(folders_of) > 1 and across:
        raise UnsuitableData(
            source,
            f"its classes are unclear: there are folders like {min(filter(None, folders))}, and images whose names "
            f"begin with {across[0]} are in {len(folders_of[across[0]])} of them",
            "Name the classes with --classes, or put the images into one folder per class",
        )
