"""Generated tracks of videos: any frames are tracked, and any of them have a person, at regular or irregular times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from sightline.pose import JOINTS, PeopleTrack, Track

STEPS = (0.001, 1 / 30, 1001 / 30000, 0.1, 0.7)
"""Seconds between two frames."""


@st.composite
def video_tracks(draw: st.DrawFn) -> Track:
    """A track of a video with up to 30 frames, all of which are known; some joints are missing."""
    frames = draw(st.lists(st.tuples(st.sampled_from(STEPS), st.sampled_from(("not tracked", "nobody", "person")))))[
        :30
    ]
    times = np.cumsum([step for step, _ in frames])
    tracked = [number for number, (_, state) in enumerate(frames) if state != "not tracked"]
    present = [number for number, (_, state) in enumerate(frames) if state == "person"]
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    keypoints = random.uniform(0.01, [1920, 1080, 1], (len(present), len(JOINTS), 3))
    keypoints[random.random(keypoints.shape[:2]) < 0.2] = 0
    return Track(
        frames=np.array(present, np.int64),
        times=times[present],
        keypoints=keypoints.astype(np.float32),
        size=(1920, 1080),
        fps=draw(st.sampled_from((2.5, 10.0, 30000 / 1001))),
        tracked_frames=np.array(tracked, np.int64),
        frame_times=times,
    )


@st.composite
def people_tracks(draw: st.DrawFn) -> PeopleTrack:
    """A track of a video with up to 20 frames and up to four people in each tracked one."""
    crowd = st.sets(st.integers(1, 4))
    frames = draw(st.lists(st.tuples(st.sampled_from(STEPS), st.none() | crowd), max_size=20))
    times = np.cumsum([step for step, _ in frames])
    rows = [(number, person) for number, (_, people) in enumerate(frames) for person in sorted(people or ())]
    numbers = np.array([number for number, _ in rows], np.int64)
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    return PeopleTrack(
        frames=numbers,
        times=times[numbers],
        people=np.array([person for _, person in rows], np.int64),
        keypoints=random.uniform(0.01, [1920, 1080, 1], (len(rows), len(JOINTS), 3)).astype(np.float32),
        size=(1920, 1080),
        fps=draw(st.sampled_from((2.5, 10.0, 30000 / 1001))),
        tracked_frames=np.array([number for number, (_, people) in enumerate(frames) if people is not None], np.int64),
        frame_times=times,
    )


def write_like_v0_1(track: Track, path: Path) -> None:
    """Write the frames with a person as version 0.1 did, with its metadata and its options."""
    columns = {
        "frame": pa.array(track.frames),
        "time": pa.array(track.times),
        "keypoints": pa.FixedSizeListArray.from_arrays(pa.array(track.keypoints.ravel()), 75),
    }
    width, height = track.size
    metadata = {"skeleton": "BODY_25", "width": str(width), "height": str(height), "fps": repr(track.fps)}
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata), path, compression="zstd")


def write_without_people(track: Track, path: Path) -> None:
    """Write all frames of the video, of one person, as the versions after 0.1 did before they tracked everyone."""
    assert track.frame_times is not None
    poses = dict(zip(track.frames.tolist(), track.keypoints.reshape(-1, 75).tolist(), strict=True))
    numbers = np.arange(len(track.frame_times))
    columns = {
        "frame": pa.array(numbers, pa.int64()),
        "time": pa.array(track.frame_times, pa.float64()),
        "tracked": pa.array(np.isin(numbers, track.tracked_frames), pa.bool_()),
        "keypoints": pa.array([poses.get(number) for number in numbers.tolist()], pa.list_(pa.float32())),
    }
    width, height = track.size
    metadata = {"skeleton": "BODY_25", "width": str(width), "height": str(height), "fps": repr(track.fps)}
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata), path, compression="zstd")
