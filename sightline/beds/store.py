"""What is stored about a bed's patient: the state in every frame, the files that were read, and the alerts.

::

    patients/ana/frames/2026-03-08.json   the state in each frame of a day in UTC
    patients/ana/files/2026-03-08.json    the read files with this day in their names; undated.json: the others
    patients/ana/read.json                a digest of each of these, so that a pass opens only those that changed
    patients/ana/watch.json               the alerts that were sent
    patients/ana/reports/                 the weekly reports
    leases/                               the process that reads the frames

The states are stored before the files are marked as read, and a frame has one state however often it is stored: a
process that dies in between loses nothing, and the next one counts nothing twice.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from pydantic import BaseModel, ConfigDict

from sightline import documents, storage
from sightline.beds.bed import Bed, InvalidBed
from sightline.beds.timeline import FAULT, Sample
from sightline.beds.watch import WatchState
from sightline.storage import Location

__all__ = ["UNDATED", "BedStore", "JudgedFrame", "ReadFile"]

UNDATED = "undated"
_PATIENTS = "patients"


class JudgedFrame(BaseModel):
    """The state in a frame; ``confidence`` is None if no model was asked."""

    model_config = ConfigDict(frozen=True)

    state: str
    confidence: float | None = None


class ReadFile(BaseModel):
    """A file that was read: its version, the number of its frames, and what was wrong with it or with one of them.

    ``bed`` identifies what bed.toml stated then: a file with a problem is read again after a correction.
    """

    model_config = ConfigDict(frozen=True)

    version: str
    frames: int
    bed: str
    problem: str | None = None


class _Frames(BaseModel):
    frames: dict[datetime, JudgedFrame] = {}


class _Files(BaseModel):
    files: dict[str, ReadFile] = {}


class _Digests(BaseModel):
    digests: dict[str, str] = {}


@dataclass(frozen=True)
class BedStore:
    """What is stored about the patient who lies in ``bed``."""

    bed: Bed

    @property
    def root(self) -> Location:
        """The folder of the patient."""
        return self.bed.folder / _PATIENTS / self.bed.patient

    def check_patient(self) -> None:
        """Raise :class:`InvalidBed` if the bed had another patient, and nothing tells which frames are of which."""
        others = [name for name in storage.folder_names(self.bed.folder / _PATIENTS) if name != self.bed.patient]
        if others and self.bed.admission is None:
            raise InvalidBed(
                storage.uri_of(self.bed.folder / "bed.toml"),
                f"the bed had another patient before ({', '.join(others)}), whose frames are in the same source",
                f"State since when {self.bed.patient} lies in it, as in admitted = 2026-03-08T10:00:00",
            )

    def unread(self, listing: Mapping[str, Mapping[str, str]]) -> dict[str, set[str]]:
        """Return the files of each shard that were not read in this version; ``listing`` is shard → name → version."""
        known = self._digests()
        changed = (shard for shard, files in listing.items() if known.get(shard) != self._digest(files))
        return {shard: self._unread(listing[shard], self._files(shard)) for shard in changed}

    def _unread(self, files: Mapping[str, str], read: Mapping[str, ReadFile]) -> set[str]:
        return {name for name, version in files.items() if not self._is_settled(read.get(name), version)}

    def _is_settled(self, read: ReadFile | None, version: str) -> bool:
        return read is not None and read.version == version and (read.problem is None or read.bed == self.bed.digest)

    def add(self, frames: Mapping[datetime, JudgedFrame]) -> int:
        """Store the states of frames, and return the number of new ones.

        A frame that is stored keeps its state, unless it was a fault. Two processes that store the same frames at the
        same moment may both count them.
        """
        added = 0
        for day, group in _by_day(frames).items():
            new: set[datetime] = set()

            def merge(stored: _Frames | None, group: Sequence[datetime] = group, new: set[datetime] = new) -> _Frames:
                before = stored.frames if stored else {}
                new.clear()
                new.update(at for at in group if _replaces(frames[at], before.get(at)))
                if stored and not new:
                    return stored
                merged = before | {at: frames[at] for at in new}
                return _Frames(frames=dict(sorted(merged.items())))

            documents.change(self._day(day), _Frames, merge)
            added += len(new)
        return added

    def known(self, instants: Iterable[datetime]) -> set[datetime]:
        """Return those of the instants of which a frame is stored that is no fault."""
        known = set()
        for day, group in _by_day(instants).items():
            stored = self._frames(day)
            known |= {at for at in group if at in stored and stored[at].state != FAULT}
        return known

    def mark_read(self, files: Mapping[str, Mapping[str, ReadFile]]) -> None:
        """Note the files of each shard as read. Their frames must be stored before."""
        for shard, read in files.items():

            def merge(stored: _Files | None, read: Mapping[str, ReadFile] = read) -> _Files:
                return _Files(files=(stored.files if stored else {}) | dict(read))

            documents.change(self._shard(shard), _Files, merge)

    def mark_complete(self, listing: Mapping[str, Mapping[str, str]]) -> None:
        """Note that all files of these shards were read in these versions."""
        digests = {shard: self._digest(files) for shard, files in listing.items()}

        def merge(stored: _Digests | None) -> _Digests:
            before = stored or _Digests()
            merged = _Digests(digests=before.digests | digests)
            return before if merged == before else merged

        documents.change(self.root / "read.json", _Digests, merge)

    def samples(self, start: datetime, end: datetime) -> list[Sample]:
        """Return the frames from ``start`` to ``end``, ordered by time."""
        first, last = start.astimezone(UTC).date(), end.astimezone(UTC).date()
        days = (first + timedelta(days=number) for number in range((last - first).days + 1))
        return [
            Sample(at, frame.state)
            for day in days
            for at, frame in sorted(self._frames(day).items())
            if start <= at <= end
        ]

    def problems(self, shards: Iterable[str]) -> list[tuple[str, str]]:
        """Return the files with a problem, with the problem, of these shards."""
        return [
            (name, read.problem)
            for shard in shards
            for name, read in sorted(self._files(shard).items())
            if read.problem is not None
        ]

    def watch_state(self) -> WatchState | None:
        """Return what is remembered about the alerts; None before the first pass."""
        return documents.read(self._watch, WatchState)

    def save_watch_state(self, state: WatchState) -> None:
        """Store what is remembered about the alerts. Of two concurrent passes, the later one counts."""
        documents.change(
            self._watch,
            WatchState,
            lambda stored: stored if stored and stored.seen_until > state.seen_until else state,
        )

    def _digest(self, files: Mapping[str, str]) -> str:
        lines = (f"{name}\0{version}\n" for name, version in sorted(files.items()))
        return hashlib.sha256(f"{self.bed.digest}\n{''.join(lines)}".encode()).hexdigest()

    @property
    def _watch(self) -> Location:
        return self.root / "watch.json"

    def _day(self, day: date) -> Location:
        return self.root / "frames" / f"{day}.json"

    def _shard(self, shard: str) -> Location:
        return self.root / "files" / f"{shard}.json"

    def _frames(self, day: date) -> dict[datetime, JudgedFrame]:
        stored = documents.read(self._day(day), _Frames)
        return stored.frames if stored else {}

    def _files(self, shard: str) -> dict[str, ReadFile]:
        stored = documents.read(self._shard(shard), _Files)
        return stored.files if stored else {}

    def _digests(self) -> dict[str, str]:
        stored = documents.read(self.root / "read.json", _Digests)
        return stored.digests if stored else {}


def _by_day(instants: Iterable[datetime]) -> dict[date, list[datetime]]:
    days: defaultdict[date, list[datetime]] = defaultdict(list)
    for at in instants:
        days[at.astimezone(UTC).date()].append(at)
    return days


def _replaces(frame: JudgedFrame, stored: JudgedFrame | None) -> bool:
    return stored is None or (stored.state == FAULT and frame.state != FAULT)
