"""Every recognisable face is detected."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import mediapipe
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from sightline.media import DOUBTFUL, NOBODY, FaceSeries, Heads, Hiding, PeopleSeries
from sightline.pose import JOINTS, FaceDetector, Keypoints, PoseEstimator, detect_pose, find_people, head_box
from sightline.pose.heads import Face
from tests.staging import room

from .conftest import Photo, labels_of

# The head in scikit-image's photo of an astronaut: hair above the forehead, chin, and the hair beside the ears.
ASTRONAUT_HEAD = np.array([[225, 25], [224, 185], [165, 100], [285, 100]])


@pytest.fixture(scope="module")
def faces() -> Iterator[FaceDetector]:
    with FaceDetector() as detector:
        yield detector


def covered(points: NDArray[np.float64], boxes: NDArray[np.float32]) -> bool:
    """Return whether one box contains all points."""
    return any(((points >= box[:2]) & (points <= box[2:])).all() for box in boxes)


class TestFaceDetector:
    def test_every_face_in_the_photos_is_covered(
        self, faces: FaceDetector, photos: list[Photo], point_names: list[str]
    ) -> None:
        """Twelve people, two of them of 100 pixels, most with goggles or helmets, one seen from behind."""
        checked = 0
        for photo in photos:
            boxes = faces.detect(photo.rgb)
            for person in photo.people:
                labels = labels_of(person, point_names)
                face = labels.points[:5][labels.visible[:5]]
                if len(face):
                    checked += 1
                    assert covered(face, boxes), person["bbox"]
        assert checked == 12

    def test_near_face_is_covered_from_hair_to_chin(self, faces: FaceDetector) -> None:
        assert covered(ASTRONAUT_HEAD, faces.detect(data.astronaut()))

    @pytest.mark.parametrize("size", [240, 120])
    def test_face_of_a_small_person_is_covered(self, faces: FaceDetector, size: int) -> None:
        scale = size / 512
        rgb = np.full((540, 960, 3), 120, np.uint8)
        rgb[540 - size :, 420 : 420 + size] = cv2.resize(data.astronaut(), (size, size), interpolation=cv2.INTER_AREA)
        assert covered(ASTRONAUT_HEAD * scale + (420, 540 - size), faces.detect(rgb))

    def test_boxes_are_within_the_frame(self, faces: FaceDetector) -> None:
        rgb = np.ascontiguousarray(data.astronaut()[60:, :240])
        boxes = faces.detect(rgb)
        assert len(boxes)
        assert boxes.dtype == np.float32
        assert (boxes[:, :2] >= 0).all()
        assert (boxes[:, 2] <= 240).all()
        assert (boxes[:, 3] <= 452).all()
        assert (boxes[:, :2] < boxes[:, 2:]).all()

    def test_one_face_has_one_box(self, faces: FaceDetector, signing: list[tuple[NDArray[np.uint8], float]]) -> None:
        assert len(faces.detect(signing[0][0])) == 1

    def test_frame_without_face_has_no_box(self, faces: FaceDetector) -> None:
        assert faces.detect(np.full((120, 200, 3), 90, np.uint8)).shape == (0, 4)

    def test_both_models_are_in_the_package(self) -> None:
        models = Path(mediapipe.__file__).parent / "modules/face_detection"
        assert (models / "face_detection_short_range.tflite").stat().st_size > 200_000
        assert (models / "face_detection_full_range_sparse.tflite").stat().st_size > 600_000


class TestHeadBox:
    def test_head_box_covers_the_labelled_face(self, skier: Photo, point_names: list[str]) -> None:
        labels = labels_of(skier.people[0], point_names)
        assert covered(labels.points[:5], head_box(detect_pose(skier.rgb))[None])

    def test_head_box_spans_hair_to_chin(self) -> None:
        left, top, right, bottom = head_box(detect_pose(data.astronaut()))
        (_, hair), (_, chin), (ear, _), (other_ear, _) = ASTRONAUT_HEAD
        assert top < hair
        assert bottom > chin
        assert left < ear
        assert right > other_ear

    def test_head_box_is_at_most_a_head_with_margin(self, skier: Photo) -> None:
        left, top, right, bottom = head_box(detect_pose(skier.rgb))
        assert max(right - left, bottom - top) < 0.3 * skier.people[0]["bbox"][3]

    def test_head_box_needs_one_known_point(self, person: Keypoints) -> None:
        face = [JOINTS.index(name) for name in ("right_eye", "left_eye", "right_ear", "left_ear")]
        person[face] = 0
        left, top, right, bottom = head_box(person)
        nose = person[JOINTS.index("nose")]
        assert left < nose[0] < right
        assert top < nose[1] < bottom

    def test_head_box_without_face_is_none(self, person: Keypoints) -> None:
        face = [JOINTS.index(name) for name in ("nose", "right_eye", "left_eye", "right_ear", "left_ear")]
        person[face] = 0
        assert head_box(person) is None


class TestDetectHeads:
    """Heads are attributed to tracked people; everyone else is a stranger."""

    @pytest.fixture(scope="class")
    def crowd(self, photos: list[Photo]) -> tuple[Photo, dict[int, Keypoints]]:
        photo = max(photos, key=lambda photo: len(photo.people))
        with PoseEstimator() as estimator:
            people = find_people(photo.rgb, estimator)
        return photo, {number: person.keypoints for number, person in enumerate(people, start=1)}

    def test_heads_of_tracked_people_are_theirs(
        self, faces: FaceDetector, crowd: tuple[Photo, dict[int, Keypoints]]
    ) -> None:
        photo, people = crowd
        heads = faces.find(photo.rgb, people).assigned(people)
        assert set(heads.owners.tolist()) >= set(people)
        assert not heads.strangers
        for number, points in people.items():
            nose = points[JOINTS.index("nose"), :2]
            boxes = heads.boxes[heads.owners == number]
            assert any(((nose >= box[:2]) & (nose <= box[2:])).all() for box in boxes)

    def test_person_who_is_not_tracked_is_a_stranger(
        self, faces: FaceDetector, crowd: tuple[Photo, dict[int, Keypoints]]
    ) -> None:
        photo, people = crowd
        strangers = 0
        for missed, points in people.items():
            others = {number: joints for number, joints in people.items() if number != missed}
            heads = faces.find(photo.rgb, others).assigned(others)
            nose = points[JOINTS.index("nose"), :2]
            unowned = heads.boxes[heads.owners == 0]
            assert any(((nose >= box[:2]) & (nose <= box[2:])).all() for box in unowned)
            strangers += bool(heads.strangers)
        assert strangers >= len(people) - 2, "two of them stand close behind others"

    def test_one_filmed_person_has_no_strangers(
        self, faces: FaceDetector, signing: list[tuple[NDArray[np.uint8], float]]
    ) -> None:
        for rgb, _ in signing[::20]:
            people = {4: detect_pose(rgb)}
            heads = faces.find(rgb, people).assigned(people)
            assert set(heads.owners.tolist()) == {4}
            assert not heads.strangers

    def test_face_in_front_of_two_heads_belongs_to_nobody(self, faces: FaceDetector) -> None:
        pose = detect_pose(data.astronaut())
        people = {1: pose, 2: pose + np.array([4, 4, 0], np.float32)}
        heads = faces.find(data.astronaut(), people).assigned(people)
        assert 0 in heads.owners.tolist()

    def test_frame_without_people_has_no_heads(self, faces: FaceDetector) -> None:
        heads = faces.find(np.full((120, 200, 3), 90, np.uint8), {}).assigned({})
        assert heads.boxes.shape == (0, 4)
        assert heads.owners.shape == (0,)


class TestDoubtfulFaces:
    @pytest.mark.usefixtures("cutouts")
    def test_patterns_in_empty_rooms_are_doubtful(self, faces: FaceDetector) -> None:
        heads = [faces.find(room(seed), {}).assigned({}) for seed in (1, 2, 3, 18)]
        owners = np.concatenate([one.owners for one in heads])
        assert len(owners) >= 4
        assert set(owners.tolist()) == {DOUBTFUL}

    def test_no_face_in_the_photos_is_only_doubtful(
        self, faces: FaceDetector, photos: list[Photo], point_names: list[str]
    ) -> None:
        for photo in photos:
            heads = faces.find(photo.rgb, {}).assigned({})
            for person in photo.people:
                labels = labels_of(person, point_names)
                face = labels.points[:5][labels.visible[:5]]
                assert not len(face) or covered(face, heads.boxes[heads.owners == NOBODY]), person["bbox"]


def test_body_that_is_estimated_from_a_face_contains_the_person(
    faces: FaceDetector, photos: list[Photo], point_names: list[str]
) -> None:
    """Of labelled skiers and tennis players, who bend and spread their limbs, nine of ten joints are hidden."""
    inside = []
    for photo in photos:
        for person in photo.people:
            labels = labels_of(person, point_names)
            centre = labels.points[:5][labels.labelled[:5]].mean(axis=0) if labels.labelled[:5].any() else None
            for face in faces.find(photo.rgb, {}).faces if centre is not None else ():
                if ((centre >= face.box[:2]) & (centre <= face.box[2:])).all():
                    hidden = hidden_by(face, photo.rgb.shape)
                    x, y = labels.points[labels.labelled].astype(int).T
                    inside.append(hidden[y, x].mean())
                    break
    assert len(inside) == 6
    assert np.mean(inside) > 0.9


def hidden_by(face: Face, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return what is hidden if this face is all that is found, shape (height, width)."""
    series, found = PeopleSeries([], 0.1), FaceSeries(reach=0.3)
    nobody = np.zeros(1, np.int64)
    found.add(0.0, Heads(face.box[None].astype(np.float32), nobody, (), np.array([face.down], np.float32)))
    series.end()
    found.end()
    empty = np.zeros(shape, np.uint8)
    return (Hiding(series, lambda: None, found).hide(empty, 0.0) > 0).any(axis=2)
