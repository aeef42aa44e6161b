"""The result files of a ranking, best first: records, table and contact sheet."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from pydantic import BaseModel, ConfigDict

from sightline.ranking.batch import Ranked
from sightline.ranking.page import PAGE, page_of
from sightline.ranking.photos import PhotoTally, write_photos
from sightline.ranking.records import RankedPerson, sort_key
from sightline.ranking.sheet import MAX_PEOPLE, contact_sheet
from sightline.runs import RESULTS, TABLE, TableWriter, Top
from sightline.vision import Outcome

__all__ = ["BEST", "SHEET", "RankingSummary", "write_results"]

SHEET = "sheet.jpg"
BEST = 20
"""The number of people that a summary lists as the best."""

_UNSORTED = "unsorted.jsonl"


class RankingSummary(BaseModel):
    """The number of photos, and the numbers of people by outcome. ``reasons`` also counts unreadable photos.

    ``ranked``: people with a ranking. ``best``: the first of them. ``photos_ranked``: the photos with such a person, of
    which ``different_photos`` remain if the same picture counts once. ``people``: all who were found. The last three
    are None for a run that finished with an earlier version.
    """

    model_config = ConfigDict(frozen=True)

    images: int
    ranked: int
    low_confidence: int
    rejected: int
    reasons: dict[str, int]
    best: tuple[RankedPerson, ...]
    photos_ranked: int | None = None
    different_photos: int | None = None
    people: int | None = None


def write_results(ranked: Iterable[Ranked], images: int, model: str, folder: Path) -> RankingSummary:
    """Write the result files into ``folder``, best first, and return the summary.

    They are ``RESULTS``, ``TABLE``, ``CSV`` and :data:`SHEET` of people, and ``PHOTOS``, ``PHOTOS_CSV`` and ``PAGE`` of
    photos. The records are sorted on disk: memory holds a sort key and an offset for each person, a row and a
    fingerprint for each photo, and the thumbnails that the sheet shows.
    """
    tally = _Tally()
    with (folder / _UNSORTED).open("w+b") as unsorted:
        people = _sorted_lines(_counted(ranked, tally), unsorted)
        best = _write_records(people, folder)
    title = f"{tally.ranked} people by running style, ranked by {model}"
    (folder / SHEET).write_bytes(contact_sheet(tally.shown.items(), title))
    photos = tally.photos.photos()
    write_photos(photos, folder)
    with_ranking = [photo for photo in photos if photo.ranking is not None]
    summary = RankingSummary(
        images=images,
        ranked=tally.ranked,
        low_confidence=tally.outcomes[Outcome.LOW_CONFIDENCE],
        rejected=tally.outcomes[Outcome.REJECTED],
        reasons=dict(sorted(tally.reasons.items())),
        best=best,
        photos_ranked=len(with_ranking),
        different_photos=sum(photo.best_of_group for photo in with_ranking),
        people=sum(photo.people for photo in photos),
    )
    thumbnails = {(entry.person.uri, entry.person.person): entry.thumbnail or b"" for entry in tally.shown.items()}
    (folder / PAGE).write_text(page_of(photos, thumbnails, summary, model), encoding="utf-8")
    return summary


class _Tally:
    """The counts of a ranking, and the people on the sheet."""

    def __init__(self) -> None:
        self.ranked = 0
        self.outcomes: Counter[Outcome] = Counter()
        self.reasons: Counter[str] = Counter()
        self.shown = Top[Ranked](MAX_PEOPLE)
        self.photos = PhotoTally()

    def add(self, ranked: Ranked) -> None:
        person = ranked.person
        self.photos.add(ranked)
        self.outcomes[person.outcome] += 1
        if person.reason:
            self.reasons[person.reason] += 1
        if person.ranking is not None:
            self.ranked += 1
            if ranked.thumbnail is not None:
                self.shown.add(person.ranking, ranked)


def _counted(ranked: Iterable[Ranked], tally: _Tally) -> Iterator[RankedPerson]:
    for entry in ranked:
        tally.add(entry)
        yield entry.person


def _sorted_lines(people: Iterable[RankedPerson], unsorted: BinaryIO) -> Iterator[bytes]:
    """Yield the people as lines of JSON, best first. ``unsorted`` holds the lines in their original order."""
    keys, offsets = array("d"), array("Q")
    offset = 0
    for person in people:
        keys.append(sort_key(person))
        offsets.append(offset)
        offset += unsorted.write(f"{person.model_dump_json()}\n".encode())
    for place in np.argsort(np.asarray(keys), kind="stable"):
        unsorted.seek(offsets[place])
        yield unsorted.readline()


def _write_records(lines: Iterable[bytes], folder: Path) -> tuple[RankedPerson, ...]:
    """Write the records and the table, and return the best people."""
    best: list[RankedPerson] = []
    with (folder / RESULTS).open("wb") as results, TableWriter(folder / TABLE, _columns()) as table:
        for line in lines:
            results.write(line)
            person = RankedPerson.model_validate_json(line)
            table.add(_row(person))
            if len(best) < BEST and person.ranking is not None:
                best.append(person)
    return tuple(best)


def _columns() -> list[tuple[str, Any]]:
    import pyarrow as pa

    text, number, integer = pa.string(), pa.float64(), pa.int64()
    return [
        ("uri", text), ("sha256", text), ("person", integer),
        *((f"box_{edge}", integer) for edge in ("left", "top", "right", "bottom")),
        ("score", number), ("ranking", number), ("arms_above_head", pa.bool_()), ("confidence", number),
        ("sharpness", number), ("outcome", text), ("reason", text), ("detail", text), ("warnings", text),
        ("model", text),
    ]  # fmt: skip


def _row(person: RankedPerson) -> dict[str, Any]:
    box = person.box._asdict() if person.box else {}
    warnings = "; ".join(person.warnings) or None
    return (
        person.model_dump(exclude={"box"})
        | {"warnings": warnings}
        | {f"box_{edge}": value for edge, value in box.items()}
    )
