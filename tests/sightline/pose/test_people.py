"""Every person in a photo is detected once."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from sightline.pose import JOINTS, FoundPerson, PoseEstimator, find_people
from sightline.ranking import DroppedPerson, PrepareParameters, prepare_person
from sightline.training.ranking import draw_runners, random_runner

from .conftest import Labels, Photo, labels_of


@pytest.fixture(scope="module")
def detected(photos: list[Photo]) -> list[list[FoundPerson]]:
    with PoseEstimator() as estimator:
        return [find_people(photo.rgb, estimator) for photo in photos]


def test_every_labelled_person_is_detected_once(
    photos: list[Photo], detected: list[list[FoundPerson]], point_names: list[str]
) -> None:
    for photo, people in zip(photos, detected, strict=True):
        assert len(people) == len(photo.people)
        assert len({_owner(person, photo, point_names) for person in people}) == len(people)
        assert all(person.confidence >= 0.8 for person in people)


def test_box_contains_visible_joints_and_is_in_the_photo(
    photos: list[Photo], detected: list[list[FoundPerson]], point_names: list[str]
) -> None:
    shares = []
    for photo, people in zip(photos, detected, strict=True):
        height, width = photo.rgb.shape[:2]
        for person in people:
            box = person.box
            assert 0 <= box.left < box.right <= width
            assert 0 <= box.top < box.bottom <= height
            labels = labels_of(photo.people[_owner(person, photo, point_names)], point_names)
            shares += _inside(labels, person).tolist()
    assert np.mean(shares) > 0.9


def test_left_and_upper_match_the_labels(
    photos: list[Photo], detected: list[list[FoundPerson]], point_names: list[str]
) -> None:
    """A person's left shoulder is nearer to the labelled left shoulder than to the right one; other joints also."""
    right, upright = [], []
    for photo, people in zip(photos, detected, strict=True):
        for person in people:
            labels = labels_of(photo.people[_owner(person, photo, point_names)], point_names)
            for joint in ("shoulder", "hip", "knee", "ankle", "elbow", "wrist"):
                rows = [point_names.index(f"{side}_{joint}") for side in ("left", "right")]
                own, other = (labels.points[row] for row in rows)
                if labels.labelled[rows].all() and np.linalg.norm(own - other) > 0.15 * np.ptp(labels.points[:, 1]):
                    position = person.keypoints[JOINTS.index(f"left_{joint}"), :2]
                    right.append(np.linalg.norm(position - own) < np.linalg.norm(position - other))
            upright.append(person.keypoints[JOINTS.index("nose"), 1] < person.keypoints[JOINTS.index("mid_hip"), 1])
    assert len(right) >= 15
    assert np.mean(right) >= 0.9
    assert all(upright)


def test_labelled_hips_are_at_the_cut_and_ankles_below(
    photos: list[Photo], detected: list[list[FoundPerson]], point_names: list[str]
) -> None:
    """Upper and lower body match the labels."""
    hips, ankles = ([point_names.index(f"{side}_{joint}") for side in ("left", "right")] for joint in ("hip", "ankle"))
    cut, below = [], []
    for photo, people in zip(photos, detected, strict=True):
        for person in people:
            prepared = prepare_person(photo.rgb, person, PrepareParameters(blur_threshold=0))
            if isinstance(prepared, DroppedPerson) or prepared.lower_body is None:
                continue
            labels = labels_of(photo.people[_owner(person, photo, point_names)], point_names)
            box = person.box
            height = box.bottom - box.top
            split = box.top + len(prepared.upper_body)
            if labels.labelled[hips].all():
                cut.append(abs(labels.points[hips, 1].mean() - split) / height)
            below += (labels.points[ankles, 1][labels.visible[ankles]] > split).tolist()
    assert len(cut) >= 10
    assert max(cut) < 0.12
    assert below
    assert all(below)


def test_photo_without_people_has_no_detections() -> None:
    with PoseEstimator() as estimator:
        assert find_people(np.full((120, 160, 3), 90, np.uint8), estimator) == []


def test_glove_is_not_a_separate_person(skier: Photo) -> None:
    """In a slightly blurred photo, the models detect parts of the skier as people."""
    import cv2

    with PoseEstimator() as estimator:
        assert len(find_people(cv2.GaussianBlur(skier.rgb, (0, 0), 1), estimator)) == 1


def test_part_with_higher_confidence_is_not_a_separate_person() -> None:
    """The models detect this drawn runner's hips as a small person, with a higher confidence than the runner."""
    rng = np.random.default_rng(2)
    photo = draw_runners([random_runner(rng, label) for label in ("good", "bad")], rng)
    with PoseEstimator() as estimator:
        people = find_people(photo, estimator)
    assert len(people) == 2
    assert all(person.box.bottom - person.box.top > 280 for person in people)


def _owner(person: FoundPerson, photo: Photo, names: list[str]) -> int:
    """Return the index of the labelled person whose points are closest to the person's joints."""
    return int(np.argmin([_distance(person, labels_of(labelled, names)) for labelled in photo.people]))


def _distance(person: FoundPerson, labels: Labels) -> float:
    positions: NDArray[np.float64] = person.keypoints[labels.joints, :2].astype(float)
    return float(np.linalg.norm(positions - labels.points, axis=1)[labels.labelled].mean())


def _inside(labels: Labels, person: FoundPerson) -> NDArray[np.bool_]:
    x, y = labels.points[labels.visible].T
    box = person.box
    inside: NDArray[np.bool_] = (x >= box.left) & (x <= box.right) & (y >= box.top) & (y <= box.bottom)
    return inside
