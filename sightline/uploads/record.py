"""Records of processed uploads: one for every version of a file, beside the files.

>>> with Uploads(locate(upload.root), now).take(upload, "run brave-otter") as lease:
...     process(upload)
...     lease.done()

The records are in the hidden folder ``.uploads`` of the bucket. A lease on a version is renewed during its
processing; that of a killed process expires after a minute.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PositiveInt

from sightline import documents, storage
from sightline.errors import InvalidInput, SightlineError, StorageError
from sightline.leases import HeldLease, Leases
from sightline.storage import Location
from sightline.uploads.upload import Upload

__all__ = ["MAX_ATTEMPTS", "Settled", "UploadLease", "UploadOutcome", "UploadRecord", "Uploads"]

MAX_ATTEMPTS = 3
"""Attempts at one version that may be interrupted or fail, by a kill or a storage failure, before it is given up."""


class UploadOutcome(StrEnum):
    """The outcome of processing a version."""

    DONE = "done"
    FAILED = "failed"


class UploadRecord(BaseModel):
    """The outcome of one version of a file, and the run that processed it."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, serialize_by_alias=True)

    uri: str
    version: str
    kind: str
    outcome: UploadOutcome
    error: str | None = None
    attempts: PositiveInt = Field(alias="tries")
    run: str
    at: AwareDatetime


class Settled(SightlineError):
    """The version needs no processing: it is done, or it failed, as ``record`` states."""

    def __init__(self, record: UploadRecord) -> None:
        super().__init__(record)
        self.record = record

    def __str__(self) -> str:
        record = self.record
        if record.outcome is UploadOutcome.DONE:
            return f"{record.uri}: this version has been processed, at {record.at:%Y-%m-%d %H:%M:%S %Z} by {record.run}"
        return (
            f"{record.uri}: this version has failed, at {record.at:%Y-%m-%d %H:%M:%S %Z} in {record.run}: "
            f"{record.error}. Upload another version, or run process-upload with --again"
        )


@dataclass(frozen=True)
class Uploads:
    """The records of the files in one bucket. A lease on one lasts for ``lease`` and is renewed while it is held."""

    root: Location
    now: Callable[[], datetime]
    lease: timedelta = timedelta(minutes=1)

    def record(self, upload: Upload) -> UploadRecord | None:
        """Return the record of this version; None if it has not been processed, or was interrupted."""
        for outcome in UploadOutcome:
            try:
                record = documents.read(self._file(upload, outcome), UploadRecord)
            except documents.DocumentDamaged as error:
                raise StorageError(f"{error}. Remove it to process the file again") from error
            if record:
                return record
        return None

    def outcomes(self) -> dict[str, UploadOutcome]:
        """Return the outcomes of all versions that have one, by :attr:`Upload.id` as text."""
        return {
            name.removesuffix(".json"): outcome
            for outcome in reversed(UploadOutcome)
            for name in storage.file_names(self._folder / outcome)
        }

    @contextmanager
    def take(
        self, upload: Upload, holder: str, *, again: bool = False, max_attempts: int | None = MAX_ATTEMPTS
    ) -> Iterator[UploadLease]:
        """Hold the exclusive right to this version until the block ends; ``holder`` describes the owner to people.

        A version that ``holder`` itself recorded as failed can be leased: that is a retry. Raises :class:`Settled` if
        the version needs no processing, ``LeaseTaken`` if another process has it, and ``InvalidInput`` if it is given
        up.

        Args:
            upload: The version.
            holder: Describes the owner to people.
            again: Process the version whatever its outcome.
            max_attempts: The number of interrupted attempts after which the version is given up; None if the caller
                limits them.
        """
        self._check(upload, holder, again=again)
        with self._leases.hold(str(upload.id), holder) as held:
            try:
                # Check again: a process writes the record before it releases the lease.
                self._check(upload, holder, again=again)
            except Settled:
                self._leases.drop(str(upload.id))
                raise
            lease = UploadLease(self, upload, holder, held)
            if max_attempts is not None and lease.attempts > max_attempts and not again:
                error = f"all {max_attempts} attempts were interrupted"
                lease.failed(error)
                raise InvalidInput(upload.uri, error, "Find out why, then run process-upload with --again")
            yield lease

    def reopen(self, upload: Upload, holder: str) -> None:
        """Forget the failure of this version and its attempts, so that any run can process it.

        Raises ``LeaseTaken`` if a process has it.
        """
        with self._leases.hold(str(upload.id), holder):
            storage.remove(self._file(upload, UploadOutcome.FAILED))
            self._leases.drop(str(upload.id))

    def _check(self, upload: Upload, holder: str, *, again: bool) -> None:
        record = None if again else self.record(upload)
        if record and not (record.outcome is UploadOutcome.FAILED and record.run == holder):
            raise Settled(record)

    @property
    def _folder(self) -> Location:
        return self.root / ".uploads"

    @property
    def _leases(self) -> Leases:
        return Leases(self._folder / "leases", self.lease, self.now)

    def _file(self, upload: Upload, outcome: UploadOutcome) -> Location:
        return self._folder / outcome / f"{upload.id}.json"


@dataclass(frozen=True)
class UploadLease:
    """The exclusive right to process one version. Created by :meth:`Uploads.take`.

    A lease that ends without :meth:`done` or :meth:`failed` was interrupted: the version can be processed again.
    """

    uploads: Uploads
    upload: Upload
    holder: str
    held: HeldLease

    @property
    def attempts(self) -> int:
        """The number of attempts, including this one."""
        return self.held.lease.attempt

    def done(self) -> None:
        """Record that the version is processed. Raises ``LeaseLost`` if another process may have it."""
        self.held.check()
        self._store(UploadOutcome.DONE)
        storage.remove(self.uploads._file(self.upload, UploadOutcome.FAILED))

    def failed(self, error: str) -> None:
        """Record that the version cannot be processed, and why. Raises ``LeaseLost`` if another process may have it."""
        self.held.check()
        self._store(UploadOutcome.FAILED, error)

    def _store(self, outcome: UploadOutcome, error: str | None = None) -> None:
        upload, uploads = self.upload, self.uploads
        record = UploadRecord(
            uri=upload.uri,
            version=upload.version,
            kind=upload.kind,
            outcome=outcome,
            error=error,
            attempts=self.attempts,
            run=self.holder,
            at=uploads.now(),
        )
        storage.write_bytes(uploads._file(upload, outcome), documents.to_json(record))
        # The record settles the version, so the leases are not needed any more.
        uploads._leases.drop(str(upload.id))
