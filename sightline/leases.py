"""Leases: exclusive rights that expire. A lease is a file, made by a conditional create, changed by compare-and-swap.

The files are ``{name}-{attempt}.json``. The lease of a killed process expires, and another process takes the next
attempt; of several that do so concurrently, one creates the file. A process that needs more than the duration holds
the lease, and a thread renews it until the end:

>>> with Leases(folder, timedelta(minutes=5), now).hold("sweep", "run brave-otter") as held:
...     for patient in patients:
...         held.check()
...         sweep(patient)

A lease that expired while its holder could not reach the storage, or was suspended, is renewed if no other process has
taken it. Of the holder that renews an expired lease and a process that takes it at the same time, at most one has it:

- The holder writes the new expiry, then lists the files, and has the lease if there is none of a later attempt and its
  own still exists.
- The other process creates the file of its attempt, then reads all earlier files, and has the lease if they are still
  expired. It removes them before it relies on the lease.

Storage is strongly consistent, so one of the two writes comes first, and the process that writes second sees the other
write. The holder keeps no right in between: from the moment its lease expires, it needs a renewal to go on.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Event, Lock, Thread

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from sightline import documents, storage
from sightline.documents import DocumentDamaged
from sightline.errors import SightlineError, StorageError
from sightline.storage import Location

__all__ = ["HeldLease", "Lease", "LeaseLost", "LeaseTaken", "Leases", "is_free"]

_RENEWALS = 6  # in one duration: a few may fail before the lease expires


def is_free(owner: str | None, until: datetime | None, now: datetime) -> bool:
    """Return whether the lease that a document states can be taken: it has no owner, or has expired.

    A document may state its own lease, an owner and an expiry, in place of a file in a folder of leases. It is also
    changed by :func:`sightline.documents.change`: one read and one swap.
    """
    return not owner or until is None or until <= now


class LeaseTaken(SightlineError):
    """Another process has the lease. ``holder`` is its description, None if it has just taken or released it."""

    def __init__(self, name: str, holder: str | None, since: datetime | None) -> None:
        super().__init__(name, holder, since)
        self.name = name
        self.holder = holder
        self.since = since

    def __str__(self) -> str:
        owner = f"{self.holder or 'another process'} has it" + (
            f" since {self.since:%Y-%m-%d %H:%M:%S %Z}" if self.since else ""
        )
        return f"{self.name}: {owner}. Try again later"


class LeaseLost(SightlineError):
    """The lease expired before its holder finished, and could not be renewed."""


@dataclass(frozen=True)
class Lease:
    """The exclusive right to do ``name`` until a time. ``attempt`` counts the attempts of all processes, from 1."""

    name: str
    attempt: int
    owner: str
    """A random identifier of this lease, to recognise its file."""
    until: datetime


class _File(BaseModel):
    model_config = ConfigDict(frozen=True)

    owner: str
    """The identifier of the lease; empty once it is released."""
    until: AwareDatetime
    error: str | None = None
    holder: str | None = None
    since: AwareDatetime | None = None


@dataclass(frozen=True)
class Leases:
    """Leases in ``folder`` for ``duration``; the clocks of its processes must differ by less than that."""

    folder: Location
    duration: timedelta
    now: Callable[[], datetime]

    def take(self, name: str, holder: str | None = None) -> Lease | None:
        """Take the lease on ``name``; return None if another process has it.

        ``holder`` describes the owner to people.
        """
        earlier = self._attempts(name)
        if not self._have_expired(name, earlier):
            return None
        now = self.now()
        file = _File(owner=uuid.uuid4().hex, until=now + self.duration, holder=holder, since=now)
        lease = Lease(name, earlier[-1] + 1 if earlier else 1, file.owner, file.until)
        if not storage.create(self._file(name, lease.attempt), documents.to_json(file)) and not self._owns_file(lease):
            return None
        if max(self._attempts(name), default=0) > lease.attempt or not self._have_expired(name, earlier):
            # Since this process listed the attempts, either later ones have started and their earlier files have been
            # removed, or an earlier lease has been renewed. All earlier files count, not only the last one: that may be
            # of a process that was killed here, before it saw the renewal of the one before.
            with storage.failing_fast():
                # A removal that is repeated much later could remove the same attempt of another process.
                storage.remove(self._file(name, lease.attempt))
            return None
        for attempt in earlier:
            storage.remove(self._file(name, attempt))
        # The requests may have outlasted the lease, in an outage of the storage.
        return lease if self.now() < lease.until else self.renew(lease)

    def renew(self, lease: Lease) -> Lease | None:
        """Renew the lease for another duration from now, even if it has expired; return None if it is not valid.

        Another process has taken it or is about to: in the second case a later call may succeed.
        """
        while True:
            renewed = replace(lease, until=self.now() + self.duration)
            if not self._rewrite(lease, {"until": renewed.until}):
                return None
            is_last = max(self._attempts(lease.name), default=0) == lease.attempt
            # In this order. After a drop, the file may have been removed, and created again with the same number.
            if not is_last or not self._owns_file(lease):
                return None
            if self.now() < renewed.until:
                return renewed
            # In an outage of the storage, the requests have taken longer than the duration.

    def release(self, lease: Lease, error: str | None = None) -> None:
        """End the lease now, with the error if the attempt failed; the count of attempts is kept."""
        self._rewrite(lease, {"owner": "", "until": self.now(), "error": error})

    def drop(self, name: str) -> None:
        """Remove all leases on ``name``, and with them the count of attempts.

        A process that was suspended in the meantime can take a lease again. Only for work that is recognised as done
        by other means.
        """
        for attempt in self._attempts(name):
            storage.remove(self._file(name, attempt))

    @contextmanager
    def hold(self, name: str, holder: str) -> Iterator[HeldLease]:
        """Hold the lease on ``name`` until the block ends, however long that takes. Raises :class:`LeaseTaken`.

        The lease of a killed holder expires. A holder that cannot reach the storage, or is suspended, for longer than
        the duration keeps the lease if no other process takes it meanwhile; ``held.check()`` decides.
        """
        lease = self.take(name, holder)
        if lease is None:
            raise self._taken_error(name)
        held = HeldLease(self, lease)
        try:
            yield held
        finally:
            # Otherwise it expires, after the work is done.
            with suppress(StorageError, FileNotFoundError), storage.failing_fast():
                held.end()

    def _taken_error(self, name: str) -> LeaseTaken:
        attempts = self._attempts(name)
        file = self._read(name, attempts[-1])[1] if attempts else None
        return LeaseTaken(name, file.holder, file.since) if file and file.owner else LeaseTaken(name, None, None)

    def _attempts(self, name: str) -> list[int]:
        stems = (file.removesuffix(".json").rpartition("-") for file in storage.file_names(self.folder))
        return sorted(int(attempt) for owner, _, attempt in stems if owner == name and attempt.isdecimal())

    def _have_expired(self, name: str, attempts: Sequence[int]) -> bool:
        # The last one decides nearly always; the others exist for a moment, or until the next take.
        return all(self._has_expired(name, attempt) for attempt in reversed(attempts))

    def _has_expired(self, name: str, attempt: int) -> bool:
        content, file = self._read(name, attempt)
        if content is None:
            return False  # Another process has just taken a later attempt.
        # Files appear complete, so a damaged one belongs to no working process.
        return file is None or is_free(file.owner, file.until, self.now())

    def _owns_file(self, lease: Lease) -> bool:
        """Return whether the lease's file is this lease's: S3's response to its create may have been lost."""
        _, file = self._read(lease.name, lease.attempt)
        return file is not None and file.owner == lease.owner

    def _rewrite(self, lease: Lease, changes: dict[str, object]) -> bool:
        """Change the lease's file; return False without a change if it no longer belongs to this lease."""

        def update(file: _File | None) -> _File | None:
            return file.model_copy(update=changes) if file and file.owner == lease.owner else None

        try:
            return documents.change(self._file(lease.name, lease.attempt), _File, update) is not None
        except DocumentDamaged:
            return False

    def _read(self, name: str, attempt: int) -> tuple[bytes | None, _File | None]:
        """Return a lease's file as bytes, None if there is none, and parsed, None if it is damaged."""
        try:
            content = storage.read_bytes(self._file(name, attempt))
        except FileNotFoundError:
            return None, None
        try:
            return content, _File.model_validate_json(content)
        except ValidationError:
            return content, None

    def _file(self, name: str, attempt: int) -> Location:
        return self.folder / f"{name}-{attempt:06d}.json"


class HeldLease:
    """A lease that a thread renews until its holder has finished. Created by :meth:`Leases.hold`."""

    def __init__(self, leases: Leases, lease: Lease) -> None:
        self.lease = lease
        self._leases = leases
        self._done = Event()
        self._renewing = Lock()
        self._taken = False
        self._error: Exception | None = None
        self._thread = Thread(target=self._renew_until_done, name=f"lease on {lease.name}", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> bool:
        """Whether another process has the lease or may have it. A later renewal may get it back."""
        return self._taken or self._leases.now() >= self.lease.until

    def check(self) -> None:
        """Raise :class:`LeaseLost` if the lease is lost. Call it before a step that must not be done twice.

        An expired lease is renewed here if no other process has taken it, after an outage of the storage that it waits
        for.
        """
        if not self.lost:
            return
        self._renew()
        if self.lost:
            place = f"{self._leases.folder}: the lease on {self.lease.name}"
            why = f"it could not be renewed ({self._error})" if self._error else "another process may have taken it"
            raise LeaseLost(f"{place} expired at {self.lease.until:%H:%M:%S %Z}: {why}. Run it again") from self._error

    def end(self) -> None:
        """Stop renewing the lease, and release it."""
        self._done.set()
        self._thread.join()
        self._leases.release(self.lease)

    def _renew_until_done(self) -> None:
        pause = self._leases.duration.total_seconds() / _RENEWALS
        with storage.failing_fast():  # The next attempt follows, and end() waits for this one.
            while not self._done.wait(pause):
                self._renew()

    def _renew(self) -> None:
        with self._renewing:
            try:
                renewed = self._leases.renew(self.lease)
            except (StorageError, FileNotFoundError) as error:
                self._error = error  # The lease is valid until it expires, so more attempts follow.
                return
            self._taken, self._error = renewed is None, None
            if renewed is not None:
                self.lease = renewed
