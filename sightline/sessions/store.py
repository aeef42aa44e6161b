"""The store of what processing videos makes, on a folder or S3 alike.

A run can be killed at any moment, run again, and run beside others, because of the order of things:

1. The session's name is claimed for its content (``claims``).
2. The large files go to a staging folder of this attempt. Nothing shows yet; a run killed here is simply run again.
3. The plan is made by a conditional create. It names the attempt that counts and holds everything small. The first
   plan stands for good; a run that finds one follows it, and throws its own work away.
4. The plan is rolled forward: numbers are reserved (``ranges``), each file is put in its place, the record comes after
   what it speaks of, and the metadata last: it says that the session is finished. Every step gives the same files
   however often it is done, so whoever finds a plan unfinished finishes it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, TypeVar

from sightline import documents, storage
from sightline.errors import StorageError
from sightline.names import PatientName
from sightline.sessions.claims import Claim, claim_session, is_claimed
from sightline.sessions.layout import PatientLayout, SessionLayout
from sightline.sessions.plan import Plan, SessionOutputs
from sightline.sessions.ranges import newest_link, pose_name, reserve
from sightline.sessions.records import (
    Metadata,
    PoseIndices,
    Prediction,
    ReviewItem,
    SessionRecord,
    StoredSession,
    analysis_csv,
)
from sightline.storage import Location, uri_of

_WRITERS = 8  # requests under way at once: a session is dozens of small files, and S3 takes some 20 ms for each
_VIDEO, _HIGHLIGHTS, _TRACK = "annotated.mp4", "highlights.mp4", "track.parquet"  # in the staging folder

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class SessionStore:
    """Sessions of all patients: videos and what is seen in them in one bucket, training data in another."""

    video_bucket: Location
    patients_bucket: Location

    def claim(self, patient: PatientName | str, stem: str, sha256: str) -> Claim:
        """The session that this content of this patient is, a new one or one known before.

        Also clears away what runs of the patient's videos left half-written when they were killed.
        """
        claim = claim_session(self.video_bucket, self.patients_bucket, PatientName.of(patient), stem, sha256)
        at = self._layout(claim)
        storage.sweep(at.annotated)
        storage.sweep(at.training)
        if self.status(claim) == "finished":
            storage.remove_folder(at.staging)
        return claim

    def find(self, patient: PatientName | str, sha256: str) -> Claim | None:
        """The session that this content of this patient was claimed as; None where it is new. Writes nothing then."""
        if not is_claimed(self.video_bucket, self.patients_bucket, PatientName.of(patient), sha256):
            return None
        return self.claim(patient, sha256, sha256)

    def status(self, claim: Claim) -> Literal["new", "planned", "finished"]:
        """How far the session is: nothing decided, decided and to be completed, or all done."""
        at = self._layout(claim)
        metadata = documents.read(at.metadata, Metadata)
        if metadata is not None and metadata.content_hash == claim.sha256:
            return "finished"
        return "planned" if documents.read(at.plan, Plan) else "new"

    def save(self, claim: Claim, outputs: SessionOutputs) -> StoredSession:
        """Store what processing made. Where the session has a plan already, that one is completed instead."""
        outputs.check(claim)
        at = self._layout(claim)
        if self.status(claim) == "new":
            try:
                self._make_plan(at, outputs)
            except (FileNotFoundError, StorageError):
                # Who finishes a session clears its staging folders, this attempt's too if it came late.
                if self.status(claim) == "new":
                    raise
        return self.complete(claim)

    def complete(self, claim: Claim) -> StoredSession:
        """Do what is left of the session's plan. Raises ``StorageError`` where it has none."""
        at = self._layout(claim)
        if self.status(claim) != "finished":
            self._roll_forward(at, self._plan(at))
        storage.remove_folder(at.staging)
        return self.outputs(claim)

    def outputs(self, claim: Claim) -> StoredSession:
        """Where a finished session's files lie. Raises ``StorageError`` where it is not finished."""
        at = self._layout(claim)
        metadata = documents.read(at.metadata, Metadata)
        if metadata is None:
            raise StorageError(f"{uri_of(at.metadata)}: is not there, so the session is not finished")
        plan = self._plan(at)
        record = documents.read(at.record(plan.folder, at.session), SessionRecord)
        if record is None:
            raise StorageError(
                f"{uri_of(at.record(plan.folder, at.session))}: is not there, though the session is finished. "
                "Was it stored with another patients bucket?"
            )
        return StoredSession(
            patient=at.patient.text,
            session=at.session,
            sha256=at.sha256,
            emotion=metadata.emotion,
            annotated_video=uri_of(at.video),
            highlights=uri_of(at.highlights) if plan.highlights else None,
            frames=uri_of(at.frames),
            poses=uri_of(at.poses),
            metadata_file=uri_of(at.metadata),
            csv=uri_of(at.csv),
            pose_folder=uri_of(at.poses_of(plan.folder)),
            pose_indices=record.pose_indices,
            record=uri_of(at.record(plan.folder, at.session)),
            track=uri_of(at.track(plan.folder)),
            metadata=metadata,
        )

    def add_prediction(self, claim: Claim, prediction: Prediction) -> StoredSession:
        """Write what a model says of a finished session into its metadata, in place of what was said of it before.

        A session that a person should look at is put among those that wait for it. Raises ``StorageError`` where the
        session is not finished.
        """
        at, stored = self._layout(claim), self.outputs(claim)
        waiting = at.review(claim.session)
        if prediction.review:
            item = ReviewItem(
                patient=stored.patient,
                session=stored.session,
                sha256=stored.sha256,
                said=stored.emotion,
                prediction=prediction,
                annotated_video=stored.annotated_video,
                metadata_file=stored.metadata_file,
            )
            storage.write_bytes(waiting, documents.to_json(item))
        else:
            storage.remove(waiting)
        metadata = stored.metadata.model_copy(update={"prediction": prediction})
        storage.write_bytes(at.metadata, documents.to_json(metadata))
        return stored.model_copy(update={"metadata": metadata})

    def end_review(self, patient: PatientName | str, session: str) -> None:
        """A person has answered about the session: it waits no more."""
        at = PatientLayout(self.video_bucket, self.patients_bucket, PatientName.of(patient))
        storage.remove(at.review(session))

    def reviews(self, patient: PatientName | str) -> list[ReviewItem]:
        """The sessions of a patient that wait for a person, the longest waiting first."""
        at = PatientLayout(self.video_bucket, self.patients_bucket, PatientName.of(patient))
        found = (documents.read(at.reviews / name, ReviewItem) for name in storage.file_names(at.reviews))
        return sorted(filter(None, found), key=lambda item: (item.prediction.predicted_at, item.session))

    def _layout(self, claim: Claim) -> SessionLayout:
        return SessionLayout(self.video_bucket, self.patients_bucket, claim.name.patient, claim.session, claim.sha256)

    def _plan(self, at: SessionLayout) -> Plan:
        plan = documents.read(at.plan, Plan)
        if plan is None:
            raise StorageError(f"{uri_of(at.plan)}: is not there, so nothing is known of the session. Process it again")
        return plan

    def _make_plan(self, at: SessionLayout, outputs: SessionOutputs) -> None:
        attempt = uuid.uuid4().hex
        staging = at.staging / attempt
        files = [(outputs.annotated, staging / _VIDEO), (outputs.track, staging / _TRACK)]
        if outputs.highlights:
            files.append((outputs.highlights, staging / _HIGHLIGHTS))
        files += [(frame, staging / "frames" / frame.name) for frame in outputs.frames]
        try:
            _each(lambda file: storage.write_file(file[1], file[0]), files)
            plan = Plan.of(outputs, at.patient.text, attempt, newest_link(at.poses_of(outputs.folder)))
        except BaseException:
            with suppress(StorageError):  # Else it is cleared when the session is finished.
                storage.remove_folder(staging)
            raise
        # Should this fail, the plan may be there all the same, and then it needs what is staged.
        storage.create(at.plan, documents.to_json(plan))

    def _roll_forward(self, at: SessionLayout, plan: Plan) -> None:
        staging = at.staging / plan.attempt
        texts = [pose.text.encode() for pose in plan.poses]
        start = None
        if texts:
            folder = at.poses_of(plan.folder)
            start = reserve(folder, at.session, at.sha256, len(texts), plan.ranges_since)
            numbered = [(folder / pose_name(i), text) for i, text in enumerate(texts, start)]
            _each(lambda file: _write_once(*file), numbered)
        track = at.track(plan.folder)
        _unless_done(at, track, lambda: storage.write_bytes(track, storage.read_bytes(staging / _TRACK)))

        moves = [(staging / _VIDEO, at.video)]
        if plan.highlights:
            moves.append((staging / _HIGHLIGHTS, at.highlights))
        moves += [(staging / "frames" / name, at.frames / name) for name in plan.frames]
        _each(lambda pair: _unless_done(at, pair[1], lambda: storage.move(*pair)), moves)
        named = [(at.poses / pose.name, text) for pose, text in zip(plan.poses, texts, strict=True)]
        _each(lambda file: storage.write_bytes(*file), named)

        storage.write_bytes(at.csv, analysis_csv(plan.metadata))
        record = plan.record(PoseIndices.starting_at(start, len(texts)), track.name)
        _write_once(at.record(plan.folder, at.session), documents.to_json(record))
        storage.write_bytes(at.metadata, documents.to_json(plan.metadata))


def _each(function: Callable[[_Item], object], items: Iterable[_Item]) -> None:
    with ThreadPoolExecutor(_WRITERS) as pool:
        for _ in pool.map(function, items):
            pass


def _write_once(location: Location, data: bytes) -> None:
    """Write a file that may be there already from the same plan, and never over any other."""
    if not storage.create(location, data) and storage.read_bytes(location) != data:
        raise StorageError(
            f"{uri_of(location)}: holds something else, which is not overwritten. Move it away and run this again"
        )


def _unless_done(at: SessionLayout, target: Location, take_from_staging: Callable[[], None]) -> None:
    """Put a staged file in its place, unless someone who follows the same plan has."""
    try:
        take_from_staging()
    except FileNotFoundError as error:
        if not storage.exists(target):
            raise StorageError(
                f"{uri_of(target)}: cannot be made, for what was staged for it is gone. "
                f"Remove {uri_of(at.plan)} and process the video again"
            ) from error
