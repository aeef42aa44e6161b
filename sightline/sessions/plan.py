"""What is decided about a session before the first of its files shows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, NonNegativeInt

from sightline.pose import Keypoints, write_openpose
from sightline.sessions.claims import Claim
from sightline.sessions.names import check_folder
from sightline.sessions.records import Metadata, PoseIndices, SessionRecord


@dataclass(frozen=True)
class SessionOutputs:
    """What processing a video made, in local files.

    ``frames`` are JPEG files under the names that they keep; ``poses`` are the file name and the keypoints, (25, 3),
    of each selected frame with a person, in the order of their time; ``track`` is the parquet file of the tracked
    poses; ``folder`` is the name of the emotion's folder.
    """

    metadata: Metadata
    folder: str
    annotated: Path
    track: Path
    frames: tuple[Path, ...] = ()
    poses: tuple[tuple[str, Keypoints], ...] = ()
    highlights: Path | None = None

    def check(self, claim: Claim) -> None:
        """Raise ``ValueError`` where the parts contradict each other, and ``InvalidName`` for a folder's bad name."""
        check_folder(self.folder)
        told, true = self.metadata, claim
        if (told.session, told.content_hash) != (true.session, true.sha256):
            raise ValueError(f"the metadata is of {told.session} ({told.content_hash}), the claim of {claim}")
        if (told.frames_extracted, told.poses_extracted) != (len(self.frames), len(self.poses)):
            raise ValueError(
                f"the metadata tells of {told.frames_extracted} frames and {told.poses_extracted} poses, "
                f"and there are {len(self.frames)} and {len(self.poses)}"
            )
        for names in ([frame.name for frame in self.frames], [name for name, _ in self.poses]):
            wrong = [
                name for name, times in Counter(names).items() if times > 1 or "/" in name or name[:1] in ("", ".")
            ]
            if wrong:
                raise ValueError(f"file names must be plain and each different: {wrong}")


class PlannedPose(BaseModel):
    """One pose file: its name beside the frames, and its text."""

    model_config = ConfigDict(frozen=True)

    name: str
    text: str


class Plan(BaseModel):
    """All that the session's files are made from.

    The large ones lie in the staging folder of ``attempt``; the small ones are here. ``ranges_since`` is the start of
    the newest reservation in the emotion's folder when the plan was made.
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

    @classmethod
    def of(cls, outputs: SessionOutputs, patient: str, attempt: str, ranges_since: int) -> Plan:
        """The plan for storing ``outputs``."""
        return cls(
            patient=patient,
            folder=check_folder(outputs.folder),
            attempt=attempt,
            ranges_since=ranges_since,
            frames=tuple(frame.name for frame in outputs.frames),
            highlights=outputs.highlights is not None,
            poses=tuple(
                PlannedPose(name=name, text=write_openpose(keypoints).decode()) for name, keypoints in outputs.poses
            ),
            metadata=outputs.metadata,
        )

    def record(self, pose_indices: PoseIndices, track: str) -> SessionRecord:
        """The session's record, once its poses have their numbers."""
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
            pose_bytes=sum(len(pose.text.encode()) for pose in self.poses),
            engine=metadata.engine,
            model=metadata.model,
            versions=metadata.versions,
        )
