"""What is written about a session: its metadata, its row of analysis, its record for training."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, JsonValue, NonNegativeFloat, NonNegativeInt

from sightline.emotion import Annotation, Stretch
from sightline.speech import Segment


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


Timestamp = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A moment with a zone; written in UTC as ISO 8601."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class Prediction(_Record):
    """What a model says of a session, beside the emotion that its words tell of."""

    model: str
    """The patient's model and its version, ``ana/3``."""
    emotion: str
    probabilities: dict[str, float]
    """Of each emotion that the model knows; together they are 1."""
    confidence: float
    threshold: float
    outcome: Literal["accepted", "low_confidence"]
    review: tuple[str, ...]
    """Why a person should look at the session; empty where nobody needs to."""
    predicted_at: Timestamp


class Metadata(_Record):
    """What was found in a video, and with what; the first ten keys are the original system's."""

    video_path: str
    """URI of the source video."""
    transcription: str
    emotion: str
    duration_seconds: NonNegativeFloat
    emotion_keywords_found: NonNegativeInt
    annotations_found: NonNegativeInt
    frames_extracted: NonNegativeInt
    poses_extracted: NonNegativeInt
    whisper_model: str | None
    """Whisper's model; None where another engine, or a file, gave the words."""
    processing_timestamp: Timestamp

    session: str
    content_hash: str
    """SHA-256 of the source video."""
    engine: str
    """What produced the words: a speech engine, or ``file``."""
    model: str
    """The engine's model, or the transcript file's name."""
    segments: tuple[Segment, ...]
    annotations: tuple[Annotation, ...]
    frames_tracked: NonNegativeInt
    frames_with_person: NonNegativeInt
    timeline: tuple[Stretch, ...]
    parameters: dict[str, JsonValue]
    """What the run was asked for."""
    timings: dict[str, NonNegativeFloat]
    """Seconds of each stage."""
    versions: dict[str, str]
    """Version of each library that had a part in it."""
    prediction: Prediction | None = None
    """What the patient's model said when it was last asked."""

    def asked_otherwise(self, parameters: Mapping[str, JsonValue]) -> str:
        """The options, apart from where things lie, that this run was given other values for; empty where none."""
        places = {"video", "patient", "video_bucket", "patients_bucket"}
        then = self.parameters
        return ", ".join(name for name in parameters if name not in places and parameters[name] != then.get(name))


class PoseIndices(_Record):
    """The numbers of a session's pose files, first to last, both included; None where it has none."""

    start: NonNegativeInt | None
    end: NonNegativeInt | None
    count: NonNegativeInt

    @classmethod
    def starting_at(cls, start: int | None, count: int) -> PoseIndices:
        """``count`` numbers from ``start`` on."""
        return cls(start=start, end=None if start is None else start + count - 1, count=count)


class SessionRecord(_Record):
    """A finished session as training reads it; the first four keys are the original system's."""

    video_file: str
    """URI of the source video."""
    processing_time: Timestamp
    emotion: str
    pose_indices: PoseIndices

    session: str
    patient: str
    folder: str
    """The emotion's folder, which holds the pose files and, under ``.sessions``, the record and the track."""
    sha256: str
    track: str
    """Name of the file beside the record that holds the pose of every tracked frame with a person."""
    duration_seconds: NonNegativeFloat
    frames_tracked: NonNegativeInt
    frames_with_person: NonNegativeInt
    pose_bytes: NonNegativeInt
    """Bytes of the numbered pose files together."""
    engine: str
    model: str
    versions: dict[str, str]


class ReviewItem(_Record):
    """A session that waits for a person's answer."""

    patient: str
    session: str
    sha256: str
    said: str
    """The emotion that the words tell of."""
    prediction: Prediction
    annotated_video: str
    metadata_file: str


class StoredSession(_Record):
    """Where a finished session's files lie, as URIs, and what is in them."""

    patient: str
    session: str
    sha256: str
    emotion: str
    annotated_video: str
    highlights: str | None
    frames: str
    """The folder of the selected frames."""
    poses: str
    """The folder of their poses."""
    metadata_file: str
    csv: str
    pose_folder: str
    """The patient's folder of the emotion, which holds the numbered poses of all its sessions."""
    pose_indices: PoseIndices
    record: str
    track: str
    metadata: Metadata


_COLUMNS = (
    "video_path",
    "transcription",
    "emotion",
    "duration_seconds",
    "emotion_keywords_found",
    "annotations_found",
    "frames_extracted",
    "poses_extracted",
)


def analysis_csv(metadata: Metadata) -> bytes:
    """One row with its header, as RFC 4180 has it, in UTF-8."""
    table = io.StringIO(newline="")
    rows = csv.writer(table)
    rows.writerow(_COLUMNS)
    rows.writerow([getattr(metadata, column) for column in _COLUMNS])
    return table.getvalue().encode()
