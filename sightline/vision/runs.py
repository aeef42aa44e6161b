"""A run that classifies images: its identity, its progress and its results."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from sightline.runs import (
    CSV,
    RESULTS,
    SKIPPED,
    TABLE,
    ChunkedRun,
    FinishedRun,
    SkippedFile,
    read_finished_runs,
    write_skipped,
)
from sightline.storage import Location
from sightline.vision.limits import Limits
from sightline.vision.reasons import TRANSIENT
from sightline.vision.records import ImageRecord
from sightline.vision.refs import ImageRef
from sightline.vision.results import REVIEW, Summary, write_results

__all__ = ["ClassificationRun", "FinishedClassification", "finished_runs", "run_key"]


class FinishedClassification(FinishedRun[Summary]):
    """A finished run over images.

    ``threshold``: the lowest confidence that it accepted. ``familiarity_checked``: whether the model measured if the
    images are of the kind that it knows. Runs of earlier versions did not.
    """

    threshold: float
    familiarity_checked: bool = False


class ClassificationRun(ChunkedRun[ImageRecord, FinishedClassification]):
    """One run's files in ``output``: the records of its images, and its results."""

    kind = "classify"
    finished_type = FinishedClassification
    result_files = {  # noqa: RUF012, it is a ClassVar in the base
        "results": RESULTS, "table": TABLE, "review": REVIEW, "skipped_files": SKIPPED
    }  # fmt: skip
    added_files = {"csv": CSV}  # noqa: RUF012
    transient_reasons = TRANSIENT

    @staticmethod
    def encode(record: ImageRecord) -> str:
        """Return the record as one line of JSON."""
        return record.model_dump_json()

    @staticmethod
    def decode(line: bytes) -> ImageRecord:
        """Return the record that :meth:`encode` wrote."""
        return ImageRecord.model_validate_json(line)

    @staticmethod
    def reason_of(record: ImageRecord) -> str | None:
        """Return why the image was not accepted, or None if it was."""
        return record.reason

    def finish(
        self,
        chunks: int,
        classes: Sequence[str],
        model: str,
        threshold: float,
        *,
        fixed: bool,
        familiarity_checked: bool = False,
        skipped: Sequence[SkippedFile] = (),
    ) -> FinishedClassification:
        """Write the results of all ``chunks``, replacing those of an earlier run in the same folder.

        ``fixed``: whether the same run, started again, is known to have the same images. ``familiarity_checked``: as in
        :class:`FinishedClassification`. ``skipped``: the files that are not among its images.
        """

        def write(records: Iterator[ImageRecord], folder: Path) -> FinishedClassification:
            summary = write_results(records, classes, folder)
            return FinishedClassification(
                key=self.key,
                model=model,
                threshold=threshold,
                familiarity_checked=familiarity_checked,
                finished=datetime.now(UTC),
                final=fixed and self.is_complete(summary.reasons),
                summary=summary,
                skipped=write_skipped(skipped, folder),
            )

        return self.write(chunks, write)


def run_key(
    refs: Iterable[ImageRef],
    model: str,
    threshold: float,
    chunk_size: int,
    limits: Limits | None = None,
    skipped: Iterable[SkippedFile] = (),
) -> str:
    """Return the identity of a run: the same for the same images, model, threshold, chunks, limits and skipped files.

    The limits are included because an image that exceeded one must be read again after the limit is raised.
    """
    allowed = limits or Limits()
    white = [] if allowed.white is None else [allowed.white]
    digest = hashlib.sha256(json.dumps([model, threshold, chunk_size, allowed.pixels, allowed.bytes, *white]).encode())
    for item in skipped:
        digest.update(item.model_dump_json().encode())
    for ref in refs:
        inline = hashlib.sha256(ref.data).hexdigest() if ref.data is not None else None
        digest.update(json.dumps([ref.uri, ref.version, inline]).encode())
    return digest.hexdigest()[:32]


def finished_runs(folder: Location) -> Iterator[tuple[Location, FinishedClassification | str]]:
    """Yield the finished runs in the subfolders of ``folder``, each with the location of its file.

    A damaged file yields a description of the problem instead of a run.
    """
    return read_finished_runs(folder, FinishedClassification)
