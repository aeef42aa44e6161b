"""The outbox: alerts in a folder or on S3 until every channel has accepted them.

An alert is stored before it is sent, once per channel, and its file is removed when the channel has accepted it. A
delivery mark is stored for at least 30 days, so the same event is not sent twice. The process that sends an alert holds
its lease. If it is killed between the delivery and the mark, the alert is sent again: delivery is at least once.

A process that does not know the channels posts an alert without one. A process that knows them addresses it: it stores
the alert for every channel, and then removes the posted file.

::

    posted/{event}.json                     an alert that is not addressed to the channels yet
    waiting/{time}-{channel}-{entry}.json   an alert for a channel
    leases/{entry}-{attempt}.json           the process that sends it, its deadline, and why the last attempt failed
    delivered/{first day}/{entry}.json      a delivery in the 30 days from that day
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

__all__ = ["Delivery", "Outbox", "Undelivered"]

_RETENTION = timedelta(days=30)
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
    """An alert that waits for a channel since ``at``, as parsed from its file's name."""

    file: Location
    at: datetime
    channel_hash: str
    entry: str
    """A hash of the channel and the alert's key: the same for the same event and channel."""


@dataclass(frozen=True)
class Delivery:
    """An alert that this process may send. ``lease.attempt`` counts the attempts of all runs."""

    undelivered: Undelivered
    channel: str
    alert: Alert
    lease: Lease


@dataclass(frozen=True)
class Outbox:
    """The alerts that wait in ``root``. The right to send one is a lease of the duration ``lease``."""

    root: Location
    lease: timedelta = timedelta(minutes=5)
    now: Callable[[], datetime] = now_in_utc

    def post(self, alert: Alert, channel: str) -> Undelivered | None:
        """Store the alert for the channel; return None if the channel has already accepted it."""
        entry = sha256(f"{channel}\n{alert.key}".encode()).hexdigest()[:32]
        if self._is_delivered(entry):
            return None
        if posted := next((waiting for waiting in self._all() if waiting.entry == entry), None):
            return posted
        file = self._waiting / f"{self.now().astimezone(UTC):{_TIME}}-{_hash(channel)}-{entry}.json"
        storage.create(file, _json(_Entry(channel=channel, alert=alert)))
        return self._parse(file)

    def post_unaddressed(self, alert: Alert) -> None:
        """Store the alert without a channel, once per event; :meth:`address` stores it for the channels."""
        storage.create(self._posted / f"{sha256(alert.key.encode()).hexdigest()[:32]}.json", _json(alert))

    def unaddressed(self) -> list[Location]:
        """Return the files of the alerts that are not addressed yet."""
        return [self._posted / name for name in storage.file_names(self._posted) if name.endswith(".json")]

    def address(self, file: Location, channels: Iterable[str]) -> Alert | None:
        """Store an unaddressed alert for every channel, and then remove its file.

        Return the alert, or None if another process has addressed it or the channels have accepted it before. Raises
        ``InvalidInput`` for a damaged file.
        """
        try:
            alert = Alert.model_validate_json(storage.read_bytes(file))
        except FileNotFoundError:
            return None
        except ValidationError as error:
            raise _damaged(file) from error
        stored = [self.post(alert, channel) for channel in channels]
        storage.remove(file)
        return alert if any(stored) else None

    def waiting(self, channels: Iterable[str]) -> list[Undelivered]:
        """Return the alerts that wait for these channels, oldest first."""
        hashes = set(map(_hash, channels))
        return [waiting for waiting in self._all() if waiting.channel_hash in hashes]

    def take(self, undelivered: Undelivered) -> Delivery | None:
        """Take the lease on an alert to send it; return None if another process is sending it, or has sent it.

        Raises ``InvalidInput`` for a damaged file.
        """
        lease = self._leases.take(undelivered.entry)
        if lease is None:
            return None
        # In this order: the mark is written before the file and the lease are removed.
        entry = None if self._is_delivered(undelivered.entry) else self._read(undelivered, lease)
        if entry is None:
            self._forget(undelivered)
            return None
        return Delivery(undelivered, entry.channel, entry.alert, lease)

    def delivered(self, delivery: Delivery) -> None:
        """Mark the alert as delivered, and remove it."""
        mark = _Delivered(channel=delivery.channel, key=delivery.alert.key, at=self.now())
        storage.write_bytes(self._marks(self._day()) / f"{delivery.undelivered.entry}.json", _json(mark))
        self._forget(delivery.undelivered)

    def failed(self, delivery: Delivery, error: str) -> None:
        """Release the lease with the reason; the next run retries."""
        self._leases.release(delivery.lease, error)

    def sweep(self) -> list[Undelivered]:
        """Remove marks and undelivered alerts older than 30 days; return those alerts."""
        storage.sweep(self.root)
        for day in storage.folder_names(self.root / "delivered"):
            if day < self._day(before=1).isoformat():
                storage.remove_folder(self.root / "delivered" / day)
        expired = [waiting for waiting in self._all() if self.now() - waiting.at > _RETENTION]
        for waiting in expired:
            self._forget(waiting)
        return expired

    @property
    def _posted(self) -> Location:
        return self.root / "posted"

    @property
    def _waiting(self) -> Location:
        return self.root / "waiting"

    @property
    def _leases(self) -> Leases:
        return Leases(self.root / "leases", self.lease, self.now)

    def _marks(self, day: date) -> Location:
        return self.root / "delivered" / day.isoformat()

    def _day(self, before: int = 0) -> date:
        """Return the first day of the current period of 30 days, or of the one ``before`` periods earlier."""
        today = self.now().astimezone(UTC).date().toordinal()
        return date.fromordinal(today - today % _RETENTION.days - before * _RETENTION.days)

    def _is_delivered(self, entry: str) -> bool:
        return any(storage.exists(self._marks(self._day(before)) / f"{entry}.json") for before in (0, 1))

    def _all(self) -> list[Undelivered]:
        parsed = (self._parse(self._waiting / name) for name in storage.file_names(self._waiting))
        return [undelivered for undelivered in parsed if undelivered]

    def _parse(self, file: Location) -> Undelivered | None:
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
            raise _damaged(undelivered.file) from error

    def _forget(self, undelivered: Undelivered) -> None:
        # In this order: the next run finds a file without a lease, but nothing finds a lease without a file.
        self._leases.drop(undelivered.entry)
        storage.remove(undelivered.file)


def _damaged(file: Location) -> InvalidInput:
    return InvalidInput(storage.uri_of(file), "is damaged, or was not written by sightline", "Remove it")


def _hash(channel: str) -> str:
    return sha256(channel.encode()).hexdigest()[:8]


def _json(document: BaseModel) -> bytes:
    return f"{document.model_dump_json()}\n".encode()
