"""What a run over images has done so far, kept beside its results, so that one that was killed goes on where it was.

While it goes on: ``{output}/.classify-{key}/000012.started.json`` and ``000012.jsonl``, a chunk's records, once it is
done. At its end: the results, and ``{output}/run.json``, which says what they are of.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from sightline import storage
from sightline.storage import Location
from sightline.vision.limits import Limits
from sightline.vision.reasons import PASSING
from sightline.vision.records import ImageRecord
from sightline.vision.refs import ImageRef
from sightline.vision.results import RESULTS, REVIEW, TABLE, Summary, read_records, write_results

__all__ = ["ClassificationRun", "FinishedRun", "finished_runs", "run_key"]

_FINISHED = "run.json"


class FinishedRun(BaseModel):
    """What the results in a folder are of."""

    model_config = ConfigDict(frozen=True)

    key: str
    model: str
    threshold: float
    finished: AwareDatetime
    final: bool
    """Whether the same run, started again, has nothing left to do."""
    summary: Summary


class _Started(BaseModel):
    at: AwareDatetime


def run_key(
    refs: Sequence[ImageRef], model: str, threshold: float, chunk_size: int, limits: Limits | None = None
) -> str:
    """The same images, model, threshold, chunks and limits have the same key.

    The limits are in it because an image that was rejected for one is to be looked at again once that is raised.
    """
    allowed = limits or Limits()
    digest = hashlib.sha256(json.dumps([model, threshold, chunk_size, allowed.pixels, allowed.bytes]).encode())
    for ref in refs:
        inline = hashlib.sha256(ref.data).hexdigest() if ref.data is not None else None
        digest.update(json.dumps([ref.uri, ref.version, inline]).encode())
    return digest.hexdigest()[:32]


@dataclass(frozen=True)
class ClassificationRun:
    """One run's work in ``output``. Any number of processes may work on the same one: they write the same."""

    output: Location
    key: str

    @property
    def _folder(self) -> Location:
        return self.output / f".classify-{self.key}"

    def done(self) -> set[int]:
        """The numbers of the chunks whose records are kept, save those in which something may go better now."""
        found = (name.removesuffix(".jsonl") for name in storage.file_names(self._folder) if name.endswith(".jsonl"))
        return {int(name) for name in found if not any(map(_may_pass, self._records(int(name))))}

    def started(self, number: int) -> datetime:
        """When the chunk was first begun: whoever does it again writes under the same time."""
        file = self._folder / f"{number:06d}.started.json"
        own = _Started(at=datetime.now(UTC))
        if storage.create(file, own.model_dump_json().encode()):
            return own.at
        return _Started.model_validate_json(storage.read_bytes(file)).at

    def keep(self, number: int, records: Iterable[ImageRecord]) -> None:
        """Keep the chunk's records: it is done."""
        lines = "".join(f"{record.model_dump_json()}\n" for record in records)
        storage.write_bytes(self._folder / f"{number:06d}.jsonl", lines.encode())

    def finished(self) -> FinishedRun | None:
        """The run as it ended; None where it did not end, or where something of it may go better now."""
        found = self._ended()
        return found if found and found.final else None

    def finish(self, chunks: int, classes: Sequence[str], model: str, threshold: float, *, fixed: bool) -> FinishedRun:
        """Write the results of all ``chunks``, over those of an earlier run in the same place.

        ``fixed``: whether the images are known to be the same ones the next time.
        """
        records = (record for number in range(chunks) for record in self._records(number))
        with TemporaryDirectory(prefix="sightline-") as name:
            try:
                summary = write_results(records, classes, Path(name))
            except FileNotFoundError:
                if (ended := self._ended()) is None:
                    raise
                return ended  # Another process has finished the same run, and cleared what this one was about to read.
            for file in (RESULTS, TABLE, REVIEW):
                storage.write_file(self.output / file, Path(name) / file)
        passing = not PASSING.isdisjoint(summary.reasons)
        ended = FinishedRun(
            key=self.key,
            model=model,
            threshold=threshold,
            finished=datetime.now(UTC),
            final=fixed and not passing,
            summary=summary,
        )
        storage.write_bytes(self.output / _FINISHED, ended.model_dump_json(indent=2).encode())
        if not passing:
            storage.remove_folder(self._folder)
        return ended

    def _ended(self) -> FinishedRun | None:
        try:
            found = FinishedRun.model_validate_json(storage.read_bytes(self.output / _FINISHED))
        except FileNotFoundError:
            return None
        return found if found.key == self.key else None

    def _records(self, number: int) -> Iterator[ImageRecord]:
        return read_records(storage.read_bytes(self._folder / f"{number:06d}.jsonl"))


def finished_runs(folder: Location) -> Iterator[tuple[Location, FinishedRun | str]]:
    """The runs that have ended and whose results lie in a folder of ``folder``, each with its file.

    In place of one whose file is damaged there is what is wrong with it.
    """
    for name in storage.folder_names(folder):
        file = folder / name / _FINISHED
        try:
            yield file, FinishedRun.model_validate_json(storage.read_bytes(file))
        except FileNotFoundError:
            continue
        except ValidationError as error:
            yield file, f"is not what a run leaves at its end: {error.errors(include_url=False)[0]['msg']}"


def _may_pass(record: ImageRecord) -> bool:
    return record.reason in PASSING
