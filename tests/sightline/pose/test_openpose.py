"""Files for OpenPose's readers, and files of OpenPose."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pose_format.utils.openpose import load_openpose_directory

from sightline import storage
from sightline.errors import InvalidInput
from sightline.media import PersonSample
from sightline.pose import (
    JOINTS,
    UNKNOWN_PERSON,
    ExportedPoses,
    Keypoints,
    PeopleTrack,
    Track,
    export_openpose,
    in_order,
    read_openpose,
    read_openpose_people,
    tracking_outputs,
    write_openpose,
)
from sightline.storage import Location
from tests.tracks import video_tracks

NUMBERS = st.floats(-1e4, 1e4, width=32, allow_subnormal=False)


def file_of(*people: Any, **other: Any) -> bytes:
    return json.dumps({"people": [{"pose_keypoints_2d": numbers} for numbers in people], **other}).encode()


def track_of(person: Keypoints, frames: list[int]) -> Track:
    moved = [person + np.array([frame, 0, 0], np.float32) * (person[:, 2:] > 0) for frame in frames]
    numbers = np.array(frames, np.int64)
    return Track(numbers, numbers / 30, np.reshape(moved, (-1, 25, 3)), size=(640, 480), fps=10.0)


class TestWriting:
    @given(arrays(np.float32, (25, 3), elements=NUMBERS))
    def test_keypoints_are_read_back_to_three_decimals(self, keypoints: Keypoints) -> None:
        # Half a thousandth by rounding, and float32's own step at 10,000 pixels.
        assert read_openpose(write_openpose({1: keypoints})) == pytest.approx(keypoints, abs=0.0005 + 0.001)

    def test_nobody_is_written_as_an_empty_list(self) -> None:
        assert json.loads(write_openpose({})) == {"version": 1.3, "people": []}
        assert read_openpose(write_openpose({})) is None
        assert read_openpose_people(write_openpose({})) == []

    def test_file_has_the_keys_of_openpose_files(self, person: Keypoints, shared_data: Callable[[str], Path]) -> None:
        genuine = json.loads(shared_data("openpose/video_000000000000_keypoints.json").read_bytes())
        ours = json.loads(write_openpose({UNKNOWN_PERSON: person}))
        assert ours.keys() == genuine.keys()
        assert ours["version"] == genuine["version"]
        assert ours["people"][0].keys() == genuine["people"][0].keys()
        assert ours["people"][0]["person_id"] == genuine["people"][0]["person_id"]
        assert len(ours["people"][0]["pose_keypoints_2d"]) == len(genuine["people"][0]["pose_keypoints_2d"])

    def test_numbers_have_three_decimals_at_most(self, person: Keypoints) -> None:
        numbers = json.loads(write_openpose({1: person + np.float32(1 / 3)}), parse_float=str)["people"][0][
            "pose_keypoints_2d"
        ]
        assert all(len(number.partition(".")[2]) <= 3 for number in numbers)

    @pytest.mark.parametrize("number", [np.nan, np.inf])
    def test_number_that_is_not_finite_is_rejected(self, person: Keypoints, number: float) -> None:
        person[3, 1] = number
        with pytest.raises(ValueError, match="JSON"):
            write_openpose({1: person})

    def test_other_skeleton_is_rejected(self) -> None:
        with pytest.raises(ValueError, match="25 rows"):
            write_openpose({1: np.zeros((33, 3), np.float32)})

    def test_everyone_is_written_with_their_number_in_the_given_order(self, person: Keypoints) -> None:
        people = {4: person, 1: person + 1, 2: person + 2}
        written = json.loads(write_openpose(people))["people"]
        assert [one["person_id"] for one in written] == [[4], [1], [2]]
        read = read_openpose_people(write_openpose(people))
        assert [number for number, _ in read] == [4, 1, 2]
        for number, keypoints in read:
            assert keypoints == pytest.approx(people[number], abs=0.001)

    @given(st.sets(st.integers(1, 9)), st.none() | st.integers(1, 9))
    def test_patient_is_first_and_the_others_follow_by_number(self, people: set[int], patient: int | None) -> None:
        frame = {number: np.zeros((25, 3), np.float32) for number in people}
        numbers = list(in_order(frame, patient))
        assert sorted(numbers) == sorted(people)
        others = [number for number in numbers if number != patient]
        assert others == sorted(others)
        assert numbers in (others, [patient, *others])
        assert patient not in people or numbers[0] == patient


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

    def test_everyone_in_a_file_of_openpose_has_no_number(self) -> None:
        unsure, sure = [1.0, 2.0, 0.4] * 25, [5.0, 6.0, 0.8] * 25
        read = read_openpose_people(file_of(unsure, sure))
        assert [(number, keypoints[0, 0]) for number, keypoints in read] == [(UNKNOWN_PERSON, 1), (UNKNOWN_PERSON, 5)]

    @pytest.mark.parametrize("ids", [[1.5], [True], [-2], ["1"], [1, 2], 1, None, {}])
    def test_invalid_number_of_a_person_is_rejected(self, ids: Any) -> None:
        data = json.dumps({"people": [{"person_id": ids, "pose_keypoints_2d": [0.0] * 75}]}).encode()
        with pytest.raises(InvalidInput, match=r"people\[0\].person_id") as caught:
            read_openpose_people(data, "ana/pose_000001.json")
        assert caught.value.subject == "ana/pose_000001.json"

    def test_number_of_two_people_is_rejected(self) -> None:
        one = {"person_id": [2], "pose_keypoints_2d": [0.0] * 75}
        with pytest.raises(InvalidInput, match="two people have the same person_id"):
            read_openpose_people(json.dumps({"people": [one, one]}).encode())

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


def exported(track: Track | PeopleTrack, **options: Any) -> tuple[ExportedPoses, dict[int, bytes]]:
    """Return the result of an export and the files' content by frame; the names must be those of OpenPose."""
    track = PeopleTrack.of_one(track) if isinstance(track, Track) else track
    with TemporaryDirectory() as name:
        result = export_openpose(track, "visit", Path(name), **options)
        files = {path.name: path.read_bytes() for path in Path(name).iterdir()}
    numbers = {int(name.split("_")[1]) for name in files}
    assert set(files) == {f"visit_{number:012d}_keypoints.json" for number in numbers}
    return result, {number: files[f"visit_{number:012d}_keypoints.json"] for number in sorted(numbers)}


def numbers(track: Track) -> tuple[int, ...]:
    return (1,) if len(track.frames) else ()


def present(files: dict[int, bytes]) -> list[int]:
    return [frame for frame, data in files.items() if read_openpose(data) is not None]


def video_of(person: Keypoints, persons: list[int], tracked: range | list[int], frames: int) -> Track:
    """Return the track of a video with 30 frames a second, 10 of them tracked; x rises by one pixel a frame."""
    return replace(
        track_of(person, persons),
        tracked_frames=np.array(tracked),
        frame_times=np.arange(frames) / 30,
    )


class TestExport:
    def test_exported_folder_is_read_by_another_package(self, person: Keypoints, tmp_path: Path) -> None:
        track = video_of(person, [0, 3, 12], range(0, 16, 3), 17)
        assert export_openpose(PeopleTrack.of_one(track), "ana session.1", tmp_path) == ExportedPoses(6, 3, (1,))
        pose = load_openpose_directory(str(tmp_path), fps=track.fps, width=640, height=480)
        assert pose.body.fps == 10
        assert pose.body.data.shape[:2] == (16, 1), "the last tracked frame has a file, without a person"
        for row, frame in enumerate(track.frames):
            assert pose.body.data.data[frame, 0, :25] == pytest.approx(track.keypoints[row, :, :2], abs=0.001)
            assert pose.body.confidence[frame, 0, :25] == pytest.approx(track.keypoints[row, :, 2], abs=0.001)
        assert not pose.body.confidence[[1, 2, 4, 9, 15]].any()

    def test_files_have_the_names_of_openpose_files(
        self, person: Keypoints, shared_data: Callable[[str], Path], tmp_path: Path
    ) -> None:
        export_openpose(
            PeopleTrack.of_one(video_of(person, [0, 3, 6], range(0, 9, 3), 9)), "video", tmp_path, every_frame=True
        )
        genuine = {path.name for path in shared_data("openpose").glob("*.json")}
        assert {path.name for path in tmp_path.iterdir()} == genuine

    def test_export_has_names_and_content_on_any_storage(self, person: Keypoints, bucket: Location) -> None:
        track = track_of(person, [7, 1_000_000])
        export_openpose(PeopleTrack.of_one(track), "visit", bucket / "poses")
        for row, name in enumerate(["visit_000000000007_keypoints.json", "visit_000001000000_keypoints.json"]):
            written = read_openpose(storage.read_bytes(bucket / "poses" / name))
            assert written == pytest.approx(track.keypoints[row], abs=0.001)

    @given(video_tracks())
    @settings(max_examples=50)
    def test_every_tracked_frame_has_a_file(self, track: Track) -> None:
        result, files = exported(track)
        assert result == ExportedPoses(len(track.tracked_frames), len(track.frames), numbers(track))
        assert list(files) == track.tracked_frames.tolist()
        assert present(files) == track.frames.tolist()
        for frame, keypoints in zip(track.frames.tolist(), track.keypoints, strict=True):
            assert files[frame] == write_openpose({1: keypoints})
        for frame in set(files) - set(track.frames.tolist()):
            assert files[frame] == b'{"version":1.3,"people":[]}', "as OpenPose writes it"

    def test_track_of_an_earlier_version_exports_the_known_frames_with_a_warning(self, person: Keypoints) -> None:
        result, files = exported(track_of(person, [0, 3, 12]))
        assert (result.files, result.with_person, list(files)) == (3, 3, [0, 3, 12])
        assert result.warning
        assert "without a person" in result.warning
        assert "Process the video again" in result.warning

    @pytest.mark.parametrize("every_frame", [False, True])
    def test_video_without_a_person_exports_files_without_people(self, every_frame: bool) -> None:
        track = video_of(np.zeros((25, 3), np.float32), [], range(0, 10, 3), 11)
        result, files = exported(track, every_frame=every_frame)
        assert list(files) == list(range(11) if every_frame else range(0, 10, 3))
        assert result == ExportedPoses(len(files), 0)
        assert present(files) == []

    def test_video_without_frames_exports_no_files(self) -> None:
        result, files = exported(video_of(np.zeros((25, 3), np.float32), [], [], 0), every_frame=True)
        assert (result, files) == (ExportedPoses(0, 0), {})


class TestEveryFrame:
    @given(video_tracks())
    @settings(max_examples=50)
    def test_every_frame_of_the_video_has_a_file(self, track: Track) -> None:
        result, files = exported(track, every_frame=True)
        assert list(files) == list(range(len(track.frame_times)))
        assert result == ExportedPoses(len(files), len(present(files)), numbers(track))
        _, tracked = exported(track)
        assert {frame: files[frame] for frame in tracked} == tracked, "tracked frames are written as tracked"

    @given(video_tracks())
    @settings(max_examples=50)
    def test_frames_between_tracked_frames_are_those_of_the_annotated_video(self, track: Track) -> None:
        people = tracking_outputs(track.fps).people
        poses = dict(zip(track.frames.tolist(), track.keypoints, strict=True))
        for frame in track.tracked_frames.tolist():
            pose = poses.get(frame)
            people.add(track.frame_times[frame], {} if pose is None else {1: PersonSample(pose)})
        people.end()
        _, files = exported(track, every_frame=True)
        for frame in set(files) - set(track.tracked_frames.tolist()):
            shown, written = people.at(float(track.frame_times[frame])).get(1), read_openpose(files[frame])
            assert (written is None) == (shown is None)
            if written is not None and shown is not None:
                known = shown[:, 2] > 0
                assert written[known] == pytest.approx(shown[known], abs=0.001)
                assert not written[~known].any()

    def test_positions_are_linear_and_confidences_the_lower_one(
        self, person: Keypoints, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sightline.pose.openpose_export._BATCH", 4)
        track = video_of(person, [0, 3, 6, 9], range(0, 10, 3), 10)
        keypoints = track.keypoints.copy()
        keypoints[1, :, 2] *= 0.5
        result, files = exported(replace(track, keypoints=keypoints), every_frame=True)
        assert result == ExportedPoses(10, 10, (1,))
        written = np.stack([read_openpose(data) for data in files.values()])
        seen = person[:, 2] > 0
        for joint in np.flatnonzero(seen):
            for axis in (0, 1):
                expected = np.interp(np.arange(10), track.frames, track.keypoints[:, joint, axis])
                assert written[:, joint, axis] == pytest.approx(expected, abs=0.001)
        halved = np.isin(np.arange(10), [1, 2, 3, 4, 5])
        assert written[halved][:, :, 2] == pytest.approx(np.tile(person[:, 2] / 2, (5, 1)), abs=0.001)
        assert written[~halved][:, :, 2] == pytest.approx(np.tile(person[:, 2], (5, 1)), abs=0.001)
        assert not written[:, ~seen].any()

    def test_joint_missing_in_one_tracked_frame_is_missing_between(self, person: Keypoints) -> None:
        track = video_of(person, [0, 3], [0, 3], 4)
        keypoints = track.keypoints.copy()
        keypoints[1, 4] = 0
        _, files = exported(replace(track, keypoints=keypoints), every_frame=True)
        assert read_openpose(files[0])[4].all()
        assert all(not read_openpose(files[frame])[4].any() for frame in (1, 2, 3))
        assert all(read_openpose(files[frame])[3].all() for frame in (1, 2, 3))

    def test_frames_in_a_gap_are_without_a_person(self, person: Keypoints) -> None:
        # The pose of frame 3 is shown for the period of 0.1 s that it stands for.
        _, files = exported(video_of(person, [0, 3, 12, 15], range(0, 19, 3), 19), every_frame=True)
        assert present(files) == [0, 1, 2, 3, 4, 5, 12, 13, 14, 15, 16, 17]

    def test_single_tracked_frame_without_person_stays_without(self, person: Keypoints) -> None:
        _, files = exported(video_of(person, [0, 6], [0, 3, 6], 7), every_frame=True)
        assert present(files) == [0, 1, 2, 4, 5, 6]

    def test_frames_before_the_first_person_are_without(self, person: Keypoints) -> None:
        _, files = exported(video_of(person, [6, 9], range(0, 10, 3), 10), every_frame=True)
        assert present(files) == [6, 7, 8, 9]

    def test_track_of_an_earlier_version_is_rejected_before_a_file_is_written(
        self, person: Keypoints, tmp_path: Path
    ) -> None:
        with pytest.raises(InvalidInput, match="stored by a version") as caught:
            export_openpose(PeopleTrack.of_one(track_of(person, [0, 3])), "visit", tmp_path, every_frame=True)
        assert caught.value.subject == "visit"
        assert "Process the video again" in caught.value.fix
        assert list(tmp_path.iterdir()) == []


class TestSeveralPeople:
    def test_everyone_is_exported_with_the_patient_first(self, person: Keypoints) -> None:
        track = crowd(person)
        result, files = exported(track, patient=3)
        assert result == ExportedPoses(4, 3, (1, 2, 3), 3)
        assert [people_in(data) for data in files.values()] == [[1, 2], [3, 1, 2], [3], []]

    def test_unknown_patient_leaves_the_order_of_numbers(self, person: Keypoints) -> None:
        result, files = exported(crowd(person))
        assert result.patient is None
        assert people_in(files[3]) == [1, 2, 3]

    def test_one_person_is_exported_alone(self, person: Keypoints) -> None:
        result, files = exported(crowd(person), patient=3, only=2)
        assert result == ExportedPoses(4, 2, (2,))
        assert [people_in(data) for data in files.values()] == [[2], [2], [], []]

    def test_unknown_number_is_rejected_before_a_file_is_written(self, person: Keypoints, tmp_path: Path) -> None:
        with pytest.raises(InvalidInput, match=r"has no person 4.*1, 2, 3"):
            export_openpose(crowd(person), "visit", tmp_path, only=4)
        assert list(tmp_path.iterdir()) == []

    def test_each_person_is_interpolated_by_themselves(self, person: Keypoints) -> None:
        _, files = exported(crowd(person), every_frame=True)
        assert [people_in(files[frame]) for frame in (1, 2, 4, 5, 7, 9)] == [
            [1, 2],
            [1, 2],
            [1, 2, 3],
            [1, 2, 3],
            [3],
            [],
        ]
        between = dict(read_openpose_people(files[1]))
        for number, offset in ((1, 100), (2, 200)):
            seen = person[:, 2] > 0
            expected = person[seen, 0] + offset + 1
            assert between[number][seen, 0] == pytest.approx(expected, abs=0.001)

    def test_exported_folder_is_read_by_another_package(self, person: Keypoints, tmp_path: Path) -> None:
        track = crowd(person)
        export_openpose(track, "ana session.1", tmp_path, patient=3)
        pose = load_openpose_directory(str(tmp_path), fps=track.fps, width=640, height=480)
        assert pose.body.data.shape[:2] == (10, 3)
        # The package takes the first in a file for the same person in every file: with the patient first, it is.
        for frame in (3, 6):
            expected = track.by_frame()[frame][3]
            assert pose.body.data.data[frame, 0, :25] == pytest.approx(expected[:, :2], abs=0.001)


def crowd(person: Keypoints) -> PeopleTrack:
    """Persons 1 and 2 in frames 0 and 3, person 3 in frames 3 and 6, nobody in frame 9; x tells them apart."""
    rows = [(0, 1), (0, 2), (3, 1), (3, 2), (3, 3), (6, 3)]
    moved = [
        person + np.array([100 * number + frame, 0, 0], np.float32) * (person[:, 2:] > 0) for frame, number in rows
    ]
    frames = np.array([frame for frame, _ in rows])
    return PeopleTrack(
        frames=frames, times=frames / 30, people=np.array([number for _, number in rows]), keypoints=np.stack(moved),
        size=(640, 480), fps=10.0, tracked_frames=np.arange(0, 10, 3), frame_times=np.arange(10) / 30,
    )  # fmt: skip


def people_in(data: bytes) -> list[int]:
    return [number for number, _ in read_openpose_people(data)]
