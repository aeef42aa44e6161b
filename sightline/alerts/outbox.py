"""Alerts on their way, kept on a folder or S3 until each channel has them.

An alert is written down before it is sent, once for each channel, and its file goes when the channel has it. What has
been delivered is remembered for at least 30 days, so that the same event is not told twice. Who sends an alert holds
the lease on it. Between the sending and the mark that says so nothing protects: the alert of a process that is killed
there is sent again, which is better than not at all.

::

    waiting/{time}-{channel}-{entry}.json   an alert for a channel
    leases/{entry}-{try}.json               who sends it, until when, and why the last try failed
    delivered/{first day}/{entry}.json      what has been sent in the 30 days from then
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256

from pydantic import BaseModel, ConfigDict, ValidationError

from sightline import storage
from sightline.alerts.alert import Alert
from sightline.clock import now_in_utc
from sightline.errors import InvalidInput
from sightline.leases import Lease, Leases
from sightline.storage import Location

__all__ = ["Claim", "Outbox", "Undelivered"]

_KEPT = timedelta(days=30)
_TIME = "%Y%m%dT%H%M%SZ"
_FILE = re.compile(r"(\d{8}T\d{6}Z)-([0-9a-f]{8})-([0-9a-f]{32})\.json")


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True)

    channel: str
    alert: Alert


class _Delivered(BaseModel):
    model_config = ConfigDict(frozen=True)

    channel: str
    key: str
    at: datetime


@dataclass(frozen=True)
class Undelivered:
    """An alert that waits for a channel since ``at``, as its file's name tells of it."""

    file: Location
    at: datetime
    channel_hash: str
    entry: str
    """A hash of the channel and of the alert's key: the same event for the same channel has the same."""


@dataclass(frozen=True)
class Claim:
    """An alert that is this process's to send. ``lease.attempt`` counts the tries of all runs."""

    undelivered: Undelivered
    channel: str
    alert: Alert
    lease: Lease


@dataclass(frozen=True)
class Outbox:
    """Alerts that wait in ``root``; who claims one has ``lease`` to send it."""

    root: Location
    lease: timedelta = timedelta(minutes=5)
    now: Callable[[], datetime] = now_in_utc

    def post(self, alert: Alert, channel: str) -> Undelivered | None:
        """Write the alert down for the channel; None where the channel has had it."""
        entry = sha256(f"{channel}\n{alert.key}".encode()).hexdigest()[:32]
        if self._is_delivered(entry):
            return None
        if known := next((each for each in self._all() if each.entry == entry), None):
            return known
        file = self._waiting / f"{self.now().astimezone(UTC):{_TIME}}-{_hash(channel)}-{entry}.json"
        storage.create(file, _json(_Entry(channel=channel, alert=alert)))
        return self._named(file)

    def waiting(self, channels: Iterable[str]) -> list[Undelivered]:
        """What waits for these channels, oldest first."""
        hashes = set(map(_hash, channels))
        return [each for each in self._all() if each.channel_hash in hashes]

    def claim(self, undelivered: Undelivered) -> Claim | None:
        """Take an alert to send it; None where another is sending it, or has.

        Raises ``InvalidInput`` for a file that holds no alert.
        """
        lease = self._leases.take(undelivered.entry)
        if lease is None:
            return None
        # In this order: the mark comes before the file and the lease go.
        found = None if self._is_delivered(undelivered.entry) else self._read(undelivered, lease)
        if found is None:
            self._forget(undelivered)
            return None
        return Claim(undelivered, found.channel, found.alert, lease)

    def delivered(self, claim: Claim) -> None:
        """The channel has it: remember that, and let the alert go."""
        mark = _Delivered(channel=claim.channel, key=claim.alert.key, at=self.now())
        storage.write_bytes(self._marks(self._day()) / f"{claim.undelivered.entry}.json", _json(mark))
        self._forget(claim.undelivered)

    def failed(self, claim: Claim, error: str) -> None:
        """Keep it for the next run, with the reason."""
        self._leases.release(claim.lease, error)

    def sweep(self) -> list[Undelivered]:
        """Let go of what is over 30 days old: marks, and alerts that no run could deliver, which are returned."""
        storage.sweep(self.root)
        for day in storage.folder_names(self.root / "delivered"):
            if day < self._day(before=1).isoformat():
                storage.remove_folder(self.root / "delivered" / day)
        given_up = [each for each in self._all() if self.now() - each.at > _KEPT]
        for each in given_up:
            self._forget(each)
        return given_up

    @property
    def _waiting(self) -> Location:
        return self.root / "waiting"

    @property
    def _leases(self) -> Leases:
        return Leases(self.root / "leases", self.lease, self.now)

    def _marks(self, day: date) -> Location:
        return self.root / "delivered" / day.isoformat()

    def _day(self, before: int = 0) -> date:
        """The first day of the current 30, or of those ``before``."""
        today = self.now().astimezone(UTC).date().toordinal()
        return date.fromordinal(today - today % _KEPT.days - before * _KEPT.days)

    def _is_delivered(self, entry: str) -> bool:
        return any(storage.exists(self._marks(self._day(before)) / f"{entry}.json") for before in (0, 1))

    def _all(self) -> list[Undelivered]:
        named = (self._named(self._waiting / name) for name in storage.file_names(self._waiting))
        return [each for each in named if each]

    def _named(self, file: Location) -> Undelivered | None:
        parts = _FILE.fullmatch(file.name)
        if parts is None:
            return None
        return Undelivered(file, datetime.strptime(parts[1], _TIME).replace(tzinfo=UTC), parts[2], parts[3])

    def _read(self, undelivered: Undelivered, lease: Lease) -> _Entry | None:
        try:
            return _Entry.model_validate_json(storage.read_bytes(undelivered.file))
        except FileNotFoundError:
            return None
        except ValidationError as error:
            self._leases.release(lease, "damaged")
            raise InvalidInput(
                storage.uri_of(undelivered.file), "is damaged, or was not written by sightline", "Remove it"
            ) from error

    def _forget(self, undelivered: Undelivered) -> None:
        # In this order: a file without a lease is found again by the next run, a lease without a file by nobody.
        self._leases.drop(undelivered.entry)
        storage.remove(undelivered.file)


def _hash(channel: str) -> str:
    return sha256(channel.encode()).hexdigest()[:8]


def _json(document: BaseModel) -> bytes:
    return f"{document.model_dump_json()}\n".encode()
