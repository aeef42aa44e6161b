"""A patient's sessions as a feature table: one session is one sample, labelled with the emotion in its record.

A session whose track turns out to be unusable, with too few poses or too few seconds without a break, has no row and is
listed with the reason. A missing or damaged track is an error: the storage lost data.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sightline import storage
from sightline.features import (
    FEATURE_NAMES,
    MIN_POSES,
    Continuity,
    TrackFeatures,
    continuity_of,
    read_track,
    track_features,
)
from sightline.pose import Track
from sightline.progress import Progress
from sightline.sessions import LeftOutSession, SessionRecord, track_of
from sightline.storage import Location
from sightline.training.common.duplicates import units_of
from sightline.training.common.errors import UnsuitableData
from sightline.training.emotions.gate import FEWEST_SECONDS, too_short

__all__ = ["SessionTable", "measure_sessions", "read_session_table"]

_READERS = 8


@dataclass(frozen=True, eq=False)
class SessionTable:
    """Features and labels of sessions, one row per session.

    - ``features``: shape (n, 88), float64, in the order of ``FEATURE_NAMES``; unknown values are NaN.
    - ``labels``: shape (n,), int64, the index of the session's emotion in ``classes``, which are sorted.
    - ``groups``: shape (n,), int64, a number per source video; several sessions can share a video.
    - ``left_out``: sessions that have no row, because their tracks are unusable.

    Raises ValueError if a condition does not hold. The arrays are read-only.
    """

    sessions: tuple[SessionRecord, ...]
    features: NDArray[np.float64]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    groups: NDArray[np.int64]
    left_out: tuple[LeftOutSession, ...] = ()

    def __post_init__(self) -> None:
        for name, dtype in (("features", np.float64), ("labels", np.int64), ("groups", np.int64)):
            array = np.array(getattr(self, name), dtype)
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        n = len(self.sessions)
        shapes = (self.features.shape, self.labels.shape, self.groups.shape)
        if shapes != ((n, len(FEATURE_NAMES)), (n,), (n,)):
            raise ValueError(
                f"features, labels and groups of {n} sessions are ({n}, {len(FEATURE_NAMES)}), ({n},) and ({n},); "
                f"these are {shapes}"
            )
        if np.isinf(self.features).any():
            row, column = np.argwhere(np.isinf(self.features))[0]
            raise ValueError(f"{FEATURE_NAMES[column]} of session {self.sessions[row].session} is infinite")
        if set(self.labels.tolist()) != set(range(len(self.classes))) or sorted(self.classes) != list(self.classes):
            raise ValueError(
                f"the labels {set(self.labels.tolist())} are not the indices of the sorted classes {self.classes}"
            )


def measure_sessions(patients_bucket: Location, records: Sequence[SessionRecord]) -> list[SessionRecord]:
    """Return the records with their ``valid_seconds``: those that have none, of earlier versions, from their tracks.

    Raises :class:`~sightline.errors.InvalidInput` for a missing or damaged track.
    """

    def measure(record: SessionRecord) -> SessionRecord:
        if record.valid_seconds is not None:
            return record
        seconds = continuity_of(_track(patients_bucket, record)).valid_seconds
        return record.model_copy(update={"valid_seconds": seconds})

    with ThreadPoolExecutor(_READERS) as pool:
        return list(pool.map(measure, records))


def read_session_table(
    patients_bucket: Location,
    records: Sequence[SessionRecord],
    progress: Progress | None = None,
    *,
    min_valid_seconds: float = FEWEST_SECONDS,
) -> SessionTable:
    """Compute the features of the sessions, in the order of ``records``; at most eight tracks are in memory.

    The label is the emotion in the record, regardless of the names of its folder and video. Sessions whose videos have
    the same URI or the same content form one group. Sessions with fewer than three poses, or in which the patient is
    followed for less than ``min_valid_seconds`` without a break, are left out.

    Raises :class:`UnsuitableData` if there are no records, or if all are left out, and
    :class:`~sightline.errors.InvalidInput` for a missing or damaged track.
    """
    uri = storage.uri_of(patients_bucket)
    if not records:
        raise UnsuitableData(uri, "there are no sessions to train on", "Process videos")
    usable: list[SessionRecord] = []
    rows: list[list[float]] = []
    left_out: list[LeftOutSession] = []
    with ThreadPoolExecutor(_READERS) as pool:
        try:
            read = pool.map(lambda record: _features(_track(patients_bucket, record)), records)
            for number, (record, tracked) in enumerate(zip(records, read, strict=True), 1):
                if reason := _unusable(tracked, min_valid_seconds):
                    left_out.append(LeftOutSession(session=record.session, emotion=record.emotion, reason=reason))
                else:
                    usable.append(record)
                    rows.append([tracked.features[name] for name in FEATURE_NAMES])
                if progress:
                    progress(number / len(records))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    if not usable:
        first = left_out[0]
        raise UnsuitableData(
            uri,
            f"none of the {len(records)} sessions can be used; {first.session}: {first.reason}",
            "Record other videos that show more of the person",
        )
    classes = tuple(sorted({record.emotion for record in usable}))
    return SessionTable(
        sessions=tuple(usable),
        features=np.array(rows),
        labels=np.array([classes.index(record.emotion) for record in usable], dtype=np.int64),
        classes=classes,
        groups=units_of([[f"uri {record.video_file}", f"sha256 {record.sha256}"] for record in usable]),
        left_out=tuple(left_out),
    )


def _track(patients_bucket: Location, record: SessionRecord) -> Track:
    if record.person is None:
        raise UnsuitableData(f"{record.patient}/{record.session}", str(record.unusable), "Leave it out")
    return read_track(track_of(patients_bucket, record), record.person)


def _features(track: Track) -> TrackFeatures:
    """Return the features of a track, none if it has fewer poses than they need."""
    return track_features(track) if len(track.times) >= MIN_POSES else TrackFeatures({}, continuity_of(track))


def _unusable(tracked: TrackFeatures, min_valid_seconds: float) -> str:
    """Return why a session cannot be used, empty if it can."""
    continuity = tracked.continuity
    if not tracked.features:
        return f"{continuity.poses} of the {MIN_POSES} poses that features need"
    if continuity.valid_seconds >= min_valid_seconds:
        return ""
    return f"{too_short(continuity.valid_seconds, min_valid_seconds)}: {_breaks(continuity)}"


def _breaks(continuity: Continuity) -> str:
    return (
        f"{continuity.seconds:.1f} s in {continuity.poses} poses, {continuity.breaks_by_time} absences, "
        f"{continuity.breaks_by_speed} jumps, {continuity.other_poses} poses of somebody else"
    )
