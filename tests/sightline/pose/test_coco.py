"""Poses against the labels of COCO photos."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from sightline.pose import detect_pose

from .conftest import Labels, Photo, labels_of


@dataclass(frozen=True)
class Detected:
    """A labelled person, and the estimator's positions of the same 17 points in pixels."""

    labels: Labels
    points: NDArray[np.float64]
    torso: float


@pytest.fixture(scope="module")
def detected(photos: list[Photo], point_names: list[str]) -> list[Detected]:
    """The people detected in the part of the photo around them; the estimator handles one person."""
    people = [(photo, person) for photo in photos for person in photo.people]
    results = []
    for photo, person in people:
        left, top, width, height = person["bbox"]
        margin = 0.25 * max(width, height)
        x, y = max(0, int(left - margin)), max(0, int(top - margin))
        keypoints = detect_pose(photo.rgb[y : int(top + height + margin), x : int(left + width + margin)])
        if keypoints is not None:
            labels = labels_of(person, point_names)
            shoulders, hips = (
                labels.points[[i for i, name in enumerate(point_names) if part in name and labels.labelled[i]]].mean(
                    axis=0
                )
                for part in ("shoulder", "hip")
            )
            torso = float(np.linalg.norm(shoulders - hips))
            results.append(Detected(labels, keypoints[labels.joints, :2] + (x, y), torso))
    assert len(results) >= 0.9 * len(people)
    return results


def test_joints_match_the_labels(detected: list[Detected], record_property: Callable[[str, object], None]) -> None:
    near = [
        distance < 0.2 * person.torso
        for person in detected
        for distance in np.linalg.norm(person.points - person.labels.points, axis=1)[person.labels.labelled]
    ]
    share = float(np.mean(near))
    record_property("share of keypoints within 0.2 of the torso", share)
    print(f"{share:.1%} of {len(near)} labelled keypoints of {len(detected)} people are within 0.2 of the torso length")
    assert share >= 0.75


def test_left_and_right_match_the_labels(detected: list[Detected], point_names: list[str]) -> None:
    """Only points that the estimator places clearly left and right are compared."""
    all_right = []
    for person in detected:
        right = []
        for i, name in enumerate(point_names):
            if not name.startswith(("left", "right")):
                continue
            twin = point_names.index(name.replace("left", "right") if "left" in name else name.replace("right", "left"))
            apart = np.linalg.norm(person.points[i] - person.points[twin]) > 0.3 * person.torso
            if apart and person.labels.labelled[i]:
                own, other = (np.linalg.norm(person.points[j] - person.labels.points[i]) for j in (i, twin))
                right.append(own < other)
        assert not right or np.mean(right) >= 0.75
        all_right += right
    assert len(all_right) > 80
    assert np.mean(all_right) >= 0.95
