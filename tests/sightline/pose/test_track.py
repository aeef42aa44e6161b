"""Tracks are validated, and their files describe themselves."""

from __future__ import annotations

import io
import json
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given

from sightline.errors import InvalidInput
from sightline.features import track_features
from sightline.pose import JOINTS, Track
from tests.tracks import video_tracks, write_like_v0_1

ARRAYS = ("frames", "times", "keypoints", "tracked_frames", "frame_times")
STORED = Path(__file__).resolve().parents[2] / "compatibility"


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


VIDEO = {"tracked_frames": np.arange(0, 16, 3), "frame_times": np.arange(17) * 0.1001 / 3}
"""The frames of the video of ``track_with``; nobody is in frames 9 and 15."""


def video_with(**changed: Any) -> Track:
    return track_with(**VIDEO | {"times": VIDEO["frame_times"][[0, 3, 6, 12]]} | changed)


def assert_same(read: Track, track: Track) -> None:
    for name in ARRAYS:
        expected = getattr(track, name)
        assert (getattr(read, name) is None) if expected is None else np.array_equal(getattr(read, name), expected)
    assert (read.size, read.fps) == (track.size, track.fps)


EMPTY = {"frames": [], "times": [], "keypoints": np.zeros((0, 25, 3))}


def rewritten(track: Track, change: Any) -> io.BytesIO:
    written, changed = io.BytesIO(), io.BytesIO()
    track.to_parquet(written)
    pq.write_table(change(pq.read_table(written)), changed)
    changed.seek(0)
    return changed


META = {"skeleton": "BODY_25", "width": "640", "height": "480", "fps": "10.0"}


def with_column(table: pa.Table, name: str, values: list[Any]) -> pa.Table:
    place = table.column_names.index(name)
    return table.set_column(place, table.schema.field(name), [pa.array(values, table.schema.field(name).type)])


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

    def test_frames_of_the_video_are_typed_and_read_only(self) -> None:
        track = video_with(tracked_frames=[0, 3, 6, 12])
        assert track.tracked_frames is not None
        assert track.frame_times is not None
        assert (track.tracked_frames.dtype, track.frame_times.dtype) == (np.int64, np.float64)
        for array in (track.tracked_frames, track.frame_times):
            assert not array.flags.writeable

    @pytest.mark.parametrize(
        ("changed", "reason"),
        [
            ({"tracked_frames": None}, "together"),
            ({"frame_times": None}, "together"),
            ({"tracked_frames": [[0, 3, 6, 12]]}, r"\(1, 4\)"),
            ({"tracked_frames": [0, 6, 3, 12]}, "tracked_frames must rise; row 2 has 3 after 6"),
            ({"tracked_frames": [0, 3, 6, 12, 17]}, "frames 0 to 17 are tracked, and the video has 17 frames"),
            ({"tracked_frames": [-1, 0, 3, 6, 12]}, "frames -1 to 12 are tracked"),
            ({"tracked_frames": [0, 3, 12, 15]}, "frame 6 has a person and is not one of the tracked frames"),
            ({"frame_times": np.zeros((17, 1))}, r"\(17, 1\)"),
            ({"frame_times": VIDEO["frame_times"][::-1]}, "must not fall; frame 1 has"),
            ({"frame_times": np.full(17, np.nan)}, "finite"),
            ({"frame_times": VIDEO["frame_times"] + 0.5}, "the time of frame 0 is 0.0 in times, 0.5 in frame_times"),
        ],
    )
    def test_inconsistent_frames_of_the_video_are_rejected(self, changed: dict[str, Any], reason: str) -> None:
        with pytest.raises(ValueError, match=reason):
            video_with(**changed)

    def test_frames_with_equal_times_are_accepted(self) -> None:
        times = VIDEO["frame_times"].copy()
        times[14] = times[13]
        assert video_with(frame_times=times).frame_times.tolist() == times.tolist()


class TestParquet:
    @pytest.mark.parametrize("changed", [{}, EMPTY], ids=["four rows", "nobody"])
    def test_written_track_is_read_back(self, changed: dict[str, Any], tmp_path: Path) -> None:
        track = track_with(**changed)
        track.to_parquet(tmp_path / "visit_track.parquet")
        assert_same(Track.from_parquet(tmp_path / "visit_track.parquet"), track)

    @given(video_tracks())
    def test_written_frames_of_the_video_are_read_back(self, track: Track) -> None:
        buffer = io.BytesIO()
        track.to_parquet(buffer)
        buffer.seek(0)
        assert_same(Track.from_parquet(buffer), track)

    @given(video_tracks())
    def test_file_of_version_0_1_has_the_same_persons(self, track: Track) -> None:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "visit_track.parquet"
            write_like_v0_1(track, path)
            assert_same(Track.from_parquet(path), replace(track, tracked_frames=None, frame_times=None))

    @pytest.mark.parametrize("path", sorted(STORED.rglob("*_track.parquet")), ids=lambda path: path.name)
    def test_stored_file_of_an_earlier_version_is_read_and_written(self, path: Path) -> None:
        track, buffer = Track.from_parquet(path), io.BytesIO()
        table = pq.read_table(path)
        assert track.frames.tolist() == table["frame"].to_pylist()
        assert track.keypoints.reshape(-1, 75).tolist() == table["keypoints"].to_pylist()
        track.to_parquet(buffer)
        buffer.seek(0)
        assert_same(Track.from_parquet(buffer), track)

    def test_frames_without_person_do_not_change_the_features(self) -> None:
        buffer = io.BytesIO()
        video_with().to_parquet(buffer)
        buffer.seek(0)
        persons = replace(video_with(), tracked_frames=None, frame_times=None)
        np.testing.assert_equal(track_features(Track.from_parquet(buffer)).features, track_features(persons).features)

    def test_file_has_a_row_per_frame_of_the_video(self, tmp_path: Path) -> None:
        track, path = video_with(), tmp_path / "track.parquet"
        track.to_parquet(path)
        table = pq.read_table(path)
        assert table.column_names == ["frame", "time", "tracked", "keypoints"]
        assert json.loads(table.schema.metadata[b"units"]).keys() == set(table.column_names)
        assert table["frame"].to_pylist() == list(range(17))
        assert table["time"].to_pylist() == pytest.approx([0.1001 / 3 * frame for frame in range(17)])
        rows = table.to_pylist()
        assert [row["frame"] for row in rows if row["tracked"]] == [0, 3, 6, 9, 12, 15]
        assert [row["frame"] for row in rows if row["keypoints"] is not None] == [0, 3, 6, 12]
        assert rows[12]["keypoints"] == track.keypoints[3].ravel().tolist()

    def test_frames_of_two_hours_add_less_than_a_megabyte(self, tmp_path: Path) -> None:
        times = np.arange(216_000) * 1001 / 30_000
        track = replace(track_with(**EMPTY), tracked_frames=np.arange(0, 216_000, 3), frame_times=times)
        track.to_parquet(tmp_path / "track.parquet")
        assert (tmp_path / "track.parquet").stat().st_size < 1_000_000

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
            (lambda table: table.replace_schema_metadata({**META, "width": "wide"}), "metadata hold no number: .*wide"),
            (lambda table: with_column(table, "time", [0.0, None, 0.2, 0.4]), "a row has no time"),
        ],
    )
    def test_other_columns_or_metadata_are_rejected(self, change: Any, reason: str) -> None:
        with pytest.raises(InvalidInput, match=reason) as caught:
            Track.from_parquet(rewritten(track_with(), change), "visit_track.parquet")
        assert caught.value.subject == "visit_track.parquet"

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            (lambda table: table.slice(1), "rows are not the frames 0 to 15"),
            (lambda table: table.take([1, 0, *range(2, 17)]), "rows are not the frames 0 to 16"),
            (lambda table: with_column(table, "tracked", [True] * 16 + [None]), "a row has no tracked"),
            (lambda table: with_column(table, "tracked", [False] * 17), "frame 0 has a person"),
            (lambda table: with_column(table, "time", [0.0] * 17), "times must rise"),
            (lambda table: with_column(table, "keypoints", [[1.0] * 74, [1.0] * 76] + [None] * 15), "74 numbers"),
            (lambda table: with_column(table, "keypoints", [[None] * 75] + [None] * 16), "null"),
            (lambda table: table.rename_columns(["frame", "time", "seen", "keypoints"]), "seen bool"),
        ],
    )
    def test_file_that_contradicts_itself_is_rejected(self, change: Any, reason: str) -> None:
        with pytest.raises(InvalidInput, match=reason) as caught:
            Track.from_parquet(rewritten(video_with(), change), "visit_track.parquet")
        assert caught.value.subject == "visit_track.parquet"
