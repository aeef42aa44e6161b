"""One row per photo: its best person, and the photos that show the same picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from sightline.ranking.batch import Ranked
from sightline.ranking.similar import similar_groups
from sightline.runs import TableWriter
from sightline.vision import Outcome

__all__ = ["PHOTOS", "PHOTOS_CSV", "PhotoTally", "RankedPhoto", "read_photos", "write_photos"]

PHOTOS, PHOTOS_CSV = "photos.parquet", "photos.csv"


class RankedPhoto(BaseModel):
    """A photo with its best person. ``place`` is that of the photo, from 1; None without a ranked person.

    ``people`` were found in it, of whom ``ranked`` have a ranking. ``person`` is the number of the best one, with
    ``ranking``. Photos with the same ``group`` show the same picture in other sizes or formats;
    ``best_of_group`` is the first of them. ``outcome`` and ``reason`` are those of the best person or, without one, of
    the first person or of the photo.
    """

    model_config = ConfigDict(frozen=True)

    place: int | None
    uri: str
    sha256: str | None
    ranking: float | None
    person: int | None
    people: int
    ranked: int
    group: int
    best_of_group: bool
    outcome: Outcome
    reason: str | None


class PhotoTally:
    """Collects the people of every photo, one photo after the other, and keeps a row and a fingerprint of each."""

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []
        self._fingerprints: list[bytes | None] = []

    def add(self, entry: Ranked) -> None:
        """Add a person. The first record of a photo has the number 0 or 1."""
        person = entry.person
        if person.person <= 1:
            self._rows.append(
                {
                    "uri": person.uri,
                    "sha256": person.sha256,
                    "ranking": None,
                    "person": None,
                    "people": 0,
                    "ranked": 0,
                    "outcome": person.outcome,
                    "reason": person.reason,
                }
            )
            self._fingerprints.append(entry.fingerprint)
        row = self._rows[-1]
        row["people"] += person.person > 0
        if person.ranking is None:
            return
        row["ranked"] += 1
        if row["ranking"] is None or person.ranking > row["ranking"]:
            row |= {"ranking": person.ranking, "person": person.person, "outcome": person.outcome, "reason": None}

    def photos(self) -> list[RankedPhoto]:
        """Return the photos, best first; those without a ranking follow in their original order."""
        groups = similar_groups(self._fingerprints).tolist()
        order = sorted(range(len(self._rows)), key=lambda n: _sort_key(self._rows[n]["ranking"]))
        seen: set[int] = set()
        photos = []
        for place, number in enumerate(order, start=1):
            row, group = self._rows[number], groups[number]
            photos.append(
                RankedPhoto(
                    place=None if row["ranking"] is None else place,
                    group=group,
                    best_of_group=group not in seen,
                    **row,
                )
            )
            seen.add(group)
        return photos


def write_photos(photos: Sequence[RankedPhoto], folder: Path) -> None:
    """Write :data:`PHOTOS` and :data:`PHOTOS_CSV` into ``folder``."""
    import pyarrow as pa

    text, number, integer = pa.string(), pa.float64(), pa.int64()
    types = {
        "place": integer, "uri": text, "sha256": text, "ranking": number, "person": integer, "people": integer,
        "ranked": integer, "group": integer, "best_of_group": pa.bool_(), "outcome": text, "reason": text,
    }  # fmt: skip
    with TableWriter(folder / PHOTOS, list(types.items())) as table:
        for photo in photos:
            table.add(photo.model_dump(mode="json"))


def read_photos(data: bytes) -> list[RankedPhoto]:
    """Read the rows of :data:`PHOTOS`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = pq.read_table(pa.BufferReader(data)).to_pylist()  # type: ignore[no-untyped-call]
    return [RankedPhoto.model_validate(row) for row in rows]


def _sort_key(ranking: float | None) -> float:
    return math.inf if ranking is None else -ranking
