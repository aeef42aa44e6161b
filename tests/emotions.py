"""Records and feature tables of sessions, without files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sightline.features import FEATURE_NAMES, track_features
from sightline.sessions import PoseIndices, SessionRecord
from sightline.training.emotions import EMOTIONS, SessionTable, synthetic_track

QUICK: dict[str, Any] = {"trees": 10, "repeats": 2, "permutations": 19}
"""Options for a validation of a few seconds; 19 permutations are the fewest that allow p = 0.05."""


def record_of(number: int, emotion: str, **changes: Any) -> SessionRecord:
    """Return the record of a processed session."""
    record = SessionRecord(
        video_file=f"/videos/ana/clip-{number}.mp4",
        processing_time=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number),
        emotion=emotion,
        pose_indices=PoseIndices.starting_at(12 * number, 12),
        pose_bytes=12_000,
        session=f"clip-{number}",
        patient="ana",
        folder="folder",
        sha256=hashlib.sha256(f"{number}".encode()).hexdigest(),
        track=f"clip-{number}_track.parquet",
        duration_seconds=10,
        frames_tracked=100,
        frames_with_person=98,
        engine="synthetic",
        model="test",
        versions={},
    )
    return record.model_copy(update=changes)


def table_of(
    emotions: Sequence[str], *, features: ArrayLike | None = None, videos: ArrayLike | None = None
) -> SessionTable:
    """Return a table with one session per emotion; by default with random features and one video per session."""
    classes = tuple(sorted(set(emotions)))
    chance = np.random.default_rng(0).normal(size=(len(emotions), len(FEATURE_NAMES)))
    return SessionTable(
        sessions=tuple(record_of(number, emotion) for number, emotion in enumerate(emotions)),
        features=np.asarray(chance if features is None else features, dtype=np.float64),
        labels=np.array([classes.index(emotion) for emotion in emotions]),
        classes=classes,
        groups=np.asarray(np.arange(len(emotions)) if videos is None else videos),
    )


def synthetic_table(patient: str = "ana", *, sessions_per_emotion: int = 12, separation: float = 1.0) -> SessionTable:
    """Return the table of a patient's synthetic sessions."""
    emotions = list(EMOTIONS) * sessions_per_emotion
    tracks = (synthetic_track(emotion, patient, n, separation=separation) for n, emotion in enumerate(emotions, 1))
    return table_of(emotions, features=[list(track_features(track).features.values()) for track in tracks])
