"""Sessions with several people in the picture, of whom it is not known who is the patient."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sightline.emotion import PatientNames, VoicesUsed, find_emotions_in
from sightline.pose import Identity, PeopleTrack, SeenPerson
from sightline.sessions import Metadata, NamesUsed, SessionOutputs, SessionStore, StoredSession
from sightline.speech import Segment
from sightline.training.emotions import synthetic_track

PATIENT = "patient-17"


def undecided(*seconds: float, pictures: bool = True) -> Identity:
    """Return the identity of a session with a person for each number of seconds."""
    people = [
        SeenPerson(
            person=number, seconds=duration, first=0, last=duration, height=0.6,
            picture=f"person_{number}.jpg" if pictures else None,
        )
        for number, duration in enumerate(seconds, start=1)
    ]  # fmt: skip
    return Identity(
        person=None, how="undecided", certainty=0.5, why="two people are about equally likely", people=tuple(people)
    )


def crowd_track(emotion: str, others: int = 1, seed: int = 1) -> PeopleTrack:
    """Return the track of a person with the motion of this emotion, and of others, who leave after half the time."""
    tracks = [synthetic_track(emotion, "ana", seed), *(synthetic_track("neutral", "ben", n + 9) for n in range(others))]
    kept = [len(track.frames) // (1 + bool(place)) for place, track in enumerate(tracks)]
    frames = np.concatenate([track.frames[:n] for track, n in zip(tracks, kept, strict=True)])
    people = np.concatenate([np.full(n, number) for number, n in enumerate(kept, start=1)])
    keypoints = np.concatenate([track.keypoints[:n] for track, n in zip(tracks, kept, strict=True)])
    rate = tracks[0].fps
    order = np.lexsort((people, frames))
    times = np.arange(frames.max() + 1) / rate
    return PeopleTrack(
        frames=frames[order], times=times[frames[order]], people=people[order], keypoints=keypoints[order],
        size=tracks[0].size, fps=rate, tracked_frames=np.arange(len(times)), frame_times=times,
    )  # fmt: skip


def store_crowd(
    store: SessionStore,
    folder: Path,
    *,
    name: str = "visit",
    emotion: str = "happy",
    patient: str = PATIENT,
    identity: Identity | None = None,
    said: Sequence[str] = (),
    names: PatientNames | None = None,
    speakers: Sequence[int] = (),
    voices: VoicesUsed | None = None,
    seed: int = 1,
) -> StoredSession:
    """Store a session with two people; what is said has the emotion of the session if ``said`` is empty.

    ``speakers`` are those of the lines, whose ``voices`` were told apart.
    """
    claim = store.claim(patient, name, hashlib.sha256(f"{patient} {name}".encode()).hexdigest())
    folder.mkdir(parents=True, exist_ok=True)
    identity = identity or undecided(9, 8)
    track = crowd_track(emotion, seed=seed)
    track.to_parquet(folder / "track.parquet")
    (folder / "annotated.mp4").write_bytes(b"video")
    pictures = [folder / seen.picture for seen in identity.people if seen.picture and not identity.is_decided]
    for number, picture in enumerate(pictures):
        Image.new("RGB", (60, 120), (200, 60 * number, 40)).save(picture)
    lines = said or (f"so {emotion} today",)
    numbers = speakers or (None,) * len(lines)
    segments = tuple(
        Segment(start=2.0 * n, end=2.0 * n + 1.5, text=line, speaker=number)
        for n, (line, number) in enumerate(zip(lines, numbers, strict=True))
    )
    known = names or PatientNames()
    findings = find_emotions_in(segments, 10.0, names=known, voices=voices)
    people = track.by_frame()
    poses = [(f"pose_{frame:03d}.json", people[frame]) for frame in list(people)[:6]]
    metadata: dict[str, Any] = {
        "video_path": f"/videos/{patient}/{name}.mp4", "transcription": " ".join(lines), "emotion": findings.dominant,
        "duration_seconds": 10.0, "emotion_keywords_found": len(findings.hits),
        "annotations_found": len(findings.annotations), "frames_extracted": 0, "poses_extracted": len(poses),
        "whisper_model": None, "processing_timestamp": datetime(2026, 1, 2, 3, seed, tzinfo=UTC),
        "session": claim.session, "content_hash": claim.sha256, "engine": "file", "model": "visit.vtt",
        "segments": segments, "annotations": findings.annotations, "frames_tracked": len(track.tracked_frames),
        "frames_with_person": track.frames_with(identity.person), "timeline": findings.timeline, "parameters": {},
        "timings": {}, "versions": {}, "identity": identity, "attribution": findings.attribution,
        "names": NamesUsed(known=known), "voices": voices,
    }  # fmt: skip
    outputs = SessionOutputs(
        metadata=Metadata(**metadata), folder=f"{findings.dominant}-folder", annotated=folder / "annotated.mp4",
        track=folder / "track.parquet", poses=tuple(poses), people=tuple(pictures),
    )  # fmt: skip
    return store.save(claim, outputs)
