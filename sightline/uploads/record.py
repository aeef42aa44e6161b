"""Which uploads have been processed: a record for each version of a file, beside the files.

>>> with Uploads(locate(upload.root), now).claim(upload, "run brave-otter") as claim:
...     process(upload)
...     claim.done()

The records lie in the hidden folder ``.uploads`` of the bucket. A claim is a lease, renewed while the work goes on: a
process that is killed keeps nobody from the file for longer than a minute.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict, PositiveInt, ValidationError

from sightline import storage
from sightline.errors import SightlineError, StorageError
from sightline.leases import HeldLease, Leases
from sightline.storage import Location
from sightline.uploads.upload import Upload

__all__ = ["MAX_TRIES", "Claim", "Outcome", "Settled", "UploadRecord", "Uploads"]

MAX_TRIES = 3
"""Tries of one version that may break off, killed or without their storage, before it is left alone."""


class Outcome(StrEnum):
    """How the processing of a version ended."""

    DONE = "done"
    FAILED = "failed"


class UploadRecord(BaseModel):
    """What became of one version of a file, and which run saw to it."""

    model_config = ConfigDict(frozen=True)

    uri: str
    version: str
    kind: str
    outcome: Outcome
    error: str | None = None
    tries: PositiveInt
    run: str
    at: AwareDatetime


class Settled(SightlineError):
    """The version needs nothing: it is done, has failed for good, or has used up its tries; ``record`` says which."""

    def __init__(self, record: UploadRecord) -> None:
        super().__init__(record)
        self.record = record

    def __str__(self) -> str:
        record = self.record
        if record.outcome is Outcome.DONE:
            return f"{record.uri}: this version has been processed, at {record.at:%Y-%m-%d %H:%M:%S %Z} by {record.run}"
        return (
            f"{record.uri}: this version has failed, at {record.at:%Y-%m-%d %H:%M:%S %Z} in {record.run}: "
            f"{record.error}. Upload another, or run process-upload with --again"
        )


@dataclass(frozen=True)
class Uploads:
    """The records of the files of one bucket. A claim lasts for ``lease``, and is renewed as long as it is held."""

    root: Location
    now: Callable[[], datetime]
    lease: timedelta = timedelta(minutes=1)

    def record(self, upload: Upload) -> UploadRecord | None:
        """What became of this version; None where nothing has yet, or where its tries broke off."""
        for outcome in Outcome:
            place = self._place(upload, outcome)
            try:
                return UploadRecord.model_validate_json(storage.read_bytes(place))
            except FileNotFoundError:
                continue
            except ValidationError as error:
                raise StorageError(
                    f"{storage.uri_of(place)}: is damaged, or was not written by sightline. Remove it, and the file "
                    "is processed again"
                ) from error
        return None

    def outcomes(self) -> dict[str, Outcome]:
        """The outcome of every version that has one, by :attr:`Upload.id` as text."""
        return {
            name.removesuffix(".json"): outcome
            for outcome in reversed(Outcome)
            for name in storage.file_names(self._folder / outcome)
        }

    @contextmanager
    def claim(self, upload: Upload, holder: str, *, again: bool = False) -> Iterator[Claim]:
        """Have this version to oneself until the block ends; ``holder`` is what a person should know its owner by.

        ``again``: whatever became of it before. A claim of a version that ``holder`` itself has failed is one too: it
        is a retry. Raises :class:`Settled` where there is nothing to do, and ``LeaseTaken`` where another is at it.
        """
        self._check(upload, holder, again=again)
        with self._leases.hold(str(upload.id), holder) as held:
            try:
                # Once more: who finishes keeps the record before letting go.
                self._check(upload, holder, again=again)
            except Settled:
                self._leases.drop(str(upload.id))
                raise
            claim = Claim(self, upload, holder, held)
            if claim.tries > MAX_TRIES and not again:
                claim.failed(f"it was tried {MAX_TRIES} times, and each try broke off")
                self._check(upload, "", again=again)
            yield claim

    def _check(self, upload: Upload, holder: str, *, again: bool) -> None:
        record = None if again else self.record(upload)
        if record and not (record.outcome is Outcome.FAILED and record.run == holder):
            raise Settled(record)

    @property
    def _folder(self) -> Location:
        return self.root / ".uploads"

    @property
    def _leases(self) -> Leases:
        return Leases(self._folder / "leases", self.lease, self.now)

    def _place(self, upload: Upload, outcome: Outcome) -> Location:
        return self._folder / outcome / f"{upload.id}.json"


@dataclass(frozen=True)
class Claim:
    """The right to process one version, made by :meth:`Uploads.claim`; ends in :meth:`done` or :meth:`failed`.

    A claim that ends in neither has broken off: the version may be tried again.
    """

    uploads: Uploads
    upload: Upload
    holder: str
    held: HeldLease

    @property
    def tries(self) -> int:
        """How often it has been tried, this time included."""
        return self.held.lease.attempt

    def done(self) -> None:
        """Keep for good that it has been processed. Raises ``LeaseLost`` where another may be at it."""
        self.held.check()
        self._keep(Outcome.DONE)
        storage.remove(self.uploads._place(self.upload, Outcome.FAILED))

    def failed(self, error: str) -> None:
        """Keep for good that it cannot be processed, and why. Raises ``LeaseLost`` where another may be at it."""
        self.held.check()
        self._keep(Outcome.FAILED, error)

    def _keep(self, outcome: Outcome, error: str | None = None) -> None:
        upload, uploads = self.upload, self.uploads
        record = UploadRecord(
            uri=upload.uri,
            version=upload.version,
            kind=upload.kind,
            outcome=outcome,
            error=error,
            tries=self.tries,
            run=self.holder,
            at=uploads.now(),
        )
        storage.write_bytes(uploads._place(upload, outcome), f"{record.model_dump_json(indent=2)}\n".encode())
        # The record tells what is settled, so the lease is not needed for that any longer.
        uploads._leases.drop(str(upload.id))
