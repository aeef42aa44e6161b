"""Sessions without a break keep the features that they had before sessions were divided into segments.

``stored.json`` holds them, by session and name: those of the version before, null if unknown.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from benchmarks._people.single_tracker import PoseTracker
from sightline.features import features_of_track, session_features, track_features
from sightline.training.emotions import synthetic_track

STORED: dict[str, dict[str, float | None]] = json.loads(Path(__file__).with_name("stored.json").read_text())
V0_1 = Path(__file__).parents[2] / "compatibility" / "v0.1"


def as_stored(session: str, rel: float = 1e-9) -> Any:
    values = {name: np.nan if value is None else value for name, value in STORED[session].items()}
    return pytest.approx(values, rel=rel, abs=rel, nan_ok=True)


@pytest.mark.parametrize("session", [name for name in STORED if name.endswith(".parquet")])
def test_session_of_version_0_1_keeps_its_features(session: str) -> None:
    assert features_of_track(V0_1 / session, 1) == as_stored(session)


def test_synthetic_session_keeps_its_features() -> None:
    tracked = track_features(synthetic_track("happy", "ana", 1))
    assert tracked.features == as_stored("synthetic happy")
    assert (tracked.continuity.breaks_by_time, tracked.continuity.breaks_by_speed) == (0, 0)
    assert tracked.continuity.other_poses == 0


def test_signing_person_keeps_the_features(shared_data: Callable[[str], Path]) -> None:
    with av.open(str(shared_data("video/signing_person.mp4"))) as container, PoseTracker() as tracker:
        found = [(tracker.track(f.to_ndarray(format="rgb24"), f.time), f.time) for f in container.decode(video=0)]
    keypoints = np.stack([pose for pose, _ in found if pose is not None])
    times = [time for pose, time in found if pose is not None]
    # The detector's numbers depend on the processor.
    values = session_features(keypoints[:, :, :2], times, keypoints[:, :, 2])
    assert values == as_stored("signing person", rel=0.02)
