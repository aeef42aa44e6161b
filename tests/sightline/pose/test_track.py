"""Tracks are validated, and their files describe themselves."""

from __future__ import annotations

import io
import json
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sightline.errors import InvalidInput
from sightline.pose import JOINTS, Track


def track_with(**changed: Any) -> Track:
    random = np.random.default_rng(0)
    arguments: dict[str, Any] = {
        "frames": np.array([0, 3, 6, 12]),
        "times": np.array([0.0, 0.1001, 0.2002, 0.4004]),
        "keypoints": random.uniform(0, 640, (4, 25, 3)).astype(np.float32),
        "size": (640, 480),
        "fps": 10.0,
    }
    return Track(**arguments | changed)


EMPTY = {"frames": [], "times": [], "keypoints": np.zeros((0, 25, 3))}


def rewritten(track: Track, change: Any) -> io.BytesIO:
    written, changed = io.BytesIO(), io.BytesIO()
    track.to_parquet(written)
    pq.write_table(change(pq.read_table(written)), changed)
    changed.seek(0)
    return changed


class TestTrack:
    def test_arrays_are_typed_and_read_only(self) -> None:
        track = track_with(frames=[0, 1, 2, 3])
        assert (track.frames.dtype, track.times.dtype, track.keypoints.dtype) == (np.int64, np.float64, np.float32)
        with pytest.raises(ValueError, match="read-only"):
            track.times[0] = -1
        with pytest.raises(FrozenInstanceError):
            track.fps = 30.0

    def test_track_copies_the_arrays(self) -> None:
        times = np.array([0.0, 1.0, 2.0, 3.0])
        track = track_with(times=times)
        times[:] = 9
        assert track.times.tolist() == [0, 1, 2, 3]

    @pytest.mark.parametrize(
        ("changed", "reason"),
        [
            ({"frames": np.arange(3)}, r"\(3,\)"),
            ({"times": np.zeros((4, 1))}, r"\(4, 1\)"),
            ({"keypoints": np.zeros((4, 33, 3))}, r"\(4, 33, 3\)"),
            ({"keypoints": np.zeros((4, 75))}, r"\(4, 75\)"),
            ({"frames": np.array([0, 3, 3, 4])}, "frames must rise; row 2 has 3 after 3"),
            ({"times": np.array([0.0, 0.2, 0.1, 0.3])}, "times must rise; row 2 has 0.1 after 0.2"),
            ({"times": np.array([0.0, 0.1, np.nan, 0.3])}, "finite"),
            ({"keypoints": np.full((4, 25, 3), np.inf)}, "finite"),
            ({"size": (0, 480)}, "pixels"),
            ({"fps": 0.0}, "a second"),
            ({"fps": float("nan")}, "a second"),
        ],
    )
    def test_inconsistent_arrays_are_rejected(self, changed: dict[str, Any], reason: str) -> None:
        with pytest.raises(ValueError, match=reason):
            track_with(**changed)


class TestParquet:
    @pytest.mark.parametrize("changed", [{}, EMPTY], ids=["four rows", "nobody"])
    def test_written_track_is_read_back(self, changed: dict[str, Any], tmp_path: Path) -> None:
        track = track_with(**changed)
        track.to_parquet(tmp_path / "visit_track.parquet")
        read = Track.from_parquet(tmp_path / "visit_track.parquet")
        for name in ("frames", "times", "keypoints"):
            assert np.array_equal(getattr(read, name), getattr(track, name))
        assert (read.size, read.fps) == (track.size, track.fps)

    def test_track_is_written_to_memory(self) -> None:
        buffer = io.BytesIO()
        track_with().to_parquet(buffer)
        buffer.seek(0)
        assert np.array_equal(Track.from_parquet(buffer).keypoints, track_with().keypoints)

    def test_file_is_readable_by_any_parquet_reader(self, tmp_path: Path) -> None:
        path = tmp_path / "track.parquet"
        track_with().to_parquet(path)
        schema = pq.read_schema(path)
        assert schema.field("frame").type == pa.int64()
        assert schema.field("time").type == pa.float64()
        assert schema.field("keypoints").type == pa.list_(pa.float32(), 75)
        metadata = {key.decode(): value.decode() for key, value in schema.metadata.items() if key != b"ARROW:schema"}
        assert metadata["skeleton"] == "BODY_25"
        assert tuple(json.loads(metadata["joints"])) == JOINTS
        assert json.loads(metadata["units"]).keys() == {"frame", "time", "keypoints"}
        assert (metadata["width"], metadata["height"], metadata["fps"]) == ("640", "480", "10.0")
        row = pq.read_table(path).to_pylist()[1]
        assert row["frame"] == 3
        assert row["keypoints"][:3] == pytest.approx(track_with().keypoints[1, 0].tolist())
        assert pq.ParquetFile(path).metadata.row_group(0).column(0).compression == "ZSTD"

    def test_missing_file_raises_file_not_found(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            Track.from_parquet(tmp_path / "none.parquet")

    @pytest.mark.parametrize("content", [b"", b"not parquet at all, but long enough to check"])
    def test_other_file_is_rejected_by_name(self, content: bytes, tmp_path: Path) -> None:
        path = tmp_path / "track.parquet"
        path.write_bytes(content)
        with pytest.raises(InvalidInput, match="parquet") as caught:
            Track.from_parquet(path)
        assert caught.value.subject == str(path)

    def test_truncated_file_is_rejected(self) -> None:
        buffer = io.BytesIO()
        track_with().to_parquet(buffer)
        with pytest.raises(InvalidInput, match="broken"):
            Track.from_parquet(io.BytesIO(buffer.getvalue()[:-40]), "visit_track.parquet")

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            (lambda table: table.drop_columns("time"), "columns are frame int64, keypoints"),
            (lambda table: table.replace_schema_metadata({"skeleton": "COCO_17"}), "skeleton is COCO_17"),
            (lambda table: table.replace_schema_metadata(), "skeleton is None"),
            (lambda table: table.replace_schema_metadata({"skeleton": "BODY_25", "height": "480"}), "lack 'width'"),
            (lambda table: table.take([0, 2, 1]), "frames must rise"),
        ],
    )
    def test_other_columns_or_metadata_are_rejected(self, change: Any, reason: str) -> None:
        with pytest.raises(InvalidInput, match=reason) as caught:
            Track.from_parquet(rewritten(track_with(), change), "visit_track.parquet")
        assert caught.value.subject == "visit_track.parquet"
