"""Everybody in a photo is found, once."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from sightline.pose import JOINTS, FoundPerson, PoseEstimator, find_people
from sightline.ranking import DroppedPerson, PrepareParameters, prepare_person
from sightline.training.ranking import draw_runners, random_runner

from .conftest import Labels, Photo, labels_of


@pytest.fixture(scope="module")
def found(photos: list[Photo]) -> list[list[FoundPerson]]:
    with PoseEstimator() as estimator:
        return [find_people(photo.rgb, estimator) for photo in photos]


def test_everyone_who_is_labelled_is_found_once(
    photos: list[Photo], found: list[list[FoundPerson]], point_names: list[str]
) -> None:
    for photo, people in zip(photos, found, strict=True):
        assert len(people) == len(photo.people)
        assert len({_owner(person, photo, point_names) for person in people}) == len(people)
        assert all(person.confidence >= 0.8 for person in people)


def test_a_box_holds_the_joints_that_are_seen_and_lies_in_the_photo(
    photos: list[Photo], found: list[list[FoundPerson]], point_names: list[str]
) -> None:
    shares = []
    for photo, people in zip(photos, found, strict=True):
        height, width = photo.rgb.shape[:2]
        for person in people:
            box = person.box
            assert 0 <= box.left < box.right <= width
            assert 0 <= box.top < box.bottom <= height
            labels = labels_of(photo.people[_owner(person, photo, point_names)], point_names)
            shares += _inside(labels, person).tolist()
    assert np.mean(shares) > 0.9


def test_left_and_upper_are_where_people_labelled_them(
    photos: list[Photo], found: list[list[FoundPerson]], point_names: list[str]
) -> None:
    """A person's left shoulder is nearer to the left one of the labels than to the right one, and so on."""
    right, upright = [], []
    for photo, people in zip(photos, found, strict=True):
        for person in people:
            labels = labels_of(photo.people[_owner(person, photo, point_names)], point_names)
            for joint in ("shoulder", "hip", "knee", "ankle", "elbow", "wrist"):
                rows = [point_names.index(f"{side}_{joint}") for side in ("left", "right")]
                own, other = (labels.points[row] for row in rows)
                if labels.labelled[rows].all() and np.linalg.norm(own - other) > 0.15 * np.ptp(labels.points[:, 1]):
                    place = person.keypoints[JOINTS.index(f"left_{joint}"), :2]
                    right.append(np.linalg.norm(place - own) < np.linalg.norm(place - other))
            upright.append(person.keypoints[JOINTS.index("nose"), 1] < person.keypoints[JOINTS.index("mid_hip"), 1])
    assert len(right) >= 15
    assert np.mean(right) >= 0.9
    assert all(upright)


def test_the_cut_lies_by_the_labelled_hips_and_the_ankles_below_it(
    photos: list[Photo], found: list[list[FoundPerson]], point_names: list[str]
) -> None:
    """What is upper and what is lower body, by people's own labels."""
    hips, ankles = ([point_names.index(f"{side}_{joint}") for side in ("left", "right")] for joint in ("hip", "ankle"))
    cut, below = [], []
    for photo, people in zip(photos, found, strict=True):
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


def test_nobody_is_found_where_nobody_is() -> None:
    with PoseEstimator() as estimator:
        assert find_people(np.full((120, 160, 3), 90, np.uint8), estimator) == []


def test_a_glove_is_no_person_of_its_own(skier: Photo) -> None:
    """Slightly out of focus, the models take parts of the skier for people."""
    import cv2

    with PoseEstimator() as estimator:
        assert len(find_people(cv2.GaussianBlur(skier.rgb, (0, 0), 1), estimator)) == 1


def test_a_part_of_a_person_that_is_surer_than_the_whole_is_no_person_either() -> None:
    """Of this drawn runner the models take the hips for somebody small, and are surer of that than of the runner."""
    rng = np.random.default_rng(2)
    photo = draw_runners([random_runner(rng, label) for label in ("good", "bad")], rng)
    with PoseEstimator() as estimator:
        people = find_people(photo, estimator)
    assert len(people) == 2
    assert all(person.box.bottom - person.box.top > 280 for person in people)


def _owner(person: FoundPerson, photo: Photo, names: list[str]) -> int:
    """Whose labels lie nearest to the person's joints."""
    return int(np.argmin([_distance(person, labels_of(each, names)) for each in photo.people]))


def _distance(person: FoundPerson, labels: Labels) -> float:
    places: NDArray[np.float64] = person.keypoints[labels.joints, :2].astype(float)
    return float(np.linalg.norm(places - labels.points, axis=1)[labels.labelled].mean())


def _inside(labels: Labels, person: FoundPerson) -> NDArray[np.bool_]:
    x, y = labels.points[labels.visible].T
    box = person.box
    inside: NDArray[np.bool_] = (x >= box.left) & (x <= box.right) & (y >= box.top) & (y <= box.bottom)
    return inside
