"""Synthetic sessions, stored like real ones, for demonstrations, benchmarks and tests.

They are marked as synthetic: their engine is ``synthetic``, their videos have the URI scheme ``synthetic://``, and
their annotated video is a single grey frame.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from sightline.emotion import Annotation, Stretch, load_keywords
from sightline.errors import InvalidSetting
from sightline.features import valid_seconds
from sightline.media.annotate import ENCODER
from sightline.media.selection import EVEN_MOMENTS
from sightline.pose import Identity, PeopleTrack, Track
from sightline.progress import Progress
from sightline.registry import versions_of_libraries
from sightline.sessions import Claim, Metadata, SessionOutputs, SessionRecord, SessionStore, open_session
from sightline.speech import Segment
from sightline.storage import Location
from sightline.training.emotions.synthetic_motion import EMOTIONS, synthetic_track

__all__ = ["ENGINE", "write_synthetic_sessions"]

ENGINE = "synthetic"
"""The transcription engine in the record of a synthetic session."""

_FIRST = datetime(2026, 1, 1, 8, tzinfo=UTC)
_APART = timedelta(minutes=10)
_LIBRARIES = ("sightline", "numpy")


def write_synthetic_sessions(
    patients_bucket: Location,
    patient: str,
    *,
    video_bucket: Location,
    emotions: Sequence[str] = EMOTIONS,
    sessions_per_emotion: int = 12,
    separation: float = 1.0,
    seed: int = 42,
    first: int = 1,
    progress: Progress | None = None,
) -> list[SessionRecord]:
    """Store synthetic sessions of a patient, cycling through the emotions, and return their records.

    They are named ``synthetic-0001`` and so on, starting with number ``first``: pass a higher number to add sessions.
    ``separation``: see :func:`synthetic_track`. The same arguments give the same sessions; sessions that are already
    stored are left unchanged. Raises ``InvalidSetting`` for an emotion outside :data:`EMOTIONS`.
    """
    if unknown := [emotion for emotion in emotions if emotion not in EMOTIONS]:
        raise InvalidSetting(f"there are no synthetic sessions of {unknown[0]!r}. Choose from {', '.join(EMOTIONS)}")
    store = SessionStore(video_bucket, patients_bucket)
    provenance = {"model": f"separation {separation:g}, seed {seed}", "versions": versions_of_libraries(_LIBRARIES)}
    records = []
    total = len(emotions) * sessions_per_emotion
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_grey(folder / "grey.mp4")
        for index in range(total):
            emotion, number = emotions[index % len(emotions)], first + index
            identity = f"a synthetic session: {patient}, {number}, {emotion}, separation {separation}, seed {seed}"
            claim = store.claim(patient, f"synthetic-{number:04d}", hashlib.sha256(identity.encode()).hexdigest())
            if store.status(claim) == "new":
                track = synthetic_track(emotion, claim.patient, number, separation=separation, seed=seed)
                outputs = _outputs(claim, emotion, number, track, provenance, folder)
                stored = store.save(claim, outputs)
            else:
                stored = store.complete(claim)
            records.append(open_session(patients_bucket, stored.record)[0])
            if progress:
                progress((index + 1) / total)
    return records


def _outputs(
    claim: Claim, emotion: str, number: int, track: Track, provenance: dict[str, Any], folder: Path
) -> SessionOutputs:
    parquet = folder / "track.parquet"
    PeopleTrack.of_one(track).to_parquet(parquet)
    selected = np.unique(np.linspace(0, len(track.frames) - 1, EVEN_MOMENTS).round().astype(int))
    duration = float(track.times[-1] + 1 / track.fps)
    text = f"{claim.patient} is {emotion}"
    words = {"emotion": emotion, "start": 0.0, "end": duration}
    metadata = Metadata(
        video_path=f"synthetic://{claim.patient}/{claim.session}.mp4",
        transcription=text,
        emotion=emotion,
        duration_seconds=duration,
        emotion_keywords_found=1,
        annotations_found=1,
        frames_extracted=0,
        poses_extracted=len(selected),
        whisper_model=None,
        processing_timestamp=_FIRST + number * _APART,
        session=claim.session,
        content_hash=claim.sha256,
        engine=ENGINE,
        segments=(Segment(start=0.0, end=duration, text=text),),
        annotations=(Annotation(person=claim.patient, text=text, **words),),
        frames_tracked=round(float(track.times[-1]) * track.fps) + 1,
        frames_with_person=len(track.frames),
        valid_seconds=valid_seconds(track),
        timeline=(Stretch(evidence=text, **words),),
        parameters={},
        timings={},
        identity=Identity(person=1, how="only", certainty=1.0, why="a synthetic session has one person"),
        **provenance,
    )
    return SessionOutputs(
        metadata=metadata,
        folder=load_keywords().folders[emotion],
        annotated=folder / "grey.mp4",
        track=parquet,
        poses=tuple(
            (f"pose_{place:03d}_at_pos_{track.frames[row]}.json", {1: track.keypoints[row]})
            for place, row in enumerate(selected)
        ),
    )


def _write_grey(path: Path) -> None:
    import av

    with av.open(str(path), "w") as target:
        stream = target.add_stream("libx264", rate=1, options=ENCODER)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 128, np.uint8), format="rgb24")
        target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
