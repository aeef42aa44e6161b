"""Features of a folder of pose files, whose times come from the names."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from sightline import storage
from sightline.errors import InvalidInput
from sightline.features import extract_features_from_json_files, session_features, track_features
from sightline.media import Frame, Moment, StillSelector, still_pose_name
from sightline.pose import Keypoints, PeopleTrack, Track, export_openpose, write_openpose
from sightline.sessions.ranges import pose_name as numbered
from sightline.storage import Location
from tests.sightline.features.people import Array, all_visible, swaying


def keypoints_at(times: Array) -> Keypoints:
    # A file's numbers have three decimals.
    return np.dstack([swaying(times), all_visible(len(times))]).astype(np.float32).round(3)


def features_at(times: Array) -> dict[str, float]:
    keypoints = keypoints_at(times)
    return session_features(keypoints[:, :, :2], times, keypoints[:, :, 2])


def write(folder: Location, names: list[str], times: Array) -> None:
    for name, keypoints in zip(names, keypoints_at(times), strict=True):
        storage.write_bytes(folder / name, write_openpose({1: keypoints}))


def same(values: dict[str, float]) -> object:
    return pytest.approx(values, rel=1e-5, abs=1e-5, nan_ok=True)


class TestTimes:
    def test_numbered_poses_are_evenly_spaced_at_the_rate(self, bucket: Location) -> None:
        times = np.arange(12) / 10
        write(bucket / "happiness", [numbered(number) for number in range(7, 19)], times)
        assert extract_features_from_json_files(bucket / "happiness", rate=10) == same(features_at(times))

    def test_folder_is_a_path_or_a_uri(self, bucket: Location) -> None:
        times = np.arange(12) / 30
        write(bucket, [numbered(number) for number in range(12)], times)
        assert extract_features_from_json_files(storage.uri_of(bucket)) == same(features_at(times))

    def test_stills_are_ordered_by_time(self, tmp_path: Path) -> None:
        """The names are those of a video's stills; the original system sorts annotated ones first."""
        moments = [Moment(0), Moment(1.6), Moment(2.25, "ana_happy"), Moment(3), Moment(4.1, "ana_sad")]
        selector = StillSelector(moments)
        names, times = [], []
        for index, moment in enumerate(moments):
            frame = Frame(round(moment.time * 25), moment.time, np.zeros((2, 2, 3), np.uint8), False, (index,))
            names += [f"{still_pose_name(still.name)}.json" for still in selector.select(frame)]
            times.append(moment.time)
        assert sorted(names)[0] == "pose_000_at_2.25s_ana_happy.json"
        write(tmp_path, names, np.array(times))
        assert extract_features_from_json_files(tmp_path, rate=25) == same(features_at(np.array(times)))

    def test_openpose_names_contain_frame_numbers(self, bucket: Location) -> None:
        frames = np.array([2, 3, 9, 12, 40, 43])
        track = Track(
            frames, frames / 25, keypoints_at(frames / 25), size=(640, 480), fps=10.0,
            tracked_frames=np.array([2, 3, 6, 9, 12, 26, 40, 43]), frame_times=np.arange(50) / 25,
        )  # fmt: skip
        export_openpose(PeopleTrack.of_one(track), "visit 1_2", bucket)
        tracked = track_features(track)
        assert tracked.continuity.breaks_by_time == 1, "the person is missing in frame 26"
        assert extract_features_from_json_files(bucket, rate=25) == same(tracked.features)

    def test_numbers_are_ordered_numerically(self, tmp_path: Path) -> None:
        times = np.array([2, 10, 100]) / 30
        write(tmp_path, ["pose_at_pos_2.json", "pose_at_pos_10.json", "pose_at_pos_100.json"], times)
        assert extract_features_from_json_files(tmp_path) == same(features_at(times))

    def test_two_stills_of_one_frame_count_once(self, tmp_path: Path) -> None:
        times = np.array([0.0, 1, 2, 3])
        names = [f"pose_{index + 2:03d}_at_pos_{30 * index}.json" for index in range(4)]
        write(tmp_path, names, times)
        write(tmp_path, ["pose_000_at_0.00s_ana_happy.json", "pose_001_at_0.00s_ben_sad.json"], np.zeros(2))
        assert extract_features_from_json_files(tmp_path) == same(features_at(times))


class TestContent:
    def test_file_without_person_is_skipped(self, tmp_path: Path) -> None:
        times = np.arange(8) / 10
        write(tmp_path, [numbered(number) for number in range(8)], times)
        (tmp_path / numbered(4)).write_bytes(write_openpose({}))
        expected = session_features(
            np.delete(keypoints_at(times), 4, axis=0)[:, :, :2], np.delete(times, 4), all_visible(7).astype(np.float32)
        )
        assert extract_features_from_json_files(tmp_path, rate=10) == same(expected)

    def test_other_files_and_folders_are_ignored(self, tmp_path: Path) -> None:
        times = np.arange(4) / 10
        write(tmp_path, [numbered(number) for number in range(4)], times)
        (tmp_path / "pose_000001.jpg").write_bytes(b"image")
        (tmp_path / ".sessions").mkdir()
        (tmp_path / ".sessions" / "clip_session.json").write_text("{}")
        assert extract_features_from_json_files(tmp_path, rate=10) == same(features_at(times))

    def test_file_of_the_original_system_is_read(self, tmp_path: Path) -> None:
        for number, keypoints in enumerate(keypoints_at(np.arange(3) / 10)):
            content = {"people": [{"pose_keypoints_2d": keypoints.ravel().tolist()}]}
            (tmp_path / numbered(number)).write_text(json.dumps(content))
        assert math.isfinite(extract_features_from_json_files(tmp_path)["body_height"])


class TestRejection:
    @pytest.mark.parametrize("content", [b'{"people": [', b'{"people": [{"pose_keypoints_2d": [1, 2]}]}', b""])
    def test_invalid_file_is_named(self, bucket: Location, content: bytes) -> None:
        write(bucket, [numbered(number) for number in range(4)], np.arange(4) / 10)
        storage.write_bytes(bucket / numbered(2), content)
        with pytest.raises(InvalidInput, match="BODY_25") as caught:
            extract_features_from_json_files(bucket)
        assert caught.value.subject == storage.uri_of(bucket / numbered(2))

    @pytest.mark.parametrize("name", ["visit.json", "pose_.json", "pose_1_at_s_ana.json", "pose_\u0661.json"])
    def test_name_without_time_is_rejected(self, tmp_path: Path, name: str) -> None:
        write(tmp_path, [numbered(0), numbered(1), name], np.arange(3) / 10)
        with pytest.raises(InvalidInput, match=r"pose_000000\.json, pose_000001\.json") as caught:
            extract_features_from_json_files(tmp_path)
        assert caught.value.subject == str(tmp_path / name)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("pose_{}.json", "pose_{}_at_3.00s_ana_sad.json"),
            ("pose_{}.json", "visit_{}_keypoints.json"),
            ("visit_{}_keypoints.json", "another_{}_keypoints.json"),
        ],
    )
    def test_mixed_kinds_of_names_are_rejected(self, tmp_path: Path, one: str, other: str) -> None:
        write(tmp_path, [one.format(0), one.format(1), other.format(2)], np.arange(3) / 10)
        with pytest.raises(InvalidInput, match="cannot be combined") as caught:
            extract_features_from_json_files(tmp_path)
        assert one.format(0) in caught.value.reason
        assert other.format(2) in caught.value.reason

    @pytest.mark.parametrize("count", [0, 2])
    def test_fewer_than_three_poses_are_rejected(self, bucket: Location, count: int) -> None:
        write(bucket, [numbered(number) for number in range(count)], np.arange(count) / 10)
        for number in range(count, 2 * count):
            storage.write_bytes(bucket / numbered(number), write_openpose({}))
        with pytest.raises(InvalidInput, match=f"holds {count} poses .* in {2 * count} JSON files.* at least 3"):
            extract_features_from_json_files(bucket)

    @pytest.mark.parametrize("rate", [0, -1, math.nan, math.inf])
    def test_invalid_rate_is_rejected(self, tmp_path: Path, rate: float) -> None:
        with pytest.raises(ValueError, match="frames a second"):
            extract_features_from_json_files(tmp_path, rate=rate)
