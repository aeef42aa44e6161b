"""Concurrent processes can store sessions of one patient."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import ModuleType

import pytest

from sightline.sessions import SessionStore, read_sessions
from sightline.storage import Location

pytestmark = pytest.mark.integration

PROCESSES = 20
Tree = Callable[[Location], dict[str, bytes]]


# On S3, every process waits for the stand-in, which answers one request at a time.
ON_BOTH = pytest.mark.parametrize(("bucket", "processes"), [("folder", PROCESSES), ("s3", 8)], indirect=["bucket"])


@ON_BOTH
def test_concurrent_sessions_have_disjoint_ranges_without_gaps(
    bucket: Location,
    processes: int,
    store: SessionStore,
    storing: ModuleType,
    run_storing: Callable[..., str],
    tree: Tree,
) -> None:
    run_storing("together", bucket, processes, 0)

    records = read_sessions(store.patients_bucket, storing.PATIENT)
    assert {record.sha256 for record in records} == {storing.sha256_of(f"content {i}") for i in range(processes)}
    assert len({record.session for record in records}) == processes
    ranges = sorted((r.pose_indices.start, r.pose_indices.end, r.sha256) for r in records)
    numbers = [index for start, end, _ in ranges for index in range(start, end + 1)]
    assert numbers == list(range(sum(1 + i % 4 for i in range(processes))))

    files = tree(store.patients_bucket / storing.PATIENT / "happiness")
    poses = {key: content for key, content in files.items() if key.startswith("pose_")}
    assert sorted(poses) == [f"pose_{index:06d}.json" for index in numbers]
    annotated = tree(store.video_bucket / "annotated" / storing.PATIENT)
    for record in records:
        of_frames = sorted(key for key in annotated if key.startswith(f"poses/{record.session}/"))
        numbered = [f"pose_{record.pose_indices.start + i:06d}.json" for i in range(len(of_frames))]
        assert [annotated[key] for key in of_frames] == [poses[key] for key in numbered]
        assert json.loads(annotated[f"{record.session}_metadata.json"])["content_hash"] == record.sha256
    assert not [key for key in {**files, **annotated} if key.endswith(".part")]


@ON_BOTH
def test_one_content_stored_concurrently_is_one_session(
    bucket: Location,
    processes: int,
    store: SessionStore,
    run_storing: Callable[..., str],
    storing: ModuleType,
    tree: Tree,
) -> None:
    run_storing("together", bucket, processes, 1)

    [record] = read_sessions(store.patients_bucket, storing.PATIENT)
    assert (record.pose_indices.start, record.pose_indices.end) == (0, 2)
    keys = sorted(tree(store.patients_bucket))
    assert keys == [
        f"{storing.PATIENT}/happiness/{name}"
        for name in (
            ".sessions/.ranges/000000.json",
            f".sessions/{record.session}_session.json",
            f".sessions/{record.session}_track.parquet",
            "pose_000000.json",
            "pose_000001.json",
            "pose_000002.json",
        )
    ]
    annotated = tree(store.video_bucket / "annotated" / storing.PATIENT)
    assert [key for key in annotated if key.endswith(".mp4") and "/" not in key] == [f"{record.session}.mp4"]
    assert [key for key in annotated if f".sessions/{record.sha256}/" in key] == []
    # All files must come from the same run, whichever it is.
    label = json.loads(annotated[f"{record.session}_metadata.json"])["parameters"]["label"]
    from_one_run = [f"{record.session}.mp4", f"highlights/{record.session}.mp4"]
    from_one_run += [key for key in annotated if key.startswith("frames/")]
    assert [annotated[key].decode().endswith(f" {label}") for key in from_one_run] == [True] * 3
    track = tree(store.patients_bucket)[f"{storing.PATIENT}/happiness/.sessions/{record.track}"]
    assert track.decode().endswith(f" {label}")
