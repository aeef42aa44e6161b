"""Files for OpenPose's readers, and files of OpenPose."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pose_format.utils.openpose import load_openpose_directory

from sightline import storage
from sightline.errors import InvalidInput
from sightline.pose import JOINTS, Keypoints, Track, export_openpose, read_openpose, write_openpose
from sightline.storage import Location

NUMBERS = st.floats(-1e4, 1e4, width=32, allow_subnormal=False)


def file_of(*people: Any, **other: Any) -> bytes:
    return json.dumps({"people": [{"pose_keypoints_2d": numbers} for numbers in people], **other}).encode()


def track_of(person: Keypoints, frames: list[int]) -> Track:
    keypoints = np.stack([person + np.array([frame, 0, 0], np.float32) * (person[:, 2:] > 0) for frame in frames])
    return Track(np.array(frames), np.array(frames) / 30, keypoints, size=(640, 480), fps=10.0)


class TestWriting:
    @given(arrays(np.float32, (25, 3), elements=NUMBERS))
    def test_keypoints_are_read_back_to_three_decimals(self, keypoints: Keypoints) -> None:
        # Half a thousandth by rounding, and float32's own step at 10,000 pixels.
        assert read_openpose(write_openpose(keypoints)) == pytest.approx(keypoints, abs=0.0005 + 0.001)

    def test_nobody_is_written_as_an_empty_list(self) -> None:
        assert json.loads(write_openpose(None)) == {"version": 1.3, "people": []}
        assert read_openpose(write_openpose(None)) is None

    def test_file_has_the_keys_of_openpose_files(self, person: Keypoints, shared_data: Callable[[str], Path]) -> None:
        genuine = json.loads(shared_data("openpose/video_000000000000_keypoints.json").read_bytes())
        ours = json.loads(write_openpose(person))
        assert ours.keys() == genuine.keys()
        assert ours["version"] == genuine["version"]
        assert ours["people"][0].keys() == genuine["people"][0].keys()
        assert ours["people"][0]["person_id"] == genuine["people"][0]["person_id"]
        assert len(ours["people"][0]["pose_keypoints_2d"]) == len(genuine["people"][0]["pose_keypoints_2d"])

    def test_numbers_have_three_decimals_at_most(self, person: Keypoints) -> None:
        numbers = json.loads(write_openpose(person + np.float32(1 / 3)), parse_float=str)["people"][0][
            "pose_keypoints_2d"
        ]
        assert all(len(number.partition(".")[2]) <= 3 for number in numbers)

    @pytest.mark.parametrize("number", [np.nan, np.inf])
    def test_number_that_is_not_finite_is_rejected(self, person: Keypoints, number: float) -> None:
        person[3, 1] = number
        with pytest.raises(ValueError, match="JSON"):
            write_openpose(person)

    def test_other_skeleton_is_rejected(self) -> None:
        with pytest.raises(ValueError, match="25 rows"):
            write_openpose(np.zeros((33, 3), np.float32))


class TestReading:
    def test_openpose_files_are_read(self, shared_data: Callable[[str], Path]) -> None:
        files = sorted(shared_data("openpose").glob("*.json"))
        assert len(files) == 9
        for file in files:
            keypoints = read_openpose(file.read_bytes(), file.name)
            assert keypoints.shape == (25, 3)
            # The person faces the camera: their right is on the image's left.
            assert keypoints[JOINTS.index("right_shoulder"), 0] < keypoints[JOINTS.index("left_shoulder"), 0]

    def test_person_with_the_highest_confidence_is_read(self) -> None:
        unsure, sure = [1.0, 2.0, 0.4] * 25, [5.0, 6.0, 0.8] * 25
        assert read_openpose(file_of(unsure, sure))[0].tolist() == pytest.approx([5, 6, 0.8])

    def test_file_of_the_original_system_is_read(self) -> None:
        """It has neither the version nor the other lists."""
        assert read_openpose(b'{"people": [{"pose_keypoints_2d": ' + json.dumps([1] * 75).encode() + b"}]}").sum() == 75

    @pytest.mark.parametrize(
        ("data", "place"),
        [
            (b'{"people": [', "line 1, column 13"),
            (b"\xff\xfe\xfa", "not text"),
            (b"", "line 1"),
            (b'{"people": [{"pose_keypoints_2d": [NaN]}]}', "NaN"),
            (b"[1, 2]", "list of people"),
            (b'{"version": 1.3}', "list of people"),
            (b'{"people": ["Ana"]}', r"people\[0\]"),
            (b'{"people": [{}]}', r"people\[0\].pose_keypoints_2d"),
            (file_of([0.0] * 75, [0.0] * 54), r"people\[1\].pose_keypoints_2d has 54 numbers, not 75"),
            (file_of([0.0] * 40 + ["x"] + [0.0] * 34), r'pose_keypoints_2d\[40\] is "x"'),
            (file_of([True] * 75), r"\[0\] is true"),
            (file_of([0.0] * 74 + [10**40]), r"\[74\]"),
            (file_of([0.0] * 75).replace(b"0.0", b"1e999", 1), r"\[0\] is Infinity"),
        ],
    )
    def test_error_names_the_file_the_place_and_the_fix(self, data: bytes, place: str) -> None:
        with pytest.raises(InvalidInput, match=place) as caught:
            read_openpose(data, "ana/pose_000001.json")
        assert caught.value.subject == "ana/pose_000001.json"
        assert "BODY_25" in caught.value.fix


class TestExport:
    def test_exported_folder_is_read_by_another_package(self, person: Keypoints, tmp_path: Path) -> None:
        track = track_of(person, [0, 3, 12])
        assert export_openpose(track, "ana session.1", tmp_path) == 3
        pose = load_openpose_directory(str(tmp_path), fps=track.fps, width=640, height=480)
        assert pose.body.fps == 10
        assert pose.body.data.shape[:2] == (13, 1)
        for row, frame in enumerate(track.frames):
            assert pose.body.data.data[frame, 0, :25] == pytest.approx(track.keypoints[row, :, :2], abs=0.001)
            assert pose.body.confidence[frame, 0, :25] == pytest.approx(track.keypoints[row, :, 2], abs=0.001)
        assert not pose.body.confidence[[1, 2, 4, 11]].any()

    def test_export_has_names_and_content_on_any_storage(self, person: Keypoints, bucket: Location) -> None:
        track = track_of(person, [7, 1_000_000])
        export_openpose(track, "visit", bucket / "poses")
        for row, name in enumerate(["visit_000000000007_keypoints.json", "visit_000001000000_keypoints.json"]):
            written = read_openpose(storage.read_bytes(bucket / "poses" / name))
            assert written == pytest.approx(track.keypoints[row], abs=0.001)

    def test_empty_track_exports_no_files(self, tmp_path: Path) -> None:
        empty = Track(np.zeros(0), np.zeros(0), np.zeros((0, 25, 3)), size=(640, 480), fps=10.0)
        assert export_openpose(empty, "visit", tmp_path) == 0
        assert list(tmp_path.iterdir()) == []
