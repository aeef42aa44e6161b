"""One pass over a bed's frames: new files → frames → states, stored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from sightline import storage
from sightline.beds.bed import Bed
from sightline.beds.frames import SUFFIXES, FileInvalid, Frame, is_growing, read_frames
from sightline.beds.mat import FrameInvalid
from sightline.beds.stamps import StampInvalid, in_name
from sightline.beds.store import UNDATED, BedStore, JudgedFrame, ReadFile
from sightline.beds.timeline import FAULT, OUT_OF_BED
from sightline.errors import TooLarge
from sightline.leases import HeldLease, Leases
from sightline.storage import StoredFile

__all__ = ["Judge", "Reading", "read_new_frames"]

Judge: TypeAlias = Callable[[Sequence[bytes]], Sequence[JudgedFrame]]
"""Returns the state in each of the pictures, which are JPEG or PNG files; FAULT for one that cannot be decoded."""

_LEASE = timedelta(minutes=5)
_FILES = 200  # read before their frames are stored
_PICTURES = 512  # judged at once
_MAX_BYTES = 200_000_000
_AHEAD = timedelta(minutes=5)  # of the mat's clock: a frame from later would hide that no data arrive


@dataclass
class Reading:
    """What a pass read: the files, the new frames, those from before the admission, and the problems by file."""

    files: int = 0
    frames: int = 0
    before_admission: int = 0
    problems: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Part:
    """What one file adds: states by instant, and pictures that a model must judge."""

    read: ReadFile
    states: dict[datetime, JudgedFrame]
    pictures: dict[datetime, bytes]


def read_new_frames(bed: Bed, judge: Judge, now: Callable[[], datetime], holder: str) -> Reading:
    """Read the files that are new or have changed, and store the state in each of their frames.

    One process at a time reads a bed. Raises :class:`~sightline.leases.LeaseTaken` if another one does, and
    ``StorageError``, after which the next pass continues.
    """
    store = BedStore(bed)
    store.check_patient()
    with Leases(bed.folder / "leases", _LEASE, now).hold("watch", holder) as lease:
        files = {_key(file, bed): file for file in storage.walk(bed.frames) if _is_frame(file)}
        listing: defaultdict[str, dict[str, str]] = defaultdict(dict)
        for name, file in files.items():
            listing[_shard(file, bed)][name] = file.version
        unread = store.unread(listing)
        result, growing = Reading(), set[str]()
        names = [(shard, name) for shard, group in sorted(unread.items()) for name in sorted(group)]
        for start in range(0, len(names), _FILES):
            batch = names[start : start + _FILES]
            growing |= _read_batch(
                [(shard, name, files[name]) for shard, name in batch], store, judge, now(), lease, result
            )
        store.mark_complete({shard: listing[shard] for shard in unread if shard not in growing})
    return result


def _read_batch(
    batch: Sequence[tuple[str, str, StoredFile]],
    store: BedStore,
    judge: Judge,
    now: datetime,
    lease: HeldLease,
    result: Reading,
) -> set[str]:
    """Read some files, store their frames, and mark them as read; return the shards with unfinished files."""
    growing: set[str] = set()
    read: defaultdict[str, dict[str, ReadFile]] = defaultdict(dict)
    states: dict[datetime, JudgedFrame] = {}
    pictures: dict[datetime, bytes] = {}
    for shard, name, file in batch:
        may_grow = is_growing(file, now)
        part = _read_file(file, store, now, result, growing=may_grow)
        if part is None:
            continue  # It was removed since it was listed.
        states, pictures = part.states | states, part.pictures | pictures
        if may_grow and (part.read.problem or file.location.name.lower().endswith((".csv", ".tsv", ".txt"))):
            growing.add(shard)
        else:
            read[shard][name] = part.read
        if part.read.problem and not may_grow:
            result.problems[name] = part.read.problem
        result.files += 1
    waiting = [at for at in pictures if at not in states]
    for start in range(0, len(waiting), _PICTURES):
        chosen = waiting[start : start + _PICTURES]
        states |= dict(zip(chosen, judge([pictures[at] for at in chosen]), strict=True))
    lease.check()
    result.frames += store.add(states)
    store.mark_read(read)
    return growing


def _read_file(file: StoredFile, store: BedStore, now: datetime, result: Reading, *, growing: bool) -> _Part | None:
    bed, problem = store.bed, None
    frames: list[Frame] = []
    try:
        data = storage.read_bytes(file.location, _MAX_BYTES)
        for frame in read_frames(file, data, bed, growing=growing):
            if isinstance(frame, Exception):
                problem = str(frame)
            elif frame.at > now + _AHEAD:
                problem = (
                    f"{frame.at:%Y-%m-%d %H:%M} UTC is in the future. Correct the mat's clock, or time_zone in bed.toml"
                )
            elif bed.admission and frame.at < bed.admission:
                result.before_admission += 1
            else:
                frames.append(frame)
    except FileNotFoundError:
        return None
    except (FileInvalid, TooLarge) as error:
        problem = str(error)
    known = store.known(frame.at for frame in frames)
    states: dict[datetime, JudgedFrame] = {}
    pictures: dict[datetime, bytes] = {}
    for frame in frames:
        if frame.at in known or frame.at in states or frame.at in pictures:
            continue
        try:
            state, picture = _measured(frame, bed)
        except FrameInvalid as error:
            problem, state, picture = str(error), FAULT, None
        if picture is None:
            states[frame.at] = JudgedFrame(state=state or FAULT)
        else:
            pictures[frame.at] = picture
    return _Part(ReadFile(version=file.version, frames=len(frames), bed=bed.digest, problem=problem), states, pictures)


def _measured(frame: Frame, bed: Bed) -> tuple[str | None, bytes | None]:
    """Return the state of a frame that needs no model, or the picture of one that does."""
    if frame.values is None:
        return None, frame.picture
    assert bed.mat is not None  # noqa: S101  # arrays of a bed without a mat are refused before
    bed.mat.check(frame.values)
    return (OUT_OF_BED, None) if bed.mat.is_empty(frame.values) else (None, bed.mat.picture(frame.values))


def _is_frame(file: StoredFile) -> bool:
    name = file.location.name
    return not name.startswith(".") and name.lower().endswith(SUFFIXES)


def _key(file: StoredFile, bed: Bed) -> str:
    return storage.key_under(file.location, bed.frames) or file.location.name


def _shard(file: StoredFile, bed: Bed) -> str:
    """Return the day in a file's name, by which the files that were read are grouped."""
    try:
        at = in_name(file.location.name, bed.zone, bed.time_format, file.modified)
    except StampInvalid:
        return UNDATED
    return f"{at.astimezone(UTC).date()}" if at else UNDATED
