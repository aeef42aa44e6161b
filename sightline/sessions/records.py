"""Stored documents about a session: metadata, analysis and record for training."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    NonNegativeFloat,
    NonNegativeInt,
)

from sightline.clock import Timestamp
from sightline.emotion import NEUTRAL, Annotation, Attribution, PatientNames, Stretch, VoicesUsed
from sightline.media import Damage, Recorded
from sightline.pose import Identity
from sightline.sessions.corrections import Correction, label_corrected_at
from sightline.speech import MeasuredVoice, Prosody, Segment


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class Prediction(_Record):
    """A model's prediction for a session, beside the emotion of its words."""

    model: str
    """The patient's model with its version: ``ana/3``."""
    emotion: str
    probabilities: dict[str, float]
    """The probability of every emotion of the model; their sum is 1."""
    confidence: float
    threshold: float
    outcome: Literal["accepted", "low_confidence"]
    review: tuple[str, ...]
    """The reasons for a review; empty if none is needed."""
    predicted_at: Timestamp
    trained_on: bool | None = None
    """Whether the model was trained on this session, which makes it too sure of it; None if that is unknown."""


class NamesUsed(_Record):
    """The patient's names with which the statements were attributed; ``given`` are those the user gave for the session.

    When the known names change, the statements are attributed again.
    """

    known: PatientNames
    """All names, ``given`` included."""
    given: tuple[str, ...] = ()


class TranscriptFile(_Record):
    """The file that the words come from. ``found``: the user gave it, or it was beside the video."""

    uri: str
    sha256: str
    found: Literal["given", "beside the video"]


class Metadata(_Record):
    """The results of processing a video, with their provenance; the first ten keys are the original system's."""

    video_path: str
    """The URI of the source video."""
    transcription: str
    emotion: str
    duration_seconds: NonNegativeFloat
    emotion_keywords_found: NonNegativeInt
    annotations_found: NonNegativeInt
    frames_extracted: NonNegativeInt
    poses_extracted: NonNegativeInt
    whisper_model: str | None
    """Whisper's model; None if the words come from another engine or a file."""
    processing_timestamp: Timestamp

    session: str
    content_hash: str
    """The SHA-256 of the source video."""
    engine: str
    """The source of the words: a speech engine, or ``file``."""
    model: str
    """The engine's model, or the transcript file's name."""
    segments: tuple[Segment, ...]
    """The segments of the transcript; one in another language than the transcript's names it."""
    annotations: tuple[Annotation, ...]
    frames_tracked: NonNegativeInt
    frames_with_person: NonNegativeInt
    """The tracked frames with the patient; with anyone, while it is not decided who the patient is."""
    timeline: tuple[Stretch, ...]
    parameters: dict[str, JsonValue]
    """The parameters of the run."""
    timings: dict[str, NonNegativeFloat]
    """The duration of every stage, in seconds."""
    versions: dict[str, str]
    """The versions of the libraries that were used."""
    language: str | None = None
    """The language of the transcript; None if its source does not name it, and in sessions of earlier versions."""
    audio_track: NonNegativeInt | None = None
    """The number of the sound track that was used, from 0; None if there is none, or in sessions of version 0.1."""
    valid_seconds: NonNegativeFloat | None = None
    """The seconds of the patient's track without a break; None in sessions of earlier versions."""
    hidden_by_face: NonNegativeInt | None = None
    """With hidden people: those of whom only a face was found, and whose body was estimated from it, counted in every
    search for faces, which are five a second. None without hidden people, and in sessions of earlier versions."""
    damage: tuple[Damage, ...] = ()
    """The parts of picture and sound that cannot be decoded."""
    damaged_seconds: NonNegativeFloat = 0.0
    """The duration of the damage of picture or sound, whichever is longer."""
    warnings: tuple[str, ...] = ()
    """What a person should know about the video and its transcript, as sentences."""
    prediction: Prediction | None = None
    """The latest prediction of the patient's model."""
    identity: Identity | None = None
    """Who of the people in the picture is the patient; None in sessions of earlier versions, which track one person."""
    attribution: Attribution | None = None
    """Whom the statements are about; None in sessions of earlier versions."""
    names: NamesUsed | None = None
    """The names that were known; None in sessions of earlier versions, whose statements are all the patient's."""
    measured_voice: MeasuredVoice | None = None
    """How it is said, and what is uttered without words; None without sound, and in sessions of earlier versions."""

    recorded: Recorded | None = None
    """When the video was recorded; None if nothing states it, and in sessions of earlier versions."""
    source_version: str | None = None
    """The version of the source video, as :class:`~sightline.storage.StoredFile` has it."""
    transcript_file: TranscriptFile | None = None
    """The file that the words come from; None if they were recognised, and in sessions of earlier versions."""
    corrections: tuple[Correction, ...] = ()
    """People's corrections of the emotion and the timeline, the latest last. Both have them."""
    spoken_emotion: str | None = None
    """The emotion of the words, if there are corrections."""
    generation: NonNegativeInt = 0
    """How often the session was replaced or corrected."""
    times_replaced: NonNegativeInt = 0
    """How often its video was processed again: the numbers of the people are those of the latest processing."""
    folder: str | None = None
    """The emotion's folder; None in sessions of earlier versions, which are in the folder of their plan."""
    staged: str | None = None
    """While a replacement takes the place of the earlier files: its attempt, in whose folder its files are."""

    @property
    def translation(self) -> str:
        """The English translations of the segments that have one, joined by spaces."""
        return " ".join(segment.translation for segment in self.segments if segment.translation)

    @property
    def languages(self) -> tuple[str, ...]:
        """The spoken languages that the transcript names, without duplicates, in order."""
        spoken = [segment.language or self.language for segment in self.segments] or [self.language]
        return tuple(dict.fromkeys(filter(None, spoken)))

    voices: VoicesUsed | None = None
    """The voices of the segments' speakers; None if they were not told apart."""
    other_emotions: dict[str, list[str]] = {}
    """The patient's emotions that no session is labelled with, and their keywords; none in earlier versions."""

    @property
    def person(self) -> int | None:
        """As in the record."""
        return _person(self.identity)

    @property
    def unusable(self) -> str | None:
        """As in the record."""
        return _unusable(self)

    def changed_parameters(self, parameters: Mapping[str, JsonValue]) -> str:
        """Return the names of the options, except locations, whose values differ from this session's, as text."""
        locations = {"video", "patient", "video_bucket", "patients_bucket", "replace"}
        stored = self.parameters
        asked = ((name, value) for name, value in parameters.items() if name not in locations)
        # An option that a stored session does not know has its default there.
        return ", ".join(
            name for name, value in asked if value != stored.get(name, _DEFAULTS_SINCE.get(name, _NO_DEFAULT))
        )


class PoseIndices(_Record):
    """The numbers of a session's pose files, from the first to the last, inclusive; None if it has none."""

    start: NonNegativeInt | None
    end: NonNegativeInt | None
    count: NonNegativeInt

    @classmethod
    def starting_at(cls, start: int | None, count: int) -> PoseIndices:
        """Return ``count`` numbers from ``start`` on."""
        return cls(start=start, end=None if start is None else start + count - 1, count=count)


class SessionRecord(_Record):
    """A finished session for training; the first four keys are the original system's."""

    video_file: str
    """The URI of the source video."""
    processing_time: Timestamp
    emotion: str
    pose_indices: PoseIndices

    session: str
    patient: str
    folder: str
    """The emotion's folder, which holds the pose files and, under ``.sessions``, the record and the track."""
    sha256: str
    track: str
    """Name of the file beside the record that holds the poses of everyone in the tracked frames."""
    duration_seconds: NonNegativeFloat
    frames_tracked: NonNegativeInt
    frames_with_person: NonNegativeInt
    """As in the metadata."""
    valid_seconds: NonNegativeFloat | None = None
    """As in the metadata."""
    pose_bytes: NonNegativeInt
    """The total size of the numbered pose files, in bytes."""
    engine: str
    model: str
    versions: dict[str, str]
    identity: Identity | None = None
    """As in the metadata."""
    attribution: Attribution | None = None
    """As in the metadata."""
    names: NamesUsed | None = None
    """As in the metadata."""
    prosody: Prosody | None = None
    """Of all voice in the session, as in the metadata. No model is trained on it."""
    voices: VoicesUsed | None = None
    """As in the metadata."""
    other_emotions: dict[str, list[str]] = {}
    """As in the metadata."""

    recorded: Recorded | None = None
    """As in the metadata."""
    source_version: str | None = None
    """As in the metadata."""
    corrections: tuple[Correction, ...] = ()
    """As in the metadata."""
    spoken_emotion: str | None = None
    """As in the metadata."""
    generation: NonNegativeInt = 0
    """As in the metadata. Of two records of a session, the one with the higher generation counts."""
    times_replaced: NonNegativeInt = 0
    """As in the metadata."""

    @property
    def when(self) -> datetime:
        """When the video was recorded; when it was processed, if that is not known."""
        return self.recorded.at if self.recorded else self.processing_time

    @property
    def person(self) -> int | None:
        """The patient's number in the track; None if it is not known who the patient is, or they are not in it."""
        return _person(self.identity)

    @property
    def unusable(self) -> str | None:
        """Why the session is no training data: it may not show or describe the patient, or its label may be wrong."""
        return _unusable(self)


class ReviewItem(_Record):
    """A session that needs a review, as version 0.1 marked it in the patient's folder."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    patient: str
    session: str
    sha256: str
    spoken_emotion: str = Field(alias="said")
    """The emotion that the words express."""
    prediction: Prediction
    annotated_video: str
    metadata_file: str


class StoredSession(_Record):
    """The URIs of a finished session's files, and its metadata."""

    patient: str
    session: str
    sha256: str
    emotion: str
    annotated_video: str
    highlights: str | None
    frames: str
    """The folder of the selected frames."""
    people: str | None = None
    """The folder of the people's pictures; None if none were stored."""
    poses: str
    """The folder of their poses."""
    metadata_file: str
    csv: str
    pose_folder: str
    """The patient's folder of the emotion, with the numbered poses of all its sessions."""
    pose_indices: PoseIndices
    record: str
    track: str
    metadata: Metadata


class LeftOutSession(_Record):
    """A session that training does not use, and why."""

    session: str
    emotion: str
    reason: str


def _person(identity: Identity | None) -> int | None:
    return 1 if identity is None else identity.person


def _unusable(session: Metadata | SessionRecord) -> str | None:
    if session.identity is not None and session.identity.person is None:
        return f"it has no known patient: {session.identity.why}"
    if label_corrected_at(session.corrections, session.emotion):
        return None  # A person states the label, whatever was said.
    if session.attribution is not None and session.attribution.unusable:
        return session.attribution.unusable
    if session.emotion == NEUTRAL and session.other_emotions:
        return f"its words express {', '.join(session.other_emotions)}, for which the keyword table has no label"
    return None


_NO_DEFAULT = object()
_DEFAULTS_SINCE: dict[str, JsonValue] = {"recorded": None, "sidecar": True}
"""The options that came later, with what sessions of earlier versions were processed with."""

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
    """Return one row of CSV with its header, by RFC 4180, in UTF-8."""
    table = io.StringIO(newline="")
    rows = csv.writer(table)
    rows.writerow(_COLUMNS)
    rows.writerow([getattr(metadata, column) for column in _COLUMNS])
    return table.getvalue().encode()
