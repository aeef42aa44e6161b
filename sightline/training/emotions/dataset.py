"""A patient's sessions as a feature table: one session is one sample, labelled with the emotion in its record."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sightline import storage
from sightline.features import FEATURE_NAMES, features_of_track
from sightline.progress import Progress
from sightline.sessions import SessionRecord, track_of
from sightline.storage import Location
from sightline.training.common.duplicates import units_of
from sightline.training.common.errors import UnsuitableData

__all__ = ["SessionTable", "read_session_table"]

_READERS = 8


@dataclass(frozen=True, eq=False)
class SessionTable:
    """Features and labels of sessions, one row per session.

    - ``features``: shape (n, 88), float64, in the order of ``FEATURE_NAMES``; unknown values are NaN.
    - ``labels``: shape (n,), int64, the index of the session's emotion in ``classes``, which are sorted.
    - ``groups``: shape (n,), int64, a number per source video; several sessions can share a video.

    Raises ValueError if a condition does not hold. The arrays are read-only.
    """

    sessions: tuple[SessionRecord, ...]
    features: NDArray[np.float64]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    groups: NDArray[np.int64]

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


def read_session_table(
    patients_bucket: Location, records: Sequence[SessionRecord], progress: Progress | None = None
) -> SessionTable:
    """Compute the features of the sessions, in the order of ``records``; at most eight tracks are in memory.

    The label is the emotion in the record, regardless of the names of its folder and video. Sessions whose videos have
    the same URI or the same content form one group. Raises :class:`UnsuitableData` if there are no records, or if a
    session has no track or too few poses, and :class:`~sightline.errors.InvalidInput` for a damaged track.
    """
    if not records:
        raise UnsuitableData(storage.uri_of(patients_bucket), "there are no sessions to train on", "Process videos")
    features = np.empty((len(records), len(FEATURE_NAMES)))
    with ThreadPoolExecutor(_READERS) as pool:
        try:
            for row, values in enumerate(pool.map(lambda record: _features(patients_bucket, record), records)):
                features[row] = [values[name] for name in FEATURE_NAMES]
                if progress:
                    progress((row + 1) / len(records))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    classes = tuple(sorted({record.emotion for record in records}))
    return SessionTable(
        sessions=tuple(records),
        features=features,
        labels=np.array([classes.index(record.emotion) for record in records], dtype=np.int64),
        classes=classes,
        groups=units_of([[f"uri {record.video_file}", f"sha256 {record.sha256}"] for record in records]),
    )


def _features(patients_bucket: Location, record: SessionRecord) -> dict[str, float]:
    if record.person is None:
        raise UnsuitableData(f"{record.patient}/{record.session}", str(record.unusable), "Leave it out")
    return features_of_track(track_of(patients_bucket, record), record.person)
