"""Who may do what only one at a time should: a lease is a file, made by a conditional create, that runs out.

Files are called ``{name}-{try}.json``. A lease of a process that was killed runs out by the clock, and another process
takes the next try; of those that do so at once, one makes the file. Who needs longer than the duration holds the
lease, which a thread then renews until the end:

>>> with Leases(folder, timedelta(minutes=5), now).hold("sweep", "run brave-otter") as held:
...     for patient in patients:
...         held.check()
...         sweep(patient)
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Event, Thread

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from sightline import storage
from sightline.errors import SightlineError, StorageError
from sightline.storage import Location

__all__ = ["Held", "Lease", "LeaseLost", "LeaseTaken", "Leases"]

_RENEWALS = 6  # in one duration, so that a few may fail before the lease runs out


class LeaseTaken(SightlineError):
    """Another has the lease. ``holder`` is what it calls itself, None where it has just come or gone."""

    def __init__(self, name: str, holder: str | None, since: datetime | None) -> None:
        super().__init__(name, holder, since)
        self.name = name
        self.holder = holder
        self.since = since

    def __str__(self) -> str:
        whose = f"{self.holder or 'another'} has it" + (
            f" since {self.since:%Y-%m-%d %H:%M:%S %Z}" if self.since else ""
        )
        return f"{self.name}: {whose}. Try again later"


class LeaseLost(SightlineError):
    """The holder's lease ran out before it was done, and another may have taken it."""


@dataclass(frozen=True)
class Lease:
    """The right to do ``name`` until a moment. ``attempt`` counts the tries of all processes, from 1."""

    name: str
    attempt: int
    owner: str
    """Tells this lease's file from every other one; means nothing to a person."""
    until: datetime


class _File(BaseModel):
    model_config = ConfigDict(frozen=True)

    owner: str
    """Empty once the lease is released."""
    until: AwareDatetime
    error: str | None = None
    holder: str | None = None
    since: AwareDatetime | None = None


@dataclass(frozen=True)
class Leases:
    """Leases in ``folder``, each for ``duration``; the clocks of those who share it may differ by less than that."""

    folder: Location
    duration: timedelta
    now: Callable[[], datetime]

    def take(self, name: str, holder: str | None = None) -> Lease | None:
        """The lease on ``name``; None where another has it. ``holder`` is what a person should know its owner by."""
        earlier = self._attempts(name)
        if earlier and not self._has_run_out(name, earlier[-1]):
            return None
        now = self.now()
        file = _File(owner=uuid.uuid4().hex, until=now + self.duration, holder=holder, since=now)
        mine = Lease(name, earlier[-1] + 1 if earlier else 1, file.owner, file.until)
        if not storage.create(self._place(name, mine.attempt), _content(file)) and not self._has(mine):
            return None
        if max(self._attempts(name), default=0) > mine.attempt or (
            earlier and not self._has_run_out(name, earlier[-1])
        ):
            # This process slept since it looked, and the older files that would have told it so are gone; or the one
            # before has been renewed since. A renewal looks for later files after it is written, as this looks for a
            # renewal after the file is: of the two at least one sees the other.
            storage.remove(self._place(name, mine.attempt))
            return None
        for attempt in earlier:
            storage.remove(self._place(name, attempt))
        return mine

    def renew(self, lease: Lease) -> Lease | None:
        """The lease for another duration from now on; None where it has run out, even if nobody else has it yet."""
        now = self.now()
        renewed = replace(lease, until=now + self.duration)
        if lease.until <= now or not self._rewrite(lease, {"until": renewed.until}):
            return None
        return renewed if max(self._attempts(lease.name), default=0) == lease.attempt else None

    def release(self, lease: Lease, error: str | None = None) -> None:
        """End the lease now, with the reason where the try failed; the count of tries is kept."""
        self._rewrite(lease, {"owner": "", "until": self.now(), "error": error})

    def drop(self, name: str) -> None:
        """Forget the leases on what is done.

        The count starts anew, so a process that slept through it all gets a lease: only for what can be told to be
        done by something else.
        """
        for attempt in self._attempts(name):
            storage.remove(self._place(name, attempt))

    @contextmanager
    def hold(self, name: str, holder: str) -> Iterator[Held]:
        """Have the lease on ``name`` until the block ends, however long that takes. Raises :class:`LeaseTaken`.

        The lease of a holder that is killed runs out. One that cannot reach the storage, or that stood still, for as
        long as the duration may lose it, which ``held`` tells.
        """
        lease = self.take(name, holder)
        if lease is None:
            raise self._taken(name)
        held = Held(self, lease)
        try:
            yield held
        finally:
            with suppress(StorageError, FileNotFoundError):  # Else it runs out, and what was done is done.
                held.end()

    def _taken(self, name: str) -> LeaseTaken:
        attempts = self._attempts(name)
        file = self._read(name, attempts[-1])[1] if attempts else None
        return LeaseTaken(name, file.holder, file.since) if file and file.owner else LeaseTaken(name, None, None)

    def _attempts(self, name: str) -> list[int]:
        stems = (file.removesuffix(".json").rpartition("-") for file in storage.file_names(self.folder))
        return sorted(int(attempt) for whose, _, attempt in stems if whose == name and attempt.isdecimal())

    def _has_run_out(self, name: str, attempt: int) -> bool:
        content, file = self._read(name, attempt)
        if content is None:
            return False  # Somebody has just got ahead of it.
        # Files appear whole, so no process of ours is at work under one that cannot be read.
        return file is None or not file.owner or file.until <= self.now()

    def _has(self, lease: Lease) -> bool:
        """Whether a create that was told of a file had met its own, whose making S3 had not been heard to confirm."""
        _, file = self._read(lease.name, lease.attempt)
        return file is not None and file.owner == lease.owner

    def _rewrite(self, lease: Lease, changes: dict[str, object]) -> bool:
        """Change the lease's file; False, and nothing done, where it is no longer this lease's."""
        found, file = self._read(lease.name, lease.attempt)
        if found is None or file is None or file.owner != lease.owner:
            return False
        content = _content(file.model_copy(update=changes))
        # As with a create, the swap may have met what it had written itself.
        return (
            storage.swap(self._place(lease.name, lease.attempt), found, content)
            or content == self._read(lease.name, lease.attempt)[0]
        )

    def _read(self, name: str, attempt: int) -> tuple[bytes | None, _File | None]:
        """A lease's file: its content, None where there is none; and what that says, None where it is damaged."""
        try:
            content = storage.read_bytes(self._place(name, attempt))
        except FileNotFoundError:
            return None, None
        try:
            return content, _File.model_validate_json(content)
        except ValidationError:
            return content, None

    def _place(self, name: str, attempt: int) -> Location:
        return self.folder / f"{name}-{attempt:06d}.json"


class Held:
    """A lease that a thread renews until the holder is done. Made by :meth:`Leases.hold`."""

    def __init__(self, leases: Leases, lease: Lease) -> None:
        self.lease = lease
        self._leases = leases
        self._done = Event()
        self._taken = False
        self._trouble: Exception | None = None
        self._thread = Thread(target=self._renew, name=f"lease on {lease.name}", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> bool:
        """Whether another has the lease or may have it."""
        return self._taken or self._leases.now() >= self.lease.until

    def check(self) -> None:
        """Raise :class:`LeaseLost` where the lease is lost; to be called before what must not be done twice."""
        if self.lost:
            place = f"{self._leases.folder}: the lease on {self.lease.name}"
            why = f"it could not be renewed ({self._trouble})" if self._trouble else "this process stood still too long"
            raise LeaseLost(f"{place} ran out at {self.lease.until:%H:%M:%S %Z}: {why}. Do it again") from self._trouble

    def end(self) -> None:
        """Renew no more and let the next one have it."""
        self._done.set()
        self._thread.join()
        if not self._taken:
            self._leases.release(self.lease)

    def _renew(self) -> None:
        pause = self._leases.duration.total_seconds() / _RENEWALS
        while not self._done.wait(pause):
            try:
                renewed = self._leases.renew(self.lease)
            except (StorageError, FileNotFoundError) as error:
                self._trouble = error  # It is good until it runs out, so there is time for more tries.
                continue
            if renewed is None:
                self._taken = True
                return
            self.lease, self._trouble = renewed, None


def _content(file: _File) -> bytes:
    return f"{file.model_dump_json()}\n".encode()
