"""A run that ranks the people in photos: its progress and its results."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from sightline.ranking.batch import Ranked
from sightline.ranking.page import PAGE
from sightline.ranking.photos import PHOTOS, PHOTOS_CSV
from sightline.ranking.records import RankedPerson
from sightline.ranking.results import SHEET, RankingSummary, write_results
from sightline.runs import CSV, RESULTS, SKIPPED, TABLE, ChunkedRun, FinishedRun, SkippedFile, write_skipped
from sightline.vision import TRANSIENT

__all__ = ["FinishedRanking", "RankingRun"]


class FinishedRanking(FinishedRun[RankingSummary]):
    """A finished ranking."""


class RankingRun(ChunkedRun[Ranked, FinishedRanking]):
    """One ranking's files in ``output``: its people with their thumbnails, and its results."""

    kind = "rank"
    finished_type = FinishedRanking
    result_files = {  # noqa: RUF012, it is a ClassVar in the base
        "results": RESULTS, "table": TABLE, "sheet": SHEET, "skipped_files": SKIPPED
    }  # fmt: skip
    added_files = {"csv": CSV, "photos": PHOTOS_CSV, "photos_table": PHOTOS, "page": PAGE}  # noqa: RUF012
    transient_reasons = TRANSIENT

    @staticmethod
    def encode(record: Ranked) -> str:
        """Return the person, with thumbnail and fingerprint in base64, as one line of JSON."""
        parts = {"thumbnail": record.thumbnail, "fingerprint": record.fingerprint}
        encoded = {name: base64.b64encode(data).decode() if data else None for name, data in parts.items()}
        return json.dumps(record.person.model_dump(mode="json") | encoded)

    @staticmethod
    def decode(line: bytes) -> Ranked:
        """Return the person that :meth:`encode` wrote."""
        fields = json.loads(line)
        parts = (fields.pop("thumbnail"), fields.pop("fingerprint", None))  # earlier versions stored no fingerprint
        thumbnail, fingerprint = (base64.b64decode(part) if part else None for part in parts)
        return Ranked(RankedPerson(**fields), thumbnail, fingerprint)

    @staticmethod
    def reason_of(record: Ranked) -> str | None:
        """Return why the person was not ranked, or None if they were."""
        return record.person.reason

    def finish(
        self, chunks: int, images: int, model: str, *, fixed: bool, skipped: Sequence[SkippedFile] = ()
    ) -> FinishedRanking:
        """Write the results of all ``chunks``, best first, replacing those of an earlier run in the same folder.

        ``fixed``: whether the same run, started again, is known to have the same photos. ``skipped``: the files that
        are not among its photos.
        """

        def write(ranked: Iterator[Ranked], folder: Path) -> FinishedRanking:
            summary = write_results(ranked, images, model, folder)
            return FinishedRanking(
                key=self.key,
                model=model,
                finished=datetime.now(UTC),
                final=fixed and self.is_complete(summary.reasons),
                summary=summary,
                skipped=write_skipped(skipped, folder),
            )

        return self.write(chunks, write)
