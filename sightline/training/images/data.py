"""Labelled images, read once, validated, hashed, and decoded for a model's input."""

from __future__ import annotations

import hashlib
import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sightline import vision
from sightline.errors import StorageError
from sightline.progress import Progress
from sightline.registry import ImageInput
from sightline.training.common.duplicates import near_duplicates, units_of
from sightline.training.common.errors import UnsuitableData
from sightline.training.images.layout import Label, labels_of
from sightline.training.images.manifest import Classes, ClassTable, Manifest, Sample, Unusable
from sightline.training.images.preset import Preset
from sightline.vision.labelled import ImageSource, LabelledImage

__all__ = ["TrainingData", "read_training_data"]

_log = logging.getLogger(__name__)

_READERS = 8
_AHEAD = 256  # images that are read ahead


@dataclass(frozen=True)
class TrainingData:
    """Decoded labelled images.

    ``pixels``, uint8, shape = (n, height, width, 3), are in a file, not in memory. ``reviews``: the provenance of the
    answers from people among the labels, for the model's record.
    """

    manifest: Manifest
    source: ImageSource
    input: ImageInput
    pixels: NDArray[np.uint8]
    reviews: Mapping[str, Any] | None = None

    @property
    def labels(self) -> NDArray[np.int64]:
        """The index of every sample's class in the manifest's classes."""
        index = {name: number for number, name in enumerate(self.manifest.classes)}
        return np.array([index[sample.label] for sample in self.manifest.samples], dtype=np.int64)

    def read(self, part: Sequence[int], size: ImageInput) -> NDArray[np.uint8]:
        """Decode the samples with these indices for another model's input, shape = (n, height, width, 3)."""
        if size == self.input:
            return np.asarray(self.pixels[list(part)])
        images = {image.uri: image for image in self.source.images}
        pixels = np.empty((len(part), size.height, size.width, 3), np.uint8)
        for row, index in enumerate(part):
            image = images[self.manifest.samples[index].uri]
            try:
                pixels[row] = _decode(image.uri, image.read(), size)
            except vision.Rejected as error:
                raise UnsuitableData(image.uri, f"was readable at first, but not any more: {error}") from error
        return pixels


class _Read(NamedTuple):
    image: LabelledImage
    label: str
    sha256: str


def read_training_data(
    source: ImageSource,
    preset: Preset,
    size: ImageInput,
    folder: Path,
    *,
    classes: Classes = None,
    minimum: int | None = None,
    progress: Progress | None = None,
) -> TrainingData:
    """Read every image of ``source``, and write the pixels into a file in ``folder``, which the result keeps open.

    ``classes``: classes of the preset or labels; ``"all"``: every label; None: the classes of the preset that have
    images. The manifest lists the images that have no class or cannot be decoded. Raises :class:`UnsuitableData` if
    there are fewer than two classes, or if a class has fewer than ``minimum`` images, by default the preset's. Raises
    ``StorageError`` after a transient error: the training data must not depend on the state of the network.
    """
    table = ClassTable(preset.labels, classes)
    total = max(1, len(source.images))
    pixels = np.lib.format.open_memmap(  # type: ignore[no-untyped-call]
        folder / "pixels.npy", mode="w+", dtype=np.uint8, shape=(total, size.height, size.width, 3)
    )
    rows: list[_Read] = []
    unusable: list[Unusable] = []
    labels = labels_of(source.images, table, source.uri)
    for done, (row, decoded) in enumerate(_read_all(source.images, labels, table, size), start=1):
        if isinstance(row, Unusable):
            unusable.append(row)
        else:
            pixels[len(rows)] = decoded
            rows.append(row)
        if progress:
            progress(done / total)
    usable = _consistent(rows, unusable)
    for number, index in enumerate(usable):  # in ascending order: no row is overwritten before it is moved
        pixels[number] = pixels[index]
    pixels = pixels[: len(usable)]
    samples = _samples([rows[index] for index in usable], table, pixels, preset.near_duplicates)
    order = table.order(sample.label for sample in samples)
    manifest = Manifest(
        source=source.uri,
        classes=order,
        absent=tuple(name for name in preset.classes if name not in order) if classes is None else (),
        samples=samples,
        unusable=tuple(unusable),
    )
    manifest.check(preset.minimum if minimum is None else minimum)
    return TrainingData(manifest, source, size, pixels)


def _read_all(
    images: Sequence[LabelledImage], labels: Sequence[Label], table: ClassTable, size: ImageInput
) -> Iterator[tuple[_Read | Unusable, NDArray[np.uint8] | None]]:
    with ThreadPoolExecutor(_READERS) as pool:
        for start in range(0, len(images), _AHEAD):
            block = slice(start, start + _AHEAD)
            yield from pool.map(lambda image, label: _read(image, label, table, size), images[block], labels[block])


def _read(
    image: LabelledImage, found: Label, table: ClassTable, size: ImageInput
) -> tuple[_Read | Unusable, NDArray[np.uint8] | None]:
    label = found.value if image.answer is None else image.answer
    if label is None:
        return _unusable(image, found.reason), None
    name = table.class_of(label) if image.answer is None else table.known(label)
    if name is None:
        return _unusable(image, f"its label {label} belongs to none of the classes"), None
    try:
        data = image.read()
        return _Read(image, name, hashlib.sha256(data).hexdigest()), _decode(image.uri, data, size)
    except vision.Rejected as error:
        if error.reason in vision.TRANSIENT:
            raise StorageError(f"{image.uri}: {error.detail}") from error
        return _unusable(image, str(error)), None


def _decode(uri: str, data: bytes, size: ImageInput) -> NDArray[np.uint8]:
    decoded = vision.decode(data, size, vision.Limits())
    if decoded.warnings:
        _log.warning("%s: %s", uri, "; ".join(decoded.warnings))
    return decoded.pixels


def _consistent(rows: Sequence[_Read], unusable: list[Unusable]) -> list[int]:
    """Return the indices of the usable images, and add the others to ``unusable``.

    An image is unusable if the same content has two classes, or if it has an answer and a labelled image has the same
    content.
    """
    labels: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        labels[row.sha256].add(row.label)
    labelled = {row.sha256 for row in rows if row.image.answer is None}
    usable = []
    for index, row in enumerate(rows):
        if len(names := labels[row.sha256]) > 1:
            unusable.append(_unusable(row.image, f"the same image has the labels {' and '.join(sorted(names))}"))
        elif row.image.answer is not None and row.sha256 in labelled:
            unusable.append(_unusable(row.image, "a labelled image with the same content has the same class"))
        else:
            usable.append(index)
    return usable


def _samples(
    rows: Sequence[_Read], table: ClassTable, pixels: NDArray[np.uint8], correlation: float | None
) -> tuple[Sample, ...]:
    groups = [row.image.group or table.group(row.image.name) for row in rows]
    keys = [
        [("sha256", row.sha256)] + ([("group", group)] if group is not None else [])
        for row, group in zip(rows, groups, strict=True)
    ]
    labels = [row.label for row in rows]
    units = units_of(keys, near_duplicates(pixels, labels, correlation) if correlation is not None else ())
    return tuple(
        Sample(
            name=row.image.name,
            uri=row.image.uri,
            sha256=row.sha256,
            label=row.label,
            group=group,
            unit=int(unit),
            source="data" if row.image.answer is None else "review",
        )
        for row, group, unit in zip(rows, groups, units, strict=True)
    )


def _unusable(image: LabelledImage, reason: str) -> Unusable:
    return Unusable(name=image.name, uri=image.uri, reason=reason)
