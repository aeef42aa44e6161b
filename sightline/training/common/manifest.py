"""The manifest of a model's version: the samples it was trained and tested on, one row each, as CSV."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Sequence

__all__ = ["COLUMNS", "MANIFEST", "csv_bytes", "hash_of_samples", "read_manifest_csv"]

MANIFEST = "manifest.csv"
"""The name of a manifest among the files of a model's version."""

COLUMNS = ("sha256", "label", "group", "part", "name", "source")
"""The columns of a manifest; a kind of model may leave out the last."""


def csv_bytes(rows: Iterable[Sequence[str]]) -> bytes:
    """Return the rows as CSV with Unix line ends, in UTF-8."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def read_manifest_csv(data: bytes) -> dict[str, set[str]]:
    """Return the hashes of the samples in each part of a manifest."""
    parts: dict[str, set[str]] = {}
    for row in csv.DictReader(io.StringIO(data.decode(), newline="")):
        parts.setdefault(row["part"], set()).add(row["sha256"])
    return parts


def hash_of_samples(samples: Iterable[tuple[str, str]]) -> str:
    """Return the data version of samples, given as the hash of the content and the label.

    The same content with the same labels has the same version, wherever it is stored and in any order.
    """
    lines = sorted(f"{sha256},{label}\n" for sha256, label in samples)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
