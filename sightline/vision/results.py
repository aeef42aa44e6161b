"""The result files of a run over images: one record per line, the same as parquet, and the counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from sightline.alerts import MAX_ROWS
from sightline.runs import RESULTS, TABLE, TableWriter, Top
from sightline.vision.records import ImageRecord, Outcome

__all__ = ["LEAST_CERTAIN", "REVIEW", "Counts", "Summary", "read_records", "write_results"]

REVIEW = "review.jsonl"
LEAST_CERTAIN = 20
"""The number of images that a summary lists as the least certain."""


class Counts(BaseModel):
    """The number of images, and the numbers by outcome, by class and by reason.

    ``with_warnings``: the images that were read although something is wrong with their files.
    """

    model_config = ConfigDict(frozen=True)

    images: int
    accepted: int
    low_confidence: int
    rejected: int
    classes: dict[str, int]
    reasons: dict[str, int]
    with_warnings: int = 0


class Summary(Counts):
    """The counts of a run, and the images to look at.

    ``least_certain``: the classified images with the lowest confidence, ascending. ``not_accepted``: the first
    uncertain and rejected images, in the order of the run.
    """

    least_certain: tuple[ImageRecord, ...]
    not_accepted: tuple[ImageRecord, ...]


def write_results(records: Iterable[ImageRecord], classes: Sequence[str], folder: Path) -> Summary:
    """Write the records into ``folder`` as a stream, and return their summary.

    The files are ``RESULTS``, ``TABLE`` and ``CSV``, and :data:`REVIEW` with the uncertain images only.
    """
    tally = _Tally(classes)
    with (
        (folder / RESULTS).open("w", encoding="utf-8") as results,
        (folder / REVIEW).open("w", encoding="utf-8") as review,
        TableWriter(folder / TABLE, _columns(classes)) as table,
    ):
        for record in records:
            line = record.model_dump_json() + "\n"
            results.write(line)
            if record.outcome is Outcome.LOW_CONFIDENCE:
                review.write(line)
            table.add(_row(record, classes))
            tally.add(record)
    return tally.summary()


def read_records(data: bytes) -> Iterator[ImageRecord]:
    """Return the records of a results file, or of a part of one."""
    return (ImageRecord.model_validate_json(line) for line in data.splitlines() if line.strip())


class _Tally:
    """Counts records, and keeps those that a summary lists."""

    def __init__(self, classes: Sequence[str]) -> None:
        self._outcomes: Counter[Outcome] = Counter()
        self._classes: Counter[str] = Counter(dict.fromkeys(classes, 0))
        self._reasons: Counter[str] = Counter()
        self._least_certain = Top[ImageRecord](LEAST_CERTAIN)
        self._not_accepted: list[ImageRecord] = []
        self._with_warnings = 0

    def add(self, record: ImageRecord) -> None:
        self._outcomes[record.outcome] += 1
        self._with_warnings += bool(record.warnings)
        if record.outcome is not Outcome.ACCEPTED and len(self._not_accepted) < MAX_ROWS:
            self._not_accepted.append(record)
        if record.reason:
            self._reasons[record.reason] += 1
        if record.class_name is not None and record.confidence is not None:
            self._classes[record.class_name] += 1
            self._least_certain.add(-record.confidence, record)

    def summary(self) -> Summary:
        return Summary(
            images=self._outcomes.total(),
            accepted=self._outcomes[Outcome.ACCEPTED],
            low_confidence=self._outcomes[Outcome.LOW_CONFIDENCE],
            rejected=self._outcomes[Outcome.REJECTED],
            classes=dict(self._classes),
            reasons=dict(sorted(self._reasons.items())),
            with_warnings=self._with_warnings,
            least_certain=tuple(self._least_certain.items()),
            not_accepted=tuple(self._not_accepted),
        )


def _columns(classes: Sequence[str]) -> list[tuple[str, Any]]:
    import pyarrow as pa

    text, number = pa.string(), pa.float64()
    return [
        ("uri", text), ("sha256", text), ("class", text), ("confidence", number), ("threshold", number),
        ("strangeness", number), ("outcome", text), ("reason", text), ("detail", text), ("warnings", text),
        ("model", text),
        *((f"p_{name}", number) for name in classes),
        ("serialize_seconds", number), ("classify_seconds", number),
    ]  # fmt: skip


def _row(record: ImageRecord, classes: Sequence[str]) -> dict[str, Any]:
    row = record.model_dump(exclude={"probabilities", "timings"})
    row["warnings"] = "; ".join(record.warnings) or None
    row |= {f"p_{name}": (record.probabilities or {}).get(name) for name in classes}
    return row | {f"{stage}_seconds": seconds for stage, seconds in record.timings.items()}
