"""Changes of finished sessions that move files: a correction of the emotion, and a replacement.

One process at a time changes a session: it holds a lease. What it is about to do is written first, as the pending
change of the session, so that a change that was interrupted is completed by the next process that looks at the session.
At every moment, record and metadata each refer to files that are all there, either the earlier or the later ones:

1. Poses and track are written for the later record, beside the earlier ones: new numbers, or another folder.
2. The later record is written. In the folder of another emotion it is a second record, with a higher generation.
3. The metadata are swapped. Those of a replacement refer to its files where they were staged.
4. The files of a replacement are copied to the session's locations, and then the metadata refer to these.
5. The earlier record, poses and track are removed, then the staged files and the pending change.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, NonNegativeInt

from sightline import documents, storage
from sightline.clock import now_in_utc
from sightline.errors import StorageError
from sightline.leases import HeldLease, Leases, LeaseTaken
from sightline.names import PatientName
from sightline.sessions.corrections import Correction, corrected
from sightline.sessions.layout import HIGHLIGHTS, PENDING_SUFFIX, TRACK, VIDEO, PatientLayout, SessionLayout
from sightline.sessions.plan import Plan
from sightline.sessions.ranges import pose_name
from sightline.sessions.records import Metadata, PoseIndices, SessionRecord, analysis_csv
from sightline.sessions.writing import in_parallel, write_first, write_poses
from sightline.storage import Location

__all__ = ["Pending", "begin", "changing", "finish_pending", "pending_layouts"]

_LEASE = timedelta(minutes=1)
_PAUSE = 1.0
_TRACK_PART = 16
"""The characters of the attempt in the name of a track: with those of the session they fit into a file name."""


class Pending(BaseModel):
    """A change that was begun: a correction, or the ``plan`` of a replacement. ``earlier`` is the record before it.

    ``folder`` is that of the emotion afterwards; ``ranges_since`` as in the plan, in that folder.
    """

    model_config = ConfigDict(frozen=True)

    attempt: str
    earlier: SessionRecord
    folder: str
    ranges_since: NonNegativeInt
    correction: Correction | None = None
    plan: Plan | None = None

    @property
    def generation(self) -> int:
        """The generation of the later record."""
        return self.earlier.generation + 1


@contextmanager
def changing(layout: SessionLayout, holder: str) -> Iterator[HeldLease]:
    """Hold the exclusive right to change the session; an interrupted change is completed first.

    The lease of a killed process is waited for. Raises :class:`~sightline.leases.LeaseTaken` if another process keeps
    it.
    """
    leases = Leases(layout.leases, _LEASE, now_in_utc)
    deadline = time.monotonic() + 2 * _LEASE.total_seconds()
    while True:
        try:
            with leases.hold(layout.sha256, holder) as held:
                if pending := documents.read(layout.pending, Pending):
                    _roll_forward(layout, pending, held)
                storage.remove_folder(layout.replacements)
                yield held
                return
        except LeaseTaken:
            if time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE)


def finish_pending(layout: SessionLayout) -> None:
    """Complete the session's change if it was interrupted; leave it to another process that is at work on it."""
    if documents.read(layout.pending, Pending) is None:
        return
    with suppress(LeaseTaken), Leases(layout.leases, _LEASE, now_in_utc).hold(layout.sha256, "completion") as held:
        if pending := documents.read(layout.pending, Pending):
            _roll_forward(layout, pending, held)


def pending_layouts(video_bucket: Location, patients_bucket: Location, patient: PatientName) -> list[SessionLayout]:
    """Return the layouts of a patient's sessions that have a pending change."""
    state = PatientLayout(video_bucket, patients_bucket, patient).state
    names = [name for name in storage.file_names(state) if name.endswith(PENDING_SUFFIX)]
    changes = [pending.earlier for name in names if (pending := documents.read(state / name, Pending))]
    return [SessionLayout(video_bucket, patients_bucket, patient, record.session, record.sha256) for record in changes]


def begin(layout: SessionLayout, pending: Pending, held: HeldLease) -> None:
    """Write the pending change, and do it. The caller holds the lease, and nothing is visible before."""
    held.check()
    if not storage.create(layout.pending, documents.to_json(pending)) and (
        documents.read(layout.pending, Pending) != pending  # S3's response to the create may have been lost.
    ):
        raise StorageError(f"{storage.uri_of(layout.pending)}: another process changes the session. Try again later")
    _roll_forward(layout, pending, held)


def _roll_forward(layout: SessionLayout, pending: Pending, held: HeldLease) -> None:
    """Do what is left of a change. Every step can be repeated."""
    if pending.plan is not None:
        _replace(layout, pending, pending.plan, held)
    elif pending.correction is not None:
        _correct(layout, pending, pending.correction)
    held.check()
    later = documents.read(layout.record(pending.folder, layout.session), SessionRecord)
    _remove_earlier(layout, pending.earlier, later)
    storage.remove_folder(layout.replacements / pending.attempt)
    storage.remove(layout.pending)


def _correct(layout: SessionLayout, pending: Pending, correction: Correction) -> None:
    location = layout.record(pending.folder, layout.session)
    metadata = documents.read(layout.metadata, Metadata)
    if metadata is None:
        raise StorageError(f"{storage.uri_of(layout.metadata)}: is missing, so that the correction cannot be completed")
    if correction not in metadata.corrections:
        emotion, timeline = corrected(metadata.emotion, metadata.timeline, [correction], metadata.duration_seconds)
        common = {
            "emotion": emotion,
            "corrections": (*metadata.corrections, correction),
            "spoken_emotion": metadata.spoken_emotion or metadata.emotion,
            "generation": pending.generation,
        }
        _write_record(layout, pending, {**common, "folder": pending.folder})

        def update(stored: Metadata | None) -> Metadata | None:
            return stored and stored.model_copy(update={**common, "timeline": timeline, "folder": pending.folder})

        metadata = documents.change(layout.metadata, Metadata, update) or metadata
    storage.write_bytes(layout.csv, analysis_csv(metadata))
    if not storage.exists(location):
        raise StorageError(f"{storage.uri_of(location)}: is missing. Process the video again with --replace")


def _write_record(layout: SessionLayout, pending: Pending, changes: dict[str, Any]) -> None:
    """Write the later record of a correction, after its poses and its track if they are in another folder."""
    earlier, location = pending.earlier, layout.record(pending.folder, layout.session)
    if pending.folder == earlier.folder:
        documents.change(
            location,
            SessionRecord,
            # An answer may have changed the record since.
            lambda stored: (
                stored if stored is None or _is_later(stored, pending) else stored.model_copy(update=changes)
            ),
        )
        return
    if documents.read(location, SessionRecord) is not None:
        return
    texts = [storage.read_bytes(layout.poses_of(earlier.folder) / name) for name in _pose_names(earlier)]
    folder = layout.poses_of(pending.folder)
    start = write_poses(folder, layout.session, pending.attempt, texts, pending.ranges_since)
    track = storage.read_bytes(layout.records(earlier.folder) / earlier.track)
    storage.write_bytes(layout.records(pending.folder) / earlier.track, track)
    indices = PoseIndices.starting_at(start, len(texts))
    write_first(location, earlier.model_copy(update={**changes, "pose_indices": indices}), "sha256")


def _replace(layout: SessionLayout, pending: Pending, plan: Plan, held: HeldLease) -> None:
    staging = layout.replacements / pending.attempt
    stored = documents.read(layout.record(plan.folder, layout.session), SessionRecord)
    texts = [pose.text.encode() for pose in plan.poses]
    if stored is None or not _is_later(stored, pending):
        start = write_poses(layout.poses_of(plan.folder), layout.session, pending.attempt, texts, pending.ranges_since)
        # The earlier track may be in the same folder.
        track = layout.records(plan.folder) / f"{layout.session}-{pending.attempt[:_TRACK_PART]}_track.parquet"
        storage.write_bytes(track, storage.read_bytes(staging / TRACK))
        record = plan.record(PoseIndices.starting_at(start, len(texts)), track.name)
        if stored is None:
            write_first(layout.record(plan.folder, layout.session), record, "sha256")
        else:
            documents.change(
                layout.record(plan.folder, layout.session),
                SessionRecord,
                lambda stored: stored if stored is not None and _is_later(stored, pending) else record,
            )
    metadata = documents.read(layout.metadata, Metadata)
    if metadata is None or metadata.generation < pending.generation:
        named = [(staging / "poses" / pose.name, text) for pose, text in zip(plan.poses, texts, strict=True)]
        in_parallel(lambda file: storage.write_bytes(*file), named)
        storage.write_bytes(staging / layout.csv.name, analysis_csv(plan.metadata))
        held.check()
        metadata = documents.change(
            layout.metadata, Metadata, lambda _: plan.metadata.model_copy(update={"staged": pending.attempt})
        )
    if metadata.staged == pending.attempt:
        _settle(layout, plan, staging, held)
    storage.write_bytes(layout.plan, documents.to_json(plan))


def _settle(layout: SessionLayout, plan: Plan, staging: Location, held: HeldLease) -> None:
    """Copy the staged files to the session's locations, to which the metadata do not refer until then."""
    held.check()
    for folder in (layout.frames, layout.poses):
        storage.remove_folder(folder)
    storage.remove(layout.highlights)
    copies = [(staging / VIDEO, layout.video), (staging / layout.csv.name, layout.csv)]
    if plan.highlights:
        copies.append((staging / HIGHLIGHTS, layout.highlights))
    copies += [(staging / "frames" / name, layout.frames / name) for name in plan.frames]
    copies += [(staging / "people" / name, layout.people / name) for name in plan.people]
    copies += [(staging / "poses" / pose.name, layout.poses / pose.name) for pose in plan.poses]
    in_parallel(lambda pair: storage.copy(*pair), copies)
    held.check()
    documents.change(layout.metadata, Metadata, lambda stored: stored and stored.model_copy(update={"staged": None}))


def _is_later(stored: SessionRecord, pending: Pending) -> bool:
    return stored.generation >= pending.generation


def _remove_earlier(layout: SessionLayout, earlier: SessionRecord, later: SessionRecord | None) -> None:
    """Remove what the earlier record refers to and the later one does not, and then the record itself."""
    if later is None:
        return
    moved = earlier.folder != later.folder
    if moved or earlier.pose_indices != later.pose_indices:
        folder = layout.poses_of(earlier.folder)
        in_parallel(lambda name: storage.remove(folder / name), _pose_names(earlier))
    if moved or earlier.track != later.track:
        storage.remove(layout.records(earlier.folder) / earlier.track)
    if moved:
        storage.remove(layout.record(earlier.folder, layout.session))


def _pose_names(record: SessionRecord) -> list[str]:
    indices = record.pose_indices
    return [pose_name(number) for number in range(indices.start or 0, (indices.start or 0) + indices.count)]
