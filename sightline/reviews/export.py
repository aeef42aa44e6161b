"""Reviewed images as a folder for each class, with a manifest, for whoever trains elsewhere."""

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
from sightline.reviews.records import Reviewed
from sightline.reviews.store import folder_of
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
    """An exported image. ``file`` is its place below the folder; ``uri`` is where it came from."""

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
    """What an export wrote, what had been there, and what could not be read, with the reason."""

    model_config = ConfigDict(frozen=True)

    rows: tuple[ExportRow, ...]
    written: int
    found: int
    unusable: dict[str, str]

    @property
    def classes(self) -> dict[str, int]:
        """How many images of each class there are."""
        return dict(sorted(Counter(row.label for row in self.rows).items()))


def export_images(model: str, reviewed: Iterable[Reviewed], folder: Location, limits: Limits) -> Exported:
    """Write ``CLASS/CLASS_NUMBER.jpg`` for each image that has a label, then the two manifests.

    The number is made of the image's hash: the same image has the same name, and one that is there is not written
    again. The name begins with the class, so that the folder can be trained on as it is. Files are whole or absent,
    and the manifests come last: what they name is there. What an earlier export of the same model wrote under a label
    that has been changed since is removed; nothing else is.
    """
    earlier = _read_manifest(folder / MANIFEST_LINES)
    own = {row.sha256: row for row in earlier if folder_of(row.model) == folder_of(model)}
    images = [each for each in reviewed if each.question.kind == "image" and each.label]
    with ThreadPoolExecutor(_WORKERS) as pool:
        done = list(pool.map(lambda each: _export(each, own.get(each.question.sha256), folder, limits), images))
    rows = [each.row for each in done if each.row]
    kept = {row.file for row in rows}
    for row in own.values():
        if row.file not in kept:
            storage.remove(folder / row.file)
    others = [row for row in earlier if folder_of(row.model) != folder_of(model)]
    _write_manifests(folder, sorted([*others, *rows], key=lambda row: row.file))
    written = sum(each.written for each in done)
    return Exported(
        rows=tuple(sorted(rows, key=lambda row: row.file)),
        written=written,
        found=len(rows) - written,
        unusable={
            each.question.uri: outcome.problem
            for each, outcome in zip(images, done, strict=True)
            if outcome.problem is not None
        },
    )


def read_image(reviewed: Reviewed, limits: Limits) -> bytes:
    """The image that people answered about.

    Raises :class:`~sightline.vision.Rejected` where it cannot be read, or is another one by now.
    """
    question = reviewed.question
    data = vision.fetch(ImageRef.named(question.uri), limits)
    if hashlib.sha256(data).hexdigest() != question.sha256:
        raise Rejected(vision.Reason.MISSING, "the image that was reviewed is no longer there, another one is")
    return data


class _Done(NamedTuple):
    row: ExportRow | None
    written: bool = False
    problem: str | None = None


def _export(reviewed: Reviewed, earlier: ExportRow | None, folder: Location, limits: Limits) -> _Done:
    label = str(reviewed.label)
    if earlier and earlier.label == label and storage.exists(folder / earlier.file):
        return _Done(_row(reviewed, earlier.file))
    try:
        data = read_image(reviewed, limits)
        kind = vision.decode(data, None, limits).content_type
    except Rejected as error:
        return _Done(None, problem=str(error))
    number = int(reviewed.question.sha256[:16], 16)
    # Digits, since a preset may find the label before a number.
    place = f"{label}/{label}_{number:020d}.{_ENDINGS[kind]}"
    if storage.exists(folder / place):
        return _Done(_row(reviewed, place))
    storage.write_bytes(folder / place, data)
    return _Done(_row(reviewed, place), written=True)


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
            storage.uri_of(file), "is damaged, or was not written by sightline", "Export into another folder"
        ) from error


def _write_manifests(folder: Location, rows: Sequence[ExportRow]) -> None:
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(ExportRow.model_fields)
    for row in rows:
        cells = row.model_dump(mode="json") | {"reviewers": "; ".join(row.reviewers)}
        table.writerow([cells[name] for name in ExportRow.model_fields])
    storage.write_bytes(folder / MANIFEST_CSV, text.getvalue().encode())
    # The one that the next export reads comes last: a folder without it is one that was never finished.
    storage.write_bytes(folder / MANIFEST_LINES, "".join(f"{row.model_dump_json()}\n" for row in rows).encode())
