"""Who may do what only one at a time should: a lease is a file, made by a conditional create, that runs out.

Files are called ``{name}-{try}.json``. A lease of a process that was killed runs out by the clock, and another process
takes the next try; of those that do so at once, one makes the file.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from sightline import storage
from sightline.storage import Location

__all__ = ["Lease", "Leases"]


@dataclass(frozen=True)
class Lease:
    """The right to do ``name``. ``attempt`` counts the tries of all processes, from 1."""

    name: str
    attempt: int


class _File(BaseModel):
    model_config = ConfigDict(frozen=True)

    owner: str
    until: AwareDatetime
    error: str | None = None


@dataclass(frozen=True)
class Leases:
    """Leases in ``folder``, each for ``duration``; the clocks of those who share it may differ by less than that."""

    folder: Location
    duration: timedelta
    now: Callable[[], datetime]

    def take(self, name: str) -> Lease | None:
        """The lease on ``name``; None where another has it."""
        earlier = self._attempts(name)
        if earlier and not self._has_run_out(Lease(name, earlier[-1])):
            return None
        mine = Lease(name, earlier[-1] + 1 if earlier else 1)
        content = self._content(_File(owner=uuid.uuid4().hex, until=self.now() + self.duration))
        if not storage.create(self._file(mine), content) and not self._holds(mine, content):
            return None
        if max(self._attempts(name), default=0) > mine.attempt:
            # This process slept since it looked, and the older files that would have told it so are gone.
            storage.remove(self._file(mine))
            return None
        for attempt in earlier:
            storage.remove(self._file(Lease(name, attempt)))
        return mine

    def release(self, lease: Lease, error: str) -> None:
        """End the lease now, after a try that failed for this reason; the count of tries is kept."""
        content = self._content(_File(owner="", until=self.now(), error=error))
        storage.write_bytes(self._file(lease), content)

    def drop(self, name: str) -> None:
        """Forget the leases on what is done."""
        for attempt in self._attempts(name):
            storage.remove(self._file(Lease(name, attempt)))

    def _attempts(self, name: str) -> list[int]:
        stems = (file.removesuffix(".json").rpartition("-") for file in storage.file_names(self.folder))
        return sorted(int(attempt) for whose, _, attempt in stems if whose == name and attempt.isdecimal())

    def _has_run_out(self, lease: Lease) -> bool:
        try:
            return _File.model_validate_json(storage.read_bytes(self._file(lease))).until <= self.now()
        except FileNotFoundError:
            return False  # Somebody has just got ahead of it.
        except ValidationError:
            return True  # Files appear whole, so no process of ours is at work under this one.

    def _holds(self, lease: Lease, content: bytes) -> bool:
        """Whether a create that was told of a file had met its own, whose making S3 had not been heard to confirm."""
        try:
            return storage.read_bytes(self._file(lease)) == content
        except FileNotFoundError:
            return False

    def _content(self, file: _File) -> bytes:
        return f"{file.model_dump_json()}\n".encode()

    def _file(self, lease: Lease) -> Location:
        return self.folder / f"{lease.name}-{lease.attempt:06d}.json"
