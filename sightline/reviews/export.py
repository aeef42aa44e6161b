"""Reviewed images as one folder per class, with a manifest, for training elsewhere."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from sightline import storage, vision
from sightline.errors import InvalidInput
from sightline.names import ModelName
from sightline.reviews.records import Reviewed
from sightline.storage import Location
from sightline.vision import ImageRef, Limits, Rejected

__all__ = ["MANIFEST_CSV", "MANIFEST_LINES", "ExportRow", "Exported", "export_images", "read_image"]

MANIFEST_CSV, MANIFEST_LINES = "manifest.csv", "manifest.jsonl"
_WORKERS = 8
_ENDINGS = {
    "image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/gif": "gif", "image/bmp": "bmp",
    "image/tiff": "tiff", "image/avif": "avif",
}  # fmt: skip


class ExportRow(BaseModel):
    """An exported image: ``file`` is its path below the folder, ``uri`` its source."""

    model_config = ConfigDict(frozen=True)

    file: str
    uri: str
    sha256: str
    label: str
    proposed: str
    confidence: float
    model: str
    reviewers: tuple[str, ...]
    answered: AwareDatetime


class Exported(BaseModel):
    """The result of an export: its images, the numbers of new and of existing files, and the unusable images.

    ``unusable`` holds the reason by the image's URI.
    """

    model_config = ConfigDict(frozen=True)

    rows: tuple[ExportRow, ...]
    written: int
    found: int
    unusable: dict[str, str]

    @property
    def classes(self) -> dict[str, int]:
        """The number of images by class."""
        return dict(sorted(Counter(row.label for row in self.rows).items()))


def export_images(model: str, reviewed: Iterable[Reviewed], folder: Location, limits: Limits) -> Exported:
    """Write ``CLASS/CLASS_NUMBER.jpg`` for each image with a label, then the two manifests.

    The number is computed from the image's hash: the same image has the same name, and an existing file is not written
    again. The name begins with the class, so a model can be trained on the folder without changes. Files appear
    complete, and the manifests are written last, so they name existing files only. A file of an earlier export of the
    same model is removed if its image has another label now, or none. Other files are not removed.
    """
    earlier = _read_manifest(folder / MANIFEST_LINES)
    previous = {row.sha256: row for row in earlier if _is_about(row, model)}
    images = [item for item in reviewed if item.question.kind == "image" and item.label]
    with ThreadPoolExecutor(_WORKERS) as pool:
        outcomes = list(
            pool.map(lambda item: _export(item, previous.get(item.question.sha256), folder, limits), images)
        )
    rows = [outcome.row for outcome in outcomes if outcome.row]
    exported = {row.file for row in rows}
    for row in previous.values():
        if row.file not in exported:
            storage.remove(folder / row.file)
    others = [row for row in earlier if not _is_about(row, model)]
    _write_manifests(folder, sorted([*others, *rows], key=lambda row: row.file))
    written = sum(outcome.written for outcome in outcomes)
    return Exported(
        rows=tuple(sorted(rows, key=lambda row: row.file)),
        written=written,
        found=len(rows) - written,
        unusable={
            item.question.uri: outcome.problem
            for item, outcome in zip(images, outcomes, strict=True)
            if outcome.problem is not None
        },
    )


def read_image(reviewed: Reviewed, limits: Limits) -> bytes:
    """Return the reviewed image's bytes.

    Raises :class:`~sightline.vision.Rejected` if it cannot be read, or has been replaced by another image.
    """
    question = reviewed.question
    data = vision.fetch(ImageRef.named(question.uri), limits)
    if hashlib.sha256(data).hexdigest() != question.sha256:
        raise Rejected(vision.Reason.MISSING, "the reviewed image has been replaced by another one")
    return data


class _Outcome(NamedTuple):
    row: ExportRow | None
    written: bool = False
    problem: str | None = None


def _export(reviewed: Reviewed, earlier: ExportRow | None, folder: Location, limits: Limits) -> _Outcome:
    label = str(reviewed.label)
    if earlier and earlier.label == label and storage.exists(folder / earlier.file):
        return _Outcome(_row(reviewed, earlier.file))
    try:
        data = read_image(reviewed, limits)
        kind = vision.decode(data, None, limits).content_type
    except Rejected as error:
        return _Outcome(None, problem=str(error))
    number = int(reviewed.question.sha256[:16], 16)
    # Digits only: a preset may find the label before the first number in a name.
    name = f"{label}/{label}_{number:020d}.{_ENDINGS[kind]}"
    if storage.exists(folder / name):
        return _Outcome(_row(reviewed, name))
    storage.write_bytes(folder / name, data)
    return _Outcome(_row(reviewed, name), written=True)


def _is_about(row: ExportRow, model: str) -> bool:
    """Return whether the row's image was reviewed for a version of the model."""
    return ModelName.parse(row.model).unversioned == ModelName.parse(model).unversioned


def _row(reviewed: Reviewed, file: str) -> ExportRow:
    question = reviewed.question
    return ExportRow(
        file=file,
        uri=question.uri,
        sha256=question.sha256,
        label=str(reviewed.label),
        proposed=question.proposed,
        confidence=question.confidence,
        model=question.model,
        reviewers=reviewed.reviewers,
        answered=reviewed.last.at,
    )


def _read_manifest(file: Location) -> list[ExportRow]:
    try:
        content = storage.read_bytes(file)
    except FileNotFoundError:
        return []
    try:
        return [ExportRow.model_validate_json(line) for line in content.splitlines() if line.strip()]
    except ValidationError as error:
        raise InvalidInput(
            storage.uri_of(file), "is damaged, or was not written by sightline", "Export to another folder"
        ) from error


def _write_manifests(folder: Location, rows: Sequence[ExportRow]) -> None:
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(ExportRow.model_fields)
    for row in rows:
        cells = row.model_dump(mode="json") | {"reviewers": "; ".join(row.reviewers)}
        table.writerow([cells[name] for name in ExportRow.model_fields])
    storage.write_bytes(folder / MANIFEST_CSV, text.getvalue().encode())
    # The manifest that the next export reads is written last: without it, an export was not finished.
    storage.write_bytes(folder / MANIFEST_LINES, "".join(f"{row.model_dump_json()}\n" for row in rows).encode())
