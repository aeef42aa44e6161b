"""Generated tracks of videos: any frames are tracked, and any of them have a person, at regular or irregular times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from sightline.pose import JOINTS, Track

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
