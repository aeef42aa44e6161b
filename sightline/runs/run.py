"""The progress and the results of a chunked run, in one folder.

While the run is in progress, ``{output}/.{kind}-{key}`` holds ``000012.jsonl``, the records of a completed chunk, and
``000012.started.json``, the time of its first attempt. At the end, ``{output}`` holds the result files and
``run.json``, which describes them, and the folder of the chunks is removed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import AwareDatetime, BaseModel

from sightline import storage
from sightline.runs.finished import FINISHED, FinishedRun, read_finished
from sightline.storage import Location

__all__ = ["ChunkedRun"]

Record = TypeVar("Record")
Finished = TypeVar("Finished", bound=FinishedRun[Any])


class _Started(BaseModel):
    at: AwareDatetime


@dataclass(frozen=True)
class ChunkedRun(ABC, Generic[Record, Finished]):
    """One run's files in ``output``. Any number of processes may work on the same run: they write the same files.

    ``Record`` is what a chunk holds for each item, and ``Finished`` the description of the finished run.
    """

    kind: ClassVar[str]
    """The kind of work; part of the name of the chunks' folder."""
    finished_type: ClassVar[type[Any]]
    """The class ``Finished``."""
    result_files: ClassVar[Mapping[str, str]]
    """The names of the result files, by content."""
    added_files: ClassVar[Mapping[str, str]]
    """The same of files that runs which finished with an earlier version lack."""
    transient_reasons: ClassVar[Collection[str]]
    """The reasons of records that another attempt may improve."""

    output: Location
    key: str

    @staticmethod
    @abstractmethod
    def encode(record: Record) -> str:
        """Return the record as one line of JSON."""

    @staticmethod
    @abstractmethod
    def decode(line: bytes) -> Record:
        """Return the record that :meth:`encode` wrote."""

    @staticmethod
    @abstractmethod
    def reason_of(record: Record) -> str | None:
        """Return why the item was not accepted, or None if it was."""

    def done(self) -> set[int]:
        """Return the numbers of the stored chunks, except those that another attempt may improve."""
        names = storage.file_names(self._chunk_folder)
        numbers = [int(name.removesuffix(".jsonl")) for name in names if name.endswith(".jsonl")]
        return {number for number in numbers if self.is_complete(map(self.reason_of, self._records(number)))}

    def started(self, number: int) -> datetime:
        """Return the time of the chunk's first attempt, which is now if there was none."""
        file = self._chunk_folder / f"{number:06d}.started.json"
        started = _Started(at=datetime.now(UTC))
        if storage.create(file, started.model_dump_json().encode()):
            return started.at
        return _Started.model_validate_json(storage.read_bytes(file)).at

    def keep(self, number: int, records: Iterable[Record]) -> None:
        """Store the records of a chunk, which completes it."""
        lines = "".join(f"{self.encode(record)}\n" for record in records)
        storage.write_bytes(self._chunk_file(number), lines.encode())

    def finished(self) -> Finished | None:
        """Return the finished run, or None if it did not finish or another attempt may improve its results."""
        finished = self._stored()
        return finished if finished and finished.final else None

    def is_complete(self, reasons: Iterable[str | None]) -> bool:
        """Return whether no reason is transient, so that another attempt cannot improve the results."""
        return not any(reason in self.transient_reasons for reason in reasons)

    def write(self, chunks: int, write_files: Callable[[Iterator[Record], Path], Finished]) -> Finished:
        """Write the results of all ``chunks``, replacing those of an earlier run in the same folder.

        ``write_files`` reads the records as a stream, writes the result files into a local folder, and returns the
        finished run.
        """
        records = (record for number in range(chunks) for record in self._records(number))
        with TemporaryDirectory(prefix="sightline-") as name:
            try:
                finished = write_files(records, Path(name))
            except FileNotFoundError:
                # Another process may have finished the same run and removed the chunks that this one was reading.
                if (stored := self._stored()) is None:
                    raise
                return stored
            for file in (*self.result_files.values(), *self.added_files.values()):
                storage.write_file(self.output / file, Path(name) / file)
        storage.write_bytes(self.output / FINISHED, finished.model_dump_json(indent=2).encode())
        if self.is_complete(finished.summary.reasons):
            storage.remove_folder(self._chunk_folder)
        return finished

    @property
    def _chunk_folder(self) -> Location:
        return self.output / f".{self.kind}-{self.key}"

    def _chunk_file(self, number: int) -> Location:
        return self._chunk_folder / f"{number:06d}.jsonl"

    def _records(self, number: int) -> Iterator[Record]:
        lines = storage.read_bytes(self._chunk_file(number)).splitlines()
        return (self.decode(line) for line in lines if line.strip())

    def _stored(self) -> Finished | None:
        finished: Finished | None = read_finished(self.output, self.finished_type)
        return finished if finished and finished.key == self.key else None
