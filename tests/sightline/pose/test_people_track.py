"""Tracks of everyone: their rules, the poses of one person, and their files of all versions."""

from __future__ import annotations

import io
import json
from dataclasses import replace
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
from sightline.pose import JOINTS, PeopleTrack, Track
from tests.tracks import people_tracks, video_tracks, write_like_v0_1, write_without_people

STORED = Path(__file__).resolve().parents[2] / "compatibility"
META = {"skeleton": "BODY_25", "width": "640", "height": "480", "fps": "10.0"}
TIMES = np.arange(17) * 0.1001 / 3
FRAMES = [0, 0, 3, 6, 6, 12]
PEOPLE = [1, 2, 1, 1, 3, 2]


def track_with(**changed: Any) -> PeopleTrack:
    """A video of 17 frames, of which every third is tracked; nobody is in frames 9 and 15."""
    random = np.random.default_rng(0)
    arguments: dict[str, Any] = {
        "frames": FRAMES,
        "times": TIMES[FRAMES],
        "people": PEOPLE,
        "keypoints": random.uniform(0, 640, (6, 25, 3)).astype(np.float32),
        "size": (640, 480),
        "fps": 10.0,
        "tracked_frames": np.arange(0, 16, 3),
        "frame_times": TIMES,
    }
    return PeopleTrack(**arguments | changed)


def rows_only(track: PeopleTrack) -> PeopleTrack:
    return replace(track, tracked_frames=None, frame_times=None)


def assert_same(read: PeopleTrack | Track, track: PeopleTrack | Track) -> None:
    assert type(read) is type(track)
    for name, expected in vars(track).items():
        np.testing.assert_array_equal(getattr(read, name), expected)


def stored(track: PeopleTrack) -> io.BytesIO:
    buffer = io.BytesIO()
    track.to_parquet(buffer)
    buffer.seek(0)
    return buffer


def rewritten(track: PeopleTrack, change: Any) -> io.BytesIO:
    changed = io.BytesIO()
    pq.write_table(change(pq.read_table(stored(track))), changed)
    changed.seek(0)
    return changed


def with_column(table: pa.Table, name: str, values: list[Any]) -> pa.Table:
    place = table.column_names.index(name)
    return table.set_column(place, table.schema.field(name), [pa.array(values, table.schema.field(name).type)])


class TestPeople:
    def test_people_are_numbered_and_each_has_a_track(self) -> None:
        track = track_with()
        assert track.numbers == (1, 2, 3)
        assert track.of(1).frames.tolist() == [0, 3, 6]
        assert track.of(2).frames.tolist() == [0, 12]
        np.testing.assert_array_equal(track.of(2).keypoints, track.keypoints[[1, 5]])
        np.testing.assert_array_equal(track.of(2).frame_times, TIMES)
        assert len(track.of(4).frames) == 0

    def test_frames_are_counted_for_one_person_and_for_anyone(self) -> None:
        assert [track_with().frames_with(person) for person in (1, 2, 3, 4, None)] == [3, 2, 1, 0, 4]

    @given(people_tracks())
    def test_tracks_of_all_people_make_up_the_track(self, track: PeopleTrack) -> None:
        people = [PeopleTrack.of_one(track.of(number), number) for number in track.numbers]
        assert sum(len(one.frames) for one in people) == len(track.frames)
        for frame, seen in track.by_frame().items():
            for number, keypoints in seen.items():
                one = track.of(number)
                np.testing.assert_array_equal(one.keypoints[one.frames == frame], keypoints[None])

    @given(video_tracks())
    def test_track_of_one_person_is_the_same_person(self, track: Track) -> None:
        assert_same(PeopleTrack.of_one(track, 3).of(3), track)

    @pytest.mark.parametrize(
        ("changed", "reason"),
        [
            ({"people": [1, 2]}, r"\(2,\)"),
            ({"people": [0, 2, 1, 1, 3, 2]}, "numbered from 1; there is a person 0"),
            ({"people": [2, 1, 1, 1, 3, 2]}, "frame 0 has person 1 after 2"),
            ({"people": [2, 2, 1, 1, 3, 2]}, "frame 0 has person 2 after 2"),
            ({"frames": [0, 0, 6, 3, 6, 12]}, "frames must not fall; row 3 has 3 after 6"),
            ({"times": TIMES[[0, 1, 3, 6, 6, 12]]}, "frame 0 has two times"),
            ({"times": TIMES[FRAMES] + 1}, "the time of frame 0 is 1.0 in times"),
            ({"tracked_frames": [0, 3, 12]}, "frame 6 has a person and is not one of the tracked frames"),
            ({"tracked_frames": None}, "together"),
            ({"keypoints": np.full((6, 25, 3), np.nan)}, "finite"),
            ({"fps": 0.0}, "a second"),
        ],
    )
    def test_inconsistent_arrays_are_rejected(self, changed: dict[str, Any], reason: str) -> None:
        with pytest.raises(ValueError, match=reason):
            track_with(**changed)

    def test_times_of_frames_must_rise(self) -> None:
        with pytest.raises(ValueError, match=r"times must rise; row 1 has 0\.0"):
            rows_only(track_with(times=np.zeros(6), tracked_frames=None, frame_times=None))

    def test_arrays_are_read_only(self) -> None:
        with pytest.raises(ValueError, match="read-only"):
            track_with().people[0] = 9


class TestFile:
    @given(people_tracks())
    def test_written_track_is_read_back(self, track: PeopleTrack) -> None:
        assert_same(PeopleTrack.from_parquet(stored(track)), track)
        assert_same(PeopleTrack.from_parquet(stored(rows_only(track))), rows_only(track))

    @given(video_tracks())
    def test_person_in_a_file_of_version_0_1_is_person_1(self, track: Track) -> None:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "visit_track.parquet"
            write_like_v0_1(track, path)
            expected = replace(track, tracked_frames=None, frame_times=None)
            assert_same(PeopleTrack.from_parquet(path), PeopleTrack.of_one(expected))

    @given(video_tracks())
    def test_person_in_a_file_without_numbers_is_person_1(self, track: Track) -> None:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "visit_track.parquet"
            write_without_people(track, path)
            assert_same(PeopleTrack.from_parquet(path), PeopleTrack.of_one(track))

    @pytest.mark.parametrize("path", sorted(STORED.rglob("*_track.parquet")), ids=lambda path: path.name)
    def test_stored_file_of_an_earlier_version_is_read_and_written(self, path: Path) -> None:
        track, table = PeopleTrack.from_parquet(path), pq.read_table(path)
        assert track.frames.tolist() == table["frame"].to_pylist()
        assert set(track.people.tolist()) <= {1}
        assert track.keypoints.reshape(-1, 75).tolist() == table["keypoints"].to_pylist()
        assert_same(PeopleTrack.from_parquet(stored(track)), track)

    def test_rows_are_ordered_by_frame_and_person_and_a_frame_without_people_has_one(self, tmp_path: Path) -> None:
        path = tmp_path / "track.parquet"
        track_with().to_parquet(path)
        table = pq.read_table(path)
        assert table.column_names == ["frame", "time", "tracked", "person", "keypoints"]
        assert json.loads(table.schema.metadata[b"units"]).keys() == set(table.column_names)
        rows = [(row["frame"], row["person"]) for row in table.to_pylist()]
        assert rows == [
            (0, 1), (0, 2), (1, None), (2, None), (3, 1), (4, None), (5, None), (6, 1), (6, 3),
            *((frame, None) for frame in range(7, 12)), (12, 2), *((frame, None) for frame in range(13, 17)),
        ]  # fmt: skip
        for row in table.to_pylist():
            assert row["tracked"] == (row["frame"] % 3 == 0)
            assert row["time"] == TIMES[row["frame"]]
            assert (row["keypoints"] is None) == (row["person"] is None)

    def test_file_is_readable_by_any_parquet_reader(self, tmp_path: Path) -> None:
        path = tmp_path / "track.parquet"
        track_with().to_parquet(path)
        schema = pq.read_schema(path)
        types = {"frame": pa.int64(), "time": pa.float64(), "tracked": pa.bool_(), "person": pa.int64()}
        assert {name: schema.field(name).type for name in types} == types
        assert schema.field("keypoints").type == pa.list_(pa.float32())
        metadata = {key.decode(): value.decode() for key, value in schema.metadata.items() if key != b"ARROW:schema"}
        assert {name: metadata[name] for name in META} == META
        assert tuple(json.loads(metadata["joints"])) == JOINTS
        assert pq.ParquetFile(path).metadata.row_group(0).column(0).compression == "ZSTD"

    def test_frames_of_two_hours_add_less_than_a_megabyte(self, tmp_path: Path) -> None:
        times = np.arange(216_000) * 1001 / 30_000
        track = track_with(
            frames=[], times=[], people=[], keypoints=np.zeros((0, 25, 3)), frame_times=times,
            tracked_frames=np.arange(0, 216_000, 3),
        )  # fmt: skip
        track.to_parquet(tmp_path / "track.parquet")
        assert (tmp_path / "track.parquet").stat().st_size < 1_000_000

    def test_frames_without_the_person_do_not_change_the_features(self) -> None:
        read = PeopleTrack.from_parquet(stored(track_with())).of(1)
        alone = replace(read, tracked_frames=None, frame_times=None)
        np.testing.assert_equal(track_features(read).features, track_features(alone).features)

    def test_missing_file_raises_file_not_found(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            PeopleTrack.from_parquet(tmp_path / "none.parquet")

    @pytest.mark.parametrize("content", [b"", b"not parquet at all, but long enough to check"])
    def test_other_file_is_rejected_by_name(self, content: bytes, tmp_path: Path) -> None:
        path = tmp_path / "track.parquet"
        path.write_bytes(content)
        with pytest.raises(InvalidInput, match="parquet") as caught:
            PeopleTrack.from_parquet(path)
        assert caught.value.subject == str(path)

    def test_truncated_file_is_rejected(self) -> None:
        with pytest.raises(InvalidInput, match="broken"):
            PeopleTrack.from_parquet(io.BytesIO(stored(track_with()).getvalue()[:-40]), "visit_track.parquet")

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            (lambda table: table.drop_columns("time"), "columns are frame int64, tracked"),
            (lambda table: table.replace_schema_metadata({"skeleton": "COCO_17"}), "skeleton is COCO_17"),
            (lambda table: table.replace_schema_metadata(), "skeleton is None"),
            (lambda table: table.replace_schema_metadata({"skeleton": "BODY_25", "height": "480"}), "lack 'width'"),
            (lambda table: table.replace_schema_metadata({**META, "width": "wide"}), "metadata hold no number: .*wide"),
            (lambda table: with_column(table, "time", [0.0, None, *[0.2] * 17]), "a row has no time"),
            (lambda table: table.slice(2), "rows are not the frames 0 to 15"),
            (lambda table: table.take([2, 0, 1, *range(3, 19)]), "rows are not the frames 0 to"),
            (lambda table: table.take([1, 0, *range(2, 19)]), "people must rise in a frame"),
            (lambda table: table.take([0, 1, 2, 2, *range(3, 19)]), "frame 1 has a row without a person beside"),
            (lambda table: with_column(table, "tracked", [True] * 18 + [None]), "a row has no tracked"),
            (lambda table: with_column(table, "tracked", [False] * 19), "frame 0 has a person"),
            (lambda table: with_column(table, "tracked", [True, False, *[True] * 17]), "two values of tracked"),
            (lambda table: with_column(table, "time", [0.0] * 19), "times must rise"),
            (lambda table: with_column(table, "time", [0.0, 0.1, *[0.2] * 17]), "two values of time"),
            (lambda table: with_column(table, "person", [1, None, *[None] * 17]), "either a person or keypoints"),
            (lambda table: with_column(table, "person", [0, *table["person"].to_pylist()[1:]]), "there is a person 0"),
            (lambda table: with_column(table, "keypoints", [[1.0] * 74, [1.0] * 76] + [None] * 17), "74 numbers"),
            (lambda table: table.rename_columns(["frame", "time", "seen", "person", "keypoints"]), "seen bool"),
        ],
    )
    def test_file_that_contradicts_itself_is_rejected(self, change: Any, reason: str) -> None:
        with pytest.raises(InvalidInput, match=reason) as caught:
            PeopleTrack.from_parquet(rewritten(track_with(), change), "visit_track.parquet")
        assert caught.value.subject == "visit_track.parquet"

    def test_missing_number_in_keypoints_is_rejected(self) -> None:
        def change(table: pa.Table) -> pa.Table:
            return with_column(table, "keypoints", [[None] * 75, *table["keypoints"].to_pylist()[1:]])

        with pytest.raises(InvalidInput, match="null"):
            PeopleTrack.from_parquet(rewritten(track_with(), change))
