"""The results of a run over images: one record a line, the same as parquet, and the counts."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from sightline.vision.records import ImageRecord, Outcome

__all__ = ["LEAST_CERTAIN", "Counts", "Summary", "read_records", "write_results"]

RESULTS, TABLE, REVIEW = "results.jsonl", "results.parquet", "review.jsonl"
LEAST_CERTAIN = 20
_NOT_ACCEPTED = 50  # as many as an alert names
_ROWS = 1024  # of a parquet row group


class Counts(BaseModel):
    """How many images there were, and what became of them: by outcome, by class and by reason."""

    model_config = ConfigDict(frozen=True)

    images: int
    accepted: int
    low_confidence: int
    rejected: int
    classes: dict[str, int]
    reasons: dict[str, int]


class Summary(Counts):
    """The counts of a run, and the images to look at.

    ``least_certain``: the classified images of the lowest confidence, ascending. ``not_accepted``: the first uncertain
    and rejected images, in the order of the run.
    """

    least_certain: tuple[ImageRecord, ...]
    not_accepted: tuple[ImageRecord, ...]


def write_results(records: Iterable[ImageRecord], classes: Sequence[str], folder: Path) -> Summary:
    """Write :data:`RESULTS`, :data:`TABLE` and :data:`REVIEW` (the uncertain ones) into ``folder``, as a stream."""
    import pyarrow.parquet as pq

    counts: Counter[Outcome] = Counter()
    found: Counter[str] = Counter(dict.fromkeys(classes, 0))
    reasons: Counter[str] = Counter()
    least: list[tuple[float, int, ImageRecord]] = []
    not_accepted: list[ImageRecord] = []
    schema = _schema(classes)
    with (
        (folder / RESULTS).open("w", encoding="utf-8") as lines,
        (folder / REVIEW).open("w", encoding="utf-8") as review,
        pq.ParquetWriter(folder / TABLE, schema) as table,  # type: ignore[no-untyped-call]
    ):
        rows: list[dict[str, Any]] = []
        for place, record in enumerate(records):
            line = record.model_dump_json() + "\n"
            lines.write(line)
            if record.outcome is Outcome.LOW_CONFIDENCE:
                review.write(line)
            rows.append(_row(record, classes))
            if len(rows) == _ROWS:
                table.write(_table(rows, schema))
                rows.clear()
            counts[record.outcome] += 1
            if record.outcome is not Outcome.ACCEPTED and len(not_accepted) < _NOT_ACCEPTED:
                not_accepted.append(record)
            if record.reason:
                reasons[record.reason] += 1
            if record.class_name is not None and record.confidence is not None:
                found[record.class_name] += 1
                # A heap keeps its greatest: of negated confidences, that is the least certain.
                _keep(least, (-record.confidence, -place, record))
        table.write(_table(rows, schema))
    return Summary(
        images=counts.total(),
        accepted=counts[Outcome.ACCEPTED],
        low_confidence=counts[Outcome.LOW_CONFIDENCE],
        rejected=counts[Outcome.REJECTED],
        classes=dict(found),
        reasons=dict(sorted(reasons.items())),
        least_certain=tuple(record for _, _, record in sorted(least, reverse=True)),
        not_accepted=tuple(not_accepted),
    )


def read_records(data: bytes) -> Iterator[ImageRecord]:
    """The records of :data:`RESULTS`, or of a part of it."""
    return (ImageRecord.model_validate_json(line) for line in data.splitlines() if line.strip())


def _keep(heap: list[tuple[float, int, ImageRecord]], entry: tuple[float, int, ImageRecord]) -> None:
    if len(heap) < LEAST_CERTAIN:
        heapq.heappush(heap, entry)
    else:
        heapq.heappushpop(heap, entry)


def _schema(classes: Sequence[str]) -> Any:
    import pyarrow as pa

    text, number = pa.string(), pa.float64()
    return pa.schema(
        [
            ("uri", text), ("sha256", text), ("class", text), ("confidence", number), ("threshold", number),
            ("outcome", text), ("reason", text), ("detail", text), ("model", text),
            *((f"p_{name}", number) for name in classes),
            ("serialize_seconds", number), ("classify_seconds", number),
        ]
    )  # fmt: skip


def _row(record: ImageRecord, classes: Sequence[str]) -> dict[str, Any]:
    row = record.model_dump(exclude={"probabilities", "timings"})
    row |= {f"p_{name}": (record.probabilities or {}).get(name) for name in classes}
    return row | {f"{stage}_seconds": seconds for stage, seconds in record.timings.items()}


def _table(rows: list[dict[str, Any]], schema: Any) -> Any:
    import pyarrow as pa

    return pa.Table.from_pylist(rows, schema=schema)
