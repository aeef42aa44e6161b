"""The cost of a session's features. Run by ``make bench``.

On synthetic poses, in one run:

- milliseconds at 10, 100, 1,000 and 10,000 frames, and the ratio of the time per frame at 10,000 to that at 1,000.
  Target: at most 1.5; it is 1 if the time is linear in the frames.
- milliseconds from 14 pose files in a folder to the features. Target: at most 2.

Every figure is the median over consecutive rounds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.features import extract_features_from_json_files, session_features
from sightline.pose import JOINTS, write_openpose

OUT = Path(__file__).parent / "out"
FRAMES = (10, 100, 1_000, 10_000)
POSES = 14
_RATE = 10.0
_REPEATS = 20  # a single short measurement would depend on the round before it


def main() -> None:
    """Measure, print the figures, and write them to ``benchmarks/out/features.json``."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=30)
    rounds = arguments.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        sessions = {frames: _poses(frames) for frames in FRAMES}
        folder = _write(_poses(POSES), Path(name))
        seconds = [
            {frames: _seconds(session_features, *poses) for frames, poses in sessions.items()}
            | {0: statistics.median(_seconds(extract_features_from_json_files, folder) for _ in range(_REPEATS))}
            for _ in range(rounds)
        ]
    milliseconds = {frames: 1e3 * statistics.median(figures[frames] for figures in seconds) for frames in (*FRAMES, 0)}
    growth = statistics.median(figures[10_000] / figures[1_000] / 10 for figures in seconds)
    for frames in FRAMES:
        print(f"{frames:6,} frames: {milliseconds[frames]:7.2f} ms")
    print(f"time per frame at 10,000 frames over that at 1,000: {growth:.2f} (target 1.5)")
    print(f"{POSES} poses from their files: {milliseconds[0]:.2f} ms (target 2)")
    result: dict[str, Any] = {
        "milliseconds": {str(frames): milliseconds[frames] for frames in FRAMES},
        "growth": growth,
        "from_files_milliseconds": milliseconds[0],
    }
    OUT.mkdir(exist_ok=True)
    (OUT / "features.json").write_text(json.dumps(result, indent=2))


def _poses(frames: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return randomly moving points, a tenth of them not detected."""
    random = np.random.default_rng(0)
    times = np.arange(frames) / _RATE
    swing = 20 * np.sin(2 * np.pi * times[:, None, None] + np.arange(len(JOINTS))[:, None])
    points = random.uniform(100, 900, (len(JOINTS), 2)) + swing + random.normal(0, 1, (frames, len(JOINTS), 2))
    return points, times, np.where(random.random((frames, len(JOINTS))) < 0.1, 0, 0.9)


def _write(poses: tuple[NDArray[np.float64], ...], folder: Path) -> Path:
    points, _, confidences = poses
    for number, keypoints in enumerate(np.dstack([points, confidences]).astype(np.float32)):
        (folder / f"pose_{number:06d}.json").write_bytes(write_openpose({1: keypoints}))
    return folder


def _seconds(work: Callable[..., object], *arguments: object) -> float:
    start = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
