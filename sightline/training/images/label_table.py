"""A table of labels: a CSV file with one row per image, which names the image and its class."""

from __future__ import annotations

import csv
import io
from functools import partial
from pathlib import Path

from sightline import storage, vision
from sightline.storage import Location
from sightline.training.common.errors import UnsuitableData
from sightline.vision.labelled import ImageSource, LabelledImage

__all__ = ["SUFFIXES", "read_label_table"]

SUFFIXES = (".csv", ".tsv")

_IMAGE = ("image", "uri", "path", "file", "filename", "file_name", "image_path", "name")
_LABEL = ("label", "class", "class_name", "category")
_GROUP = ("group",)
_DELIMITERS = ",;\t"
_FIX = (
    "The first line names the columns, such as image,label; an optional column group keeps images on one side of splits"
)


def read_label_table(table: Location, limits: vision.Limits) -> ImageSource:
    """Read a CSV file, UTF-8 with a header, separated by commas, semicolons or tabs.

    The column ``image`` (or uri, path, file, filename, image_path, name) has paths relative to the table's folder, or
    URIs; ``label`` (or class, class_name, category) has the classes; ``group`` is optional: images of one group stay
    on one side of every split. Raises ``UnsuitableData``, which names the line, for a table without these columns, for
    a row without an image or a label, and for one without rows.
    """
    uri = storage.uri_of(table)
    try:
        text = storage.read_bytes(table).decode("utf-8-sig")
    except FileNotFoundError as error:
        raise UnsuitableData(
            uri, "there is no such file", "Give a folder with one folder per class, or a CSV"
        ) from error
    except UnicodeDecodeError as error:
        raise UnsuitableData(uri, f"is not UTF-8 ({error})", "Save it as CSV in UTF-8") from error
    header = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=header.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    names = [name.strip().casefold() for name in next(rows, [])]
    image, label, group = (_column(names, wanted) for wanted in (_IMAGE, _LABEL, _GROUP))
    if image is None or label is None:
        found = ", ".join(names) or "no columns"
        raise UnsuitableData(uri, f"has {found}; it needs a column image and a column label", _FIX)
    images = []
    for row in rows:
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        cells += [""] * (len(names) - len(cells))
        if not (cells[image] and cells[label]):
            raise UnsuitableData(
                uri, f"line {rows.line_num} names no {'label' if cells[image] else 'image'}", "Complete or remove it"
            )
        images.append(_labelled(cells[image], cells[label], cells[group] if group is not None else "", table, limits))
    if not images:
        raise UnsuitableData(uri, "has no row below its header", _FIX)
    name = table.absolute().name if isinstance(table, Path) else uri
    return ImageSource(uri, name, tuple(images))


def _column(names: list[str], wanted: tuple[str, ...]) -> int | None:
    return next((names.index(name) for name in wanted if name in names), None)


def _labelled(image: str, label: str, group: str, table: Location, limits: vision.Limits) -> LabelledImage:
    uri = image if "://" in image else storage.uri_of(table.parent / image)
    ref = vision.ImageRef.named(uri)
    return LabelledImage(
        name=uri.rpartition("/")[2],
        uri=ref.uri,
        read=partial(vision.fetch, ref, limits),
        label=label.casefold(),
        group=group.casefold() or None,
    )
