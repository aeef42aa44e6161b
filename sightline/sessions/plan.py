"""The plan of a session: everything that is decided before its first file becomes visible."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, NonNegativeInt

from sightline.pose import Keypoints, in_order, write_openpose
from sightline.sessions.claims import Claim
from sightline.sessions.names import check_folder
from sightline.sessions.records import Metadata, PoseIndices, SessionRecord


@dataclass(frozen=True)
class SessionOutputs:
    """The results of processing a video, as local files.

    ``frames`` are JPEG files under their final names. ``poses`` are the file names and the people, by number, of the
    selected frames with the patient, or with anyone while it is not decided who the patient is, ordered by time;
    keypoints have shape (25, 3). ``track`` is the parquet file of everyone's poses. ``people`` are the pictures of the
    people, under the names in the metadata's identity; they are stored only while it is not decided. ``folder`` is the
    name of the emotion's folder.
    """

    metadata: Metadata
    folder: str
    annotated: Path
    track: Path
    frames: tuple[Path, ...] = ()
    poses: tuple[tuple[str, Mapping[int, Keypoints]], ...] = ()
    highlights: Path | None = None
    people: tuple[Path, ...] = ()

    def check(self, claim: Claim) -> None:
        """Raise ``ValueError`` if the parts contradict each other, and ``InvalidName`` for an invalid folder."""
        check_folder(self.folder)
        metadata = self.metadata
        if (metadata.session, metadata.content_hash) != (claim.session, claim.sha256):
            raise ValueError(
                f"the metadata is of {metadata.session} ({metadata.content_hash}), "
                f"the claim of {claim.session} ({claim.sha256})"
            )
        if (metadata.frames_extracted, metadata.poses_extracted) != (len(self.frames), len(self.poses)):
            raise ValueError(
                f"the metadata states {metadata.frames_extracted} frames and {metadata.poses_extracted} poses, "
                f"and there are {len(self.frames)} and {len(self.poses)}"
            )
        pictures = [picture.name for picture in self.people]
        identity = metadata.identity
        known = [seen.picture for seen in identity.people if seen.picture] if identity else []
        if pictures and (identity is None or identity.is_decided or sorted(pictures) != sorted(known)):
            raise ValueError(f"pictures of people are stored for an undecided identity that names them: {pictures}")
        for names in ([frame.name for frame in self.frames], [name for name, _ in self.poses], pictures):
            invalid = [
                name for name, count in Counter(names).items() if count > 1 or "/" in name or name[:1] in ("", ".")
            ]
            if invalid:
                raise ValueError(f"file names must be unique, without a folder or a leading dot: {invalid}")


class PlannedPose(BaseModel):
    """One pose file: its name beside the other poses of the session, and its text."""

    model_config = ConfigDict(frozen=True)

    name: str
    text: str


class Plan(BaseModel):
    """The sources of all files of a session.

    The large files are in the staging folder of ``attempt``, the small ones in the plan. ``ranges_since`` is the start
    of the newest reservation in the emotion's folder when the plan was created.
    """

    model_config = ConfigDict(frozen=True)

    patient: str
    folder: str
    attempt: str
    ranges_since: NonNegativeInt
    frames: tuple[str, ...]
    highlights: bool
    poses: tuple[PlannedPose, ...]
    metadata: Metadata
    people: tuple[str, ...] = ()
    """The file names of the people's pictures; none in plans of earlier versions."""

    @classmethod
    def of(cls, outputs: SessionOutputs, patient: str, attempt: str, ranges_since: int) -> Plan:
        """Return the plan for storing ``outputs``."""
        patient_number = outputs.metadata.identity.person if outputs.metadata.identity else None
        return cls(
            patient=patient,
            folder=check_folder(outputs.folder),
            attempt=attempt,
            ranges_since=ranges_since,
            frames=tuple(frame.name for frame in outputs.frames),
            highlights=outputs.highlights is not None,
            poses=tuple(
                PlannedPose(name=name, text=write_openpose(in_order(people, patient_number)).decode())
                for name, people in outputs.poses
            ),
            metadata=outputs.metadata,
            people=tuple(picture.name for picture in outputs.people),
        )

    def record(self, pose_indices: PoseIndices, track: str) -> SessionRecord:
        """Return the session's record; its poses must have their numbers."""
        metadata = self.metadata
        return SessionRecord(
            video_file=metadata.video_path,
            processing_time=metadata.processing_timestamp,
            emotion=metadata.emotion,
            pose_indices=pose_indices,
            session=metadata.session,
            patient=self.patient,
            folder=self.folder,
            sha256=metadata.content_hash,
            track=track,
            duration_seconds=metadata.duration_seconds,
            frames_tracked=metadata.frames_tracked,
            frames_with_person=metadata.frames_with_person,
            valid_seconds=metadata.valid_seconds,
            pose_bytes=sum(len(pose.text.encode()) for pose in self.poses),
            engine=metadata.engine,
            model=metadata.model,
            versions=metadata.versions,
            identity=metadata.identity,
            attribution=metadata.attribution,
            names=metadata.names,
            prosody=metadata.measured_voice.prosody if metadata.measured_voice else None,
            voices=metadata.voices,
            other_emotions=metadata.other_emotions,
            recorded=metadata.recorded,
            source_version=metadata.source_version,
            corrections=metadata.corrections,
            spoken_emotion=metadata.spoken_emotion,
            generation=metadata.generation,
            times_replaced=metadata.times_replaced,
        )
