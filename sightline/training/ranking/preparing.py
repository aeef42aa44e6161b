"""The stage "prepare": every photo's people as files, and a table of them and of all that was dropped."""

from __future__ import annotations

import csv
import hashlib
import io
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
from sightline.ranking import DroppedPerson, PreparedPerson, PrepareParameters, Preparer
from sightline.training.data import Progress
from sightline.training.errors import UnsuitableData
from sightline.training.ranking.dataset import LABELS, Photo, RankingData, Split

__all__ = ["PEOPLE", "Crop", "crops_of", "prepare_split", "read_people"]

PEOPLE = "people.csv"


class Crop(BaseModel):
    """A row of :data:`PEOPLE`: one person of a photo, or what was dropped.

    ``image_path`` is the lower body's file in the stage's folder and ``sha256`` its hash, both empty where there is
    none; ``reason`` says why, as :class:`~sightline.ranking.DropReason` or :class:`~sightline.vision.Reason` has it.
    ``person`` counts the people of a photo from 1, the surest first; 0 is the photo itself.
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

    Of prepared data there is only the lower body, decoded and written again. Raises ``UnsuitableData`` where a label
    is left without any, and ``StorageError`` for a photo that cannot be fetched now.
    """
    photos = data.of(split)
    crop = _take if data.prepared else _Cropping(parameters)
    rows: list[Crop] = []
    with ExitStack() as stack:
        if isinstance(crop, _Cropping):
            stack.callback(crop.close)
        pool = stack.enter_context(ThreadPoolExecutor(os.cpu_count()))
        for done, found in enumerate(pool.map(lambda photo: _written(photo, crop, folder), photos), start=1):
            rows += found
            progress(done / len(photos))
    _check(data, split, rows)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(Crop.model_fields), lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.model_dump() for row in rows)
    (folder / PEOPLE).write_bytes(text.getvalue().encode())


def read_people(folder: Path) -> list[Crop]:
    """The rows that :func:`prepare_split` wrote."""
    rows = csv.DictReader(io.StringIO((folder / PEOPLE).read_text(encoding="utf-8"), newline=""))
    return [Crop(**{name: value for name, value in row.items() if value != ""}) for row in rows]


def crops_of(folder: Path) -> list[Crop]:
    """Of these, the ones with a lower body."""
    return [crop for crop in read_people(folder) if crop.image_path]


class _Made(NamedTuple):
    row: Crop
    parts: dict[str, NDArray[np.uint8]]


_Make = Callable[[Photo, NDArray[np.uint8]], Iterator[_Made]]


class _Cropping:
    """Crops a photo's people, each thread with models of its own."""

    def __init__(self, parameters: PrepareParameters) -> None:
        self._parameters = parameters
        self._own = threading.local()
        self._all: list[Preparer] = []

    def __call__(self, photo: Photo, rgb: NDArray[np.uint8]) -> Iterator[_Made]:
        preparer: Preparer | None = getattr(self._own, "preparer", None)
        if preparer is None:
            preparer = self._own.preparer = Preparer()
            self._all.append(preparer)
        prepared = preparer.prepare(rgb, self._parameters)
        for number, person in enumerate(prepared.people, start=1):
            yield _person(photo, number, person)
        for dropped in prepared.dropped:
            yield _Made(_dropped(photo, 0, dropped), {})

    def close(self) -> None:
        for preparer in self._all:
            preparer.close()


def _take(photo: Photo, rgb: NDArray[np.uint8]) -> Iterator[_Made]:
    """A picture that is a lower body as it is."""
    row = Crop(label=photo.label, photo=photo.name, group=photo.group, person=1)
    yield _Made(row, {"lower_body": rgb})


def _person(photo: Photo, number: int, person: PreparedPerson) -> _Made:
    if person.without_lower_body:
        return _Made(_dropped(photo, number, person.without_lower_body), {"upper_body": person.upper_body})
    assert person.lower_body is not None  # noqa: S101, as above
    row = Crop(
        label=photo.label,
        photo=photo.name,
        group=photo.group,
        person=number,
        confidence=person.confidence,
        sharpness=person.sharpness,
        arms_above_head=person.arms_above_head,
    )
    return _Made(row, {"upper_body": person.upper_body, "lower_body": person.lower_body})


def _dropped(photo: Photo, number: int, dropped: DroppedPerson) -> Crop:
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


def _written(photo: Photo, make: _Make, folder: Path) -> list[Crop]:
    try:
        rgb = vision.decode(photo.read(), None, vision.Limits()).pixels
    except vision.Rejected as error:
        if error.reason in vision.PASSING:
            raise StorageError(f"{photo.uri}: {error.detail}") from error
        row = Crop(label=photo.label, photo=photo.name, group=photo.group, person=0)
        return [row.model_copy(update={"reason": str(error.reason), "detail": error.detail})]
    return [_saved(photo, made, folder) for made in make(photo, rgb)]


def _saved(photo: Photo, made: _Made, folder: Path) -> Crop:
    from PIL import Image

    row = made.row
    for part, pixels in made.parts.items():
        # With the photo's suffix, so that runner.jpg and runner.png do not meet.
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
                f"no picture in {split}/{label} shows a lower body that can be used: {reasons}",
                "Add photos of runners seen whole, or lower min_confidence or blur_threshold",
            )
