"""The stage "prepare": crops of every photo's people, and a table of the crops and of what was dropped."""

from __future__ import annotations

import csv
import hashlib
import io
import logging
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from sightline import vision
from sightline.errors import StorageError
from sightline.progress import Progress
from sightline.ranking import DroppedPerson, PreparedPerson, PrepareParameters, Preparer
from sightline.training.common.errors import UnsuitableData
from sightline.training.ranking.dataset import LABELS, LabelledPhoto, RankingData, Split

__all__ = ["PEOPLE", "Crop", "crops_of", "prepare_split", "read_people"]

PEOPLE = "people.csv"

_log = logging.getLogger(__name__)


class Crop(BaseModel):
    """A row of :data:`PEOPLE`: one person in a photo, or a dropped person or photo.

    ``image_path`` is the lower body's file in the stage's folder and ``sha256`` its hash; both are empty if there is
    none, and ``reason`` is a :class:`~sightline.ranking.DropReason` or :class:`~sightline.vision.Reason`. ``person``
    numbers the people in a photo from 1, the most confident first; 0 is the photo itself.
    """

    model_config = ConfigDict(frozen=True)

    label: str
    photo: str
    group: str
    person: int
    image_path: str = ""
    sha256: str = ""
    confidence: float | None = None
    sharpness: float | None = None
    arms_above_head: bool = False
    reason: str = ""
    detail: str = ""


def prepare_split(
    data: RankingData, split: Split, parameters: PrepareParameters, folder: Path, progress: Progress
) -> None:
    """Write ``{upper_body,lower_body}/{label}/{photo}-p{person}.png`` and :data:`PEOPLE` into ``folder``.

    Prepared data have only the lower body, which is decoded and written again. Raises ``UnsuitableData`` if a label has
    no usable lower body, and ``StorageError`` for a photo that cannot be fetched now.
    """
    photos = data.of(split)
    crop = _use_as_is if data.prepared else _Cropper(parameters)
    rows: list[Crop] = []
    with ExitStack() as stack:
        if isinstance(crop, _Cropper):
            stack.callback(crop.close)
        pool = stack.enter_context(ThreadPoolExecutor(os.cpu_count()))
        for done, photo_rows in enumerate(pool.map(lambda photo: _write_crops(photo, crop, folder), photos), start=1):
            rows += photo_rows
            progress(done / len(photos))
    _check(data, split, rows)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(Crop.model_fields), lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.model_dump() for row in rows)
    (folder / PEOPLE).write_bytes(text.getvalue().encode())


def read_people(folder: Path) -> list[Crop]:
    """Read the rows that :func:`prepare_split` wrote."""
    rows = csv.DictReader(io.StringIO((folder / PEOPLE).read_text(encoding="utf-8"), newline=""))
    return [Crop(**{name: value for name, value in row.items() if value != ""}) for row in rows]


def crops_of(folder: Path) -> list[Crop]:
    """Read the rows that have a lower body."""
    return [crop for crop in read_people(folder) if crop.image_path]


class _CropResult(NamedTuple):
    row: Crop
    parts: dict[str, NDArray[np.uint8]]


_Crop = Callable[[LabelledPhoto, NDArray[np.uint8]], Iterator[_CropResult]]


class _Cropper:
    """Crops the people of photos; every thread loads its own pose models."""

    def __init__(self, parameters: PrepareParameters) -> None:
        self._parameters = parameters
        self._local = threading.local()
        self._all: list[Preparer] = []

    def __call__(self, photo: LabelledPhoto, rgb: NDArray[np.uint8]) -> Iterator[_CropResult]:
        preparer: Preparer | None = getattr(self._local, "preparer", None)
        if preparer is None:
            preparer = self._local.preparer = Preparer()
            self._all.append(preparer)
        prepared = preparer.prepare(rgb, self._parameters)
        for number, person in enumerate(prepared.people, start=1):
            yield _person(photo, number, person)
        for dropped in prepared.dropped:
            yield _CropResult(_dropped(photo, 0, dropped), {})

    def close(self) -> None:
        for preparer in self._all:
            preparer.close()


def _use_as_is(photo: LabelledPhoto, rgb: NDArray[np.uint8]) -> Iterator[_CropResult]:
    """Yield an image that already is a lower body."""
    row = Crop(label=photo.label, photo=photo.name, group=photo.group, person=1)
    yield _CropResult(row, {"lower_body": rgb})


def _person(photo: LabelledPhoto, number: int, person: PreparedPerson) -> _CropResult:
    if person.without_lower_body:
        return _CropResult(_dropped(photo, number, person.without_lower_body), {"upper_body": person.upper_body})
    assert person.lower_body is not None  # noqa: S101, without_lower_body is set otherwise
    row = Crop(
        label=photo.label,
        photo=photo.name,
        group=photo.group,
        person=number,
        confidence=person.confidence,
        sharpness=person.sharpness,
        arms_above_head=person.arms_above_head,
    )
    return _CropResult(row, {"upper_body": person.upper_body, "lower_body": person.lower_body})


def _dropped(photo: LabelledPhoto, number: int, dropped: DroppedPerson) -> Crop:
    return Crop(
        label=photo.label,
        photo=photo.name,
        group=photo.group,
        person=number,
        confidence=dropped.confidence,
        sharpness=dropped.sharpness,
        reason=dropped.reason,
        detail=dropped.detail,
    )


def _write_crops(photo: LabelledPhoto, crop: _Crop, folder: Path) -> list[Crop]:
    try:
        decoded = vision.decode(photo.read(), None, vision.Limits())
    except vision.Rejected as error:
        if error.reason in vision.TRANSIENT:
            raise StorageError(f"{photo.uri}: {error.detail}") from error
        row = Crop(label=photo.label, photo=photo.name, group=photo.group, person=0)
        return [row.model_copy(update={"reason": str(error.reason), "detail": error.detail})]
    if decoded.warnings:
        _log.warning("%s: %s", photo.uri, "; ".join(decoded.warnings))
    return [_save(photo, result, folder) for result in crop(photo, decoded.pixels)]


def _save(photo: LabelledPhoto, result: _CropResult, folder: Path) -> Crop:
    from PIL import Image

    row = result.row
    for part, pixels in result.parts.items():
        # The name includes the photo's suffix: runner.jpg and runner.png must not collide.
        path = f"{part}/{photo.label}/{photo.name}-p{row.person}.png"
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(file.getvalue())
        if part == "lower_body":
            row = row.model_copy(update={"image_path": path, "sha256": hashlib.sha256(file.getvalue()).hexdigest()})
    return row


def _check(data: RankingData, split: Split, rows: list[Crop]) -> None:
    for label in LABELS:
        of_label = [row for row in rows if row.label == label]
        if not any(row.image_path for row in of_label):
            reasons = ", ".join(
                f"{reason} {count}" for reason, count in Counter(row.reason for row in of_label).items()
            )
            raise UnsuitableData(
                data.uri,
                f"no image in {split}/{label} shows a usable lower body: {reasons}",
                "Add photos that show runners from head to foot, or lower min_confidence or blur_threshold",
            )
