"""Reading labelled pictures: each file once, checked, hashed and decoded to what the model takes."""

from __future__ import annotations

import hashlib
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
from sightline.training.images.manifest import Classes, ClassTable, Manifest, Sample, Unusable
from sightline.training.images.preset import Preset
from sightline.vision.labelled import ImageSource, LabelledImage

__all__ = ["TrainingData", "read_training_data"]

_READERS = 8
_AHEAD = 256  # pictures that are read before the first of them is taken


@dataclass(frozen=True)
class TrainingData:
    """Labelled pictures, decoded. ``pixels``, uint8, shape = (n, height, width, 3), lie in a file, not in memory."""

    manifest: Manifest
    source: ImageSource
    input: ImageInput
    pixels: NDArray[np.uint8]
    reviews: Mapping[str, Any] | None = None

    @property
    def labels(self) -> NDArray[np.int64]:
        """The place of each sample's class in the manifest's classes."""
        place = {name: number for number, name in enumerate(self.manifest.classes)}
        return np.array([place[sample.label] for sample in self.manifest.samples], dtype=np.int64)

    def read(self, part: Sequence[int], size: ImageInput) -> NDArray[np.uint8]:
        """The samples at these places, decoded for another model's input, shape = (n, height, width, 3)."""
        if size == self.input:
            return np.asarray(self.pixels[list(part)])
        pictures = {picture.uri: picture for picture in self.source.images}
        pixels = np.empty((len(part), size.height, size.width, 3), np.uint8)
        for row, place in enumerate(part):
            picture = pictures[self.manifest.samples[place].uri]
            try:
                pixels[row] = _decode(picture.read(), size)
            except vision.Rejected as error:
                raise UnsuitableData(picture.uri, f"could be read at first, and now: {error}") from error
        return pixels


class _Read(NamedTuple):
    picture: LabelledImage
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
    """Read every picture of ``source``, with its pixels in a file in ``folder`` that the result goes on using.

    ``classes``: those to tell apart, of the preset or labels themselves; ``"all"`` is every label there is, and None
    the preset's classes of which there are pictures. What has no class or cannot be decoded is listed in the manifest.
    Raises :class:`UnsuitableData` for fewer than two classes or for one with less than ``minimum`` pictures, the
    preset's by default, and ``StorageError`` where a picture cannot be fetched now and perhaps can be later: what a
    model learns from must not hang on the network's mood.
    """
    table = ClassTable(preset.labels, classes)
    room = max(1, len(source.images))
    pixels = np.lib.format.open_memmap(  # type: ignore[no-untyped-call]
        folder / "pixels.npy", mode="w+", dtype=np.uint8, shape=(room, size.height, size.width, 3)
    )
    found: list[_Read] = []
    unusable: list[Unusable] = []
    for done, (each, picture) in enumerate(_read_all(source.images, table, size), start=1):
        if isinstance(each, Unusable):
            unusable.append(each)
        else:
            pixels[len(found)] = picture
            found.append(each)
        if progress:
            progress(done / room)
    kept = _consistent(found, unusable)
    for row, place in enumerate(kept):  # in ascending order: no row is overwritten before it is moved
        pixels[row] = pixels[place]
    pixels = pixels[: len(kept)]
    samples = _samples([found[place] for place in kept], table, pixels, preset.near_duplicates)
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
    pictures: Sequence[LabelledImage], table: ClassTable, size: ImageInput
) -> Iterator[tuple[_Read | Unusable, NDArray[np.uint8] | None]]:
    with ThreadPoolExecutor(_READERS) as pool:
        for start in range(0, len(pictures), _AHEAD):
            yield from pool.map(lambda picture: _read(picture, table, size), pictures[start : start + _AHEAD])


def _read(
    picture: LabelledImage, table: ClassTable, size: ImageInput
) -> tuple[_Read | Unusable, NDArray[np.uint8] | None]:
    label = table.label(picture.name) if picture.answer is None else picture.answer
    if label is None:
        return _unusable(picture, "its name does not begin with a label"), None
    name = table.class_of(label) if picture.answer is None else table.known(label)
    if name is None:
        return _unusable(picture, f"its label {label} is of none of the classes"), None
    try:
        data = picture.read()
        return _Read(picture, name, hashlib.sha256(data).hexdigest()), _decode(data, size)
    except vision.Rejected as error:
        if error.reason in vision.TRANSIENT:
            raise StorageError(f"{picture.uri}: {error.detail}") from error
        return _unusable(picture, str(error)), None


def _decode(data: bytes, size: ImageInput) -> NDArray[np.uint8]:
    return vision.decode(data, size, vision.Limits()).pixels


def _consistent(found: Sequence[_Read], unusable: list[Unusable]) -> list[int]:
    """The places of what was read, save pictures that stand under two classes: those are added to ``unusable``.

    So is one that people have answered about and that is among the labelled ones.
    """
    labels: defaultdict[str, set[str]] = defaultdict(set)
    for each in found:
        labels[each.sha256].add(each.label)
    labelled = {each.sha256 for each in found if each.picture.answer is None}
    kept = []
    for place, each in enumerate(found):
        if len(under := labels[each.sha256]) > 1:
            unusable.append(_unusable(each.picture, f"the same picture stands under {' and '.join(sorted(under))}"))
        elif each.picture.answer is not None and each.sha256 in labelled:
            unusable.append(_unusable(each.picture, "its answer is that of the same picture's label"))
        else:
            kept.append(place)
    return kept


def _samples(
    found: Sequence[_Read], table: ClassTable, pixels: NDArray[np.uint8], correlation: float | None
) -> tuple[Sample, ...]:
    groups = [table.group(each.picture.name) for each in found]
    keys = [
        [("sha256", each.sha256)] + ([("group", group)] if group is not None else [])
        for each, group in zip(found, groups, strict=True)
    ]
    labels = [each.label for each in found]
    units = units_of(keys, near_duplicates(pixels, labels, correlation) if correlation is not None else ())
    return tuple(
        Sample(
            name=each.picture.name,
            uri=each.picture.uri,
            sha256=each.sha256,
            label=each.label,
            group=group,
            unit=int(unit),
            source="data" if each.picture.answer is None else "review",
        )
        for each, group, unit in zip(found, groups, units, strict=True)
    )


def _unusable(picture: LabelledImage, reason: str) -> Unusable:
    return Unusable(name=picture.name, uri=picture.uri, reason=reason)
