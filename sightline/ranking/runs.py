"""What a ranking of many photos has done so far, kept beside its results, so that one that was killed goes on.

While it goes on: ``{output}/.rank-{key}/000012.jsonl``, a chunk's people with their small pictures. At its end: the
results, and ``{output}/run.json``, which says what they are of.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict

from sightline import storage
from sightline.ranking.batch import Ranked
from sightline.ranking.records import RankedPerson, best_first
from sightline.ranking.sheet import contact_sheet
from sightline.storage import Location
from sightline.vision import PASSING, RESULTS, TABLE, Outcome

__all__ = ["BEST", "SHEET", "FinishedRanking", "RankingRun", "RankingSummary"]

SHEET = "sheet.jpg"
BEST = 20
"""As many of the best as a summary names."""

_FINISHED = "run.json"


class RankingSummary(BaseModel):
    """Photos, and the people in them by outcome; ``reasons`` also count photos that could not be read.

    ``ranked``: people with a ranking. ``best``: the first of them.
    """

    model_config = ConfigDict(frozen=True)

    images: int
    ranked: int
    low_confidence: int
    rejected: int
    reasons: dict[str, int]
    best: tuple[RankedPerson, ...]


class FinishedRanking(BaseModel):
    """What the results in a folder are of. ``final``: whether the same run, started again, has nothing left to do."""

    model_config = ConfigDict(frozen=True)

    key: str
    model: str
    finished: AwareDatetime
    final: bool
    summary: RankingSummary


@dataclass(frozen=True)
class RankingRun:
    """One run's work in ``output``. Any number of processes may work on the same one: they write the same."""

    output: Location
    key: str

    def done(self) -> set[int]:
        """The numbers of the chunks whose people are kept, save those in which something may go better now."""
        found = (name.removesuffix(".jsonl") for name in storage.file_names(self._folder) if name.endswith(".jsonl"))
        return {
            int(name) for name in found if not any(each.person.reason in PASSING for each in self._chunk(int(name)))
        }

    def keep(self, number: int, ranked: Sequence[Ranked]) -> None:
        """Keep the chunk's people: it is done."""
        lines = "".join(f"{json.dumps(_line(each))}\n" for each in ranked)
        storage.write_bytes(self._folder / f"{number:06d}.jsonl", lines.encode())

    def finished(self) -> FinishedRanking | None:
        """The run as it ended; None where it did not end, or where something of it may go better now."""
        found = self._ended()
        return found if found and found.final else None

    def finish(self, chunks: int, images: int, model: str, *, fixed: bool) -> FinishedRanking:
        """Write the results of all ``chunks``, the best first, over those of an earlier run in the same place.

        ``fixed``: whether the photos are known to be the same ones the next time.
        """
        try:
            ranked = [each for number in range(chunks) for each in self._chunk(number)]
        except FileNotFoundError:
            if (ended := self._ended()) is None:
                raise
            return ended  # Another process has finished the same run, and cleared what this one was about to read.
        thumbnails = {id(each.person): each.thumbnail for each in ranked}
        people = best_first(each.person for each in ranked)
        in_order = [Ranked(person, thumbnails[id(person)]) for person in people if person.ranking is not None]
        summary = _summary(people, images)
        title = f"{summary.ranked} people by running style, ranked by {model}"
        with TemporaryDirectory(prefix="sightline-") as name:
            folder = Path(name)
            (folder / RESULTS).write_text("".join(f"{each.model_dump_json()}\n" for each in people), encoding="utf-8")
            _write_table(people, folder / TABLE)
            (folder / SHEET).write_bytes(contact_sheet(in_order, title))
            for file in (RESULTS, TABLE, SHEET):
                storage.write_file(self.output / file, folder / file)
        passing = not PASSING.isdisjoint(summary.reasons)
        ended = FinishedRanking(
            key=self.key, model=model, finished=datetime.now(UTC), final=fixed and not passing, summary=summary
        )
        storage.write_bytes(self.output / _FINISHED, ended.model_dump_json(indent=2).encode())
        if not passing:
            storage.remove_folder(self._folder)
        return ended

    @property
    def _folder(self) -> Location:
        return self.output / f".rank-{self.key}"

    def _ended(self) -> FinishedRanking | None:
        try:
            found = FinishedRanking.model_validate_json(storage.read_bytes(self.output / _FINISHED))
        except FileNotFoundError:
            return None
        return found if found.key == self.key else None

    def _chunk(self, number: int) -> Iterator[Ranked]:
        for line in storage.read_bytes(self._folder / f"{number:06d}.jsonl").splitlines():
            kept = json.loads(line)
            thumbnail = kept.pop("thumbnail")
            yield Ranked(RankedPerson(**kept), base64.b64decode(thumbnail) if thumbnail else None)


def _line(each: Ranked) -> dict[str, Any]:
    encoded = base64.b64encode(each.thumbnail).decode() if each.thumbnail else None
    return each.person.model_dump(mode="json") | {"thumbnail": encoded}


def _summary(people: Sequence[RankedPerson], images: int) -> RankingSummary:
    outcomes = Counter(each.outcome for each in people)
    return RankingSummary(
        images=images,
        ranked=sum(each.ranking is not None for each in people),
        low_confidence=outcomes[Outcome.LOW_CONFIDENCE],
        rejected=outcomes[Outcome.REJECTED],
        reasons=dict(sorted(Counter(each.reason for each in people if each.reason).items())),
        best=tuple(each for each in people[:BEST] if each.ranking is not None),
    )


def _write_table(people: Sequence[RankedPerson], file: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    text, number, whole = pa.string(), pa.float64(), pa.int64()
    schema = pa.schema(
        [
            ("uri", text), ("sha256", text), ("person", whole),
            *((f"box_{edge}", whole) for edge in ("left", "top", "right", "bottom")),
            ("score", number), ("ranking", number), ("arms_above_head", pa.bool_()), ("confidence", number),
            ("sharpness", number), ("outcome", text), ("reason", text), ("detail", text), ("model", text),
        ]
    )  # fmt: skip
    rows = []
    for each in people:
        box = each.box._asdict() if each.box else {}
        rows.append(each.model_dump(exclude={"box"}) | {f"box_{edge}": value for edge, value in box.items()})
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), file)  # type: ignore[no-untyped-call]
