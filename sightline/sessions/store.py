"""The store of sessions, in folders or on S3.

A run can be killed at any time, repeated, and executed concurrently with others, because of the order of its steps:

1. The session's name is claimed for its content (``claims``).
2. The large files are written to a staging folder of this attempt. Nothing is visible; a run killed here is repeated.
3. The plan is created by a conditional create. It names the attempt whose files are used, and contains all small files.
   The first plan is final; a run that finds one follows it and discards its own results.
4. The plan is rolled forward: numbers are reserved (``ranges``), the files are moved to their locations, the record is
   written after the files it refers to, and the metadata last: it marks the session as finished. Every step is
   idempotent, so any process that finds an unfinished plan completes it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sightline import documents, storage
from sightline.errors import StorageError
from sightline.names import PatientName
from sightline.sessions.claims import Claim, claim_session, is_claimed
from sightline.sessions.corrections import corrected
from sightline.sessions.layout import HIGHLIGHTS, TRACK, VIDEO, PatientLayout, SessionLayout
from sightline.sessions.pending import (
    Pending,
    begin,
    changing,
    finish_pending,
    pending_layouts,
)
from sightline.sessions.plan import Plan, SessionOutputs
from sightline.sessions.preparing import correction_of, replaced
from sightline.sessions.ranges import newest_link
from sightline.sessions.records import (
    Metadata,
    PoseIndices,
    Prediction,
    ReviewItem,
    SessionRecord,
    StoredSession,
    analysis_csv,
)
from sightline.sessions.writing import in_parallel, stage, write_first, write_poses
from sightline.storage import Location, uri_of


@dataclass(frozen=True)
class SessionStore:
    """The sessions of all patients: videos and results in one bucket, training data in another."""

    video_bucket: Location
    patients_bucket: Location

    def claim(self, patient: PatientName | str, stem: str, sha256: str) -> Claim:
        """Return the session of this content of this patient, new or existing.

        Also removes partial files that killed runs have left in the patient's folders.
        """
        claim = claim_session(self.video_bucket, self.patients_bucket, PatientName.of(patient), stem, sha256)
        layout = self._layout(claim)
        storage.sweep(layout.annotated)
        storage.sweep(layout.training)
        if self.status(claim) == "finished":
            storage.remove_folder(layout.staging)
        return claim

    def find(self, patient: PatientName | str, sha256: str) -> Claim | None:
        """Return the session of this content of this patient; None, without writing anything, if it is new."""
        if not is_claimed(self.video_bucket, self.patients_bucket, PatientName.of(patient), sha256):
            return None
        return self.claim(patient, sha256, sha256)

    def status(self, claim: Claim) -> Literal["new", "planned", "finished"]:
        """Return the state of the session: ``planned`` if it has a plan that is not completed."""
        layout = self._layout(claim)
        metadata = documents.read(layout.metadata, Metadata)
        if metadata is not None and metadata.content_hash == claim.sha256:
            return "finished"
        return "planned" if documents.read(layout.plan, Plan) else "new"

    def save(self, claim: Claim, outputs: SessionOutputs) -> StoredSession:
        """Store the results of processing. If the session already has a plan, that plan is completed instead."""
        outputs.check(claim)
        layout = self._layout(claim)
        if self.status(claim) == "new":
            try:
                self._create_plan(layout, outputs)
            except (FileNotFoundError, StorageError):
                # The process that finishes a session removes all staging folders, even this attempt's.
                if self.status(claim) == "new":
                    raise
        return self.complete(claim)

    def complete(self, claim: Claim) -> StoredSession:
        """Complete the session's plan. Raises ``StorageError`` if it has none."""
        layout = self._layout(claim)
        if self.status(claim) != "finished":
            self._roll_forward(layout, self._plan(layout))
        storage.remove_folder(layout.staging)
        return self.outputs(claim)

    def outputs(self, claim: Claim) -> StoredSession:
        """Return the URIs of a finished session's files. Raises ``StorageError`` if it is not finished.

        A change of the session that was interrupted is completed first.
        """
        layout = self._layout(claim)
        finish_pending(layout)
        metadata, record = self._finished(layout)
        plan, folder = self._plan(layout), record.folder
        files = layout.files(metadata.staged)
        return StoredSession(
            patient=layout.patient.text,
            session=layout.session,
            sha256=layout.sha256,
            emotion=metadata.emotion,
            annotated_video=uri_of(files.video),
            highlights=uri_of(files.highlights) if plan.highlights else None,
            frames=uri_of(files.frames),
            people=uri_of(files.people) if plan.people and not _is_decided(metadata) else None,
            poses=uri_of(files.poses),
            metadata_file=uri_of(layout.metadata),
            csv=uri_of(files.csv),
            pose_folder=uri_of(layout.poses_of(folder)),
            pose_indices=record.pose_indices,
            record=uri_of(layout.record(folder, layout.session)),
            track=uri_of(layout.records(folder) / record.track),
            metadata=metadata,
        )

    def replace(self, claim: Claim, outputs: SessionOutputs, folders: Mapping[str, str]) -> StoredSession:
        """Store the results of processing a finished session's video again in place of the earlier ones.

        The earlier session is complete until the later one is, which then takes its place with its corrections. Other
        sessions are stored as by :meth:`save`. ``folders``: the folder of every emotion. Raises
        :class:`~sightline.leases.LeaseTaken` while another process changes the session.
        """
        if self.status(claim) != "finished":
            return self.save(claim, outputs)
        outputs.check(claim)
        layout = self._layout(claim)
        with changing(layout, "a replacement") as held:
            metadata, earlier = self._finished(layout)
            later = replaced(outputs, metadata, earlier, folders)
            attempt, since = uuid.uuid4().hex, newest_link(layout.poses_of(later.folder))
            plan = Plan.of(later, layout.patient.text, attempt, since)
            stage(later, layout.replacements / attempt)
            held.check()
            begin(
                layout,
                Pending(attempt=attempt, earlier=earlier, folder=plan.folder, ranges_since=since, plan=plan),
                held,
            )
        return self.outputs(claim)

    def correct(
        self,
        claim: Claim,
        emotion: str,
        folders: Mapping[str, str],
        *,
        by: str,
        at: datetime,
        start: float | None = None,
        end: float | None = None,
        note: str = "",
    ) -> StoredSession:
        """Store a person's correction of a finished session's emotion, or of a stretch from ``start`` to ``end`` s.

        The poses, the track and the record move to the folder of the session's emotion. What was stored before is kept
        in the correction. ``folders``: the folder of every emotion.

        Raises :class:`~sightline.errors.InvalidInput` for an emotion without a folder and for a stretch outside the
        session, ``StorageError`` if it is not finished, and :class:`~sightline.leases.LeaseTaken` while another process
        changes it.
        """
        layout = self._layout(claim)
        with changing(layout, f"a correction by {by}") as held:
            metadata, earlier = self._finished(layout)
            correction = correction_of(claim.name.label, metadata, emotion, folders, by, at, (start, end), note)
            later, _ = corrected(metadata.emotion, metadata.timeline, [correction], metadata.duration_seconds)
            folder = earlier.folder if later == metadata.emotion else folders.get(later, earlier.folder)
            since = newest_link(layout.poses_of(folder))
            pending = Pending(
                attempt=uuid.uuid4().hex, earlier=earlier, folder=folder, ranges_since=since, correction=correction
            )
            begin(layout, pending, held)
        return self.outputs(claim)

    def finish_changes(self, patient: PatientName | str) -> None:
        """Complete the changes of a patient's sessions that were interrupted."""
        for layout in pending_layouts(self.video_bucket, self.patients_bucket, PatientName.of(patient)):
            finish_pending(layout)

    def add_prediction(self, claim: Claim, prediction: Prediction) -> StoredSession:
        """Write a model's prediction into a finished session's metadata, replacing an earlier one.

        Raises ``StorageError`` if the session is not finished.
        """
        layout, stored = self._layout(claim), self.outputs(claim)
        metadata = documents.change(
            layout.metadata,
            Metadata,
            # A person's answer may have changed the metadata since.
            lambda current: (current or stored.metadata).model_copy(update={"prediction": prediction}),
        )
        return stored.model_copy(update={"metadata": metadata, "emotion": metadata.emotion})

    def end_review(self, patient: PatientName | str, session: str) -> None:
        """Remove a session's review marker of version 0.1, if there is one."""
        layout = PatientLayout(self.video_bucket, self.patients_bucket, PatientName.of(patient))
        storage.remove(layout.review(session))

    def reviews(self, patient: PatientName | str) -> list[ReviewItem]:
        """Return the review markers that version 0.1 wrote for a patient, the oldest first.

        Later versions queue a question instead: see ``sightline.reviews``.
        """
        layout = PatientLayout(self.video_bucket, self.patients_bucket, PatientName.of(patient))
        items = (documents.read(layout.reviews / name, ReviewItem) for name in storage.file_names(layout.reviews))
        return sorted(filter(None, items), key=lambda item: (item.prediction.predicted_at, item.session))

    def _layout(self, claim: Claim) -> SessionLayout:
        return SessionLayout(self.video_bucket, self.patients_bucket, claim.name.patient, claim.session, claim.sha256)

    def _finished(self, layout: SessionLayout) -> tuple[Metadata, SessionRecord]:
        metadata = documents.read(layout.metadata, Metadata)
        if metadata is None or metadata.content_hash != layout.sha256:
            raise StorageError(
                f"{uri_of(layout.metadata)}: does not exist, so the session is not finished, or its video bucket is "
                "another one. Give --video-bucket, or process the video again"
            )
        folder = metadata.folder or self._plan(layout).folder
        record = documents.read(layout.record(folder, layout.session), SessionRecord)
        if record is None:
            raise StorageError(
                f"{uri_of(layout.record(folder, layout.session))}: does not exist, but the session is finished. "
                "Was it stored with another patients bucket?"
            )
        return metadata, record

    def _plan(self, layout: SessionLayout) -> Plan:
        plan = documents.read(layout.plan, Plan)
        if plan is None:
            raise StorageError(
                f"{uri_of(layout.plan)}: does not exist, so the session has no results. Process it again"
            )
        return plan

    def _create_plan(self, layout: SessionLayout, outputs: SessionOutputs) -> None:
        attempt = uuid.uuid4().hex
        plan = Plan.of(outputs, layout.patient.text, attempt, newest_link(layout.poses_of(outputs.folder)))
        stage(outputs, layout.staging / attempt)
        # If this fails, the plan may exist nevertheless, and then it needs the staged files.
        storage.create(layout.plan, documents.to_json(plan))

    def _roll_forward(self, layout: SessionLayout, plan: Plan) -> None:
        staging = layout.staging / plan.attempt
        texts = [pose.text.encode() for pose in plan.poses]
        folder = layout.poses_of(plan.folder)
        start = write_poses(folder, layout.session, layout.sha256, texts, plan.ranges_since)
        track = layout.track(plan.folder)
        _take_staged(layout, track, lambda: storage.write_bytes(track, storage.read_bytes(staging / TRACK)))

        moves = [(staging / VIDEO, layout.video)]
        if plan.highlights:
            moves.append((staging / HIGHLIGHTS, layout.highlights))
        moves += [(staging / "frames" / name, layout.frames / name) for name in plan.frames]
        moves += [(staging / "people" / name, layout.people / name) for name in plan.people]
        in_parallel(lambda pair: _take_staged(layout, pair[1], lambda: storage.move(*pair)), moves)
        named = [(layout.poses / pose.name, text) for pose, text in zip(plan.poses, texts, strict=True)]
        in_parallel(lambda file: storage.write_bytes(*file), named)

        storage.write_bytes(layout.csv, analysis_csv(plan.metadata))
        record = plan.record(PoseIndices.starting_at(start, len(texts)), track.name)
        write_first(layout.record(plan.folder, layout.session), record, "sha256")
        write_first(layout.metadata, plan.metadata, "content_hash")


def _is_decided(metadata: Metadata) -> bool:
    return metadata.identity is None or metadata.identity.is_decided


def _take_staged(layout: SessionLayout, target: Location, take_from_staging: Callable[[], None]) -> None:
    """Move a staged file to its location, unless a process with the same plan has done so."""
    try:
        take_from_staging()
    except FileNotFoundError as error:
        if not storage.exists(target):
            raise StorageError(
                f"{uri_of(target)}: cannot be created, because its staged file is missing. "
                f"Remove {uri_of(layout.plan)} and process the video again"
            ) from error
