"""A recent frame is reduced, but people are found in it in pixels of the frame."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from sightline.pose import PoseEstimator
from sightline.pose.appearance import appearance_of
from sightline.pose.recent import Recent

from .conftest import Photo


@pytest.fixture(scope="module")
def estimator() -> Iterator[PoseEstimator]:
    with PoseEstimator(segmentation=True) as estimator:
        yield estimator


def test_small_frame_is_kept_as_it_is(skier: Photo) -> None:
    recent = Recent.of(skier.rgb, 1.5, {})
    assert recent.scale == 1
    assert np.array_equal(recent.rgb, skier.rgb)


@pytest.mark.parametrize("size", [(2160, 3840), (3840, 2160), (1281, 1281), (4, 5000), (5000, 1)])
def test_large_frame_is_reduced(size: tuple[int, int]) -> None:
    recent = Recent.of(np.zeros((*size, 3), np.uint8), 0, {})
    assert max(recent.rgb.shape[:2]) == 1280
    assert recent.size == size[::-1]
    assert recent.scale == pytest.approx(1280 / max(size))


def test_person_is_found_at_their_place_in_the_large_frame(skier: Photo, estimator: PoseEstimator) -> None:
    large = np.asarray(cv2.resize(skier.rgb, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC), np.uint8)
    (found, *_) = estimator.detect(large)
    expected = estimator.refined_landmarks(large, found.region)
    recent = Recent.of(large, 0, {})
    person = recent.landmarks(estimator, found.region)
    assert expected is not None
    assert person is not None
    seen = expected.keypoints[:, 2] > 0.9
    distances = np.hypot(*(person.keypoints[seen, :2] - expected.keypoints[seen, :2]).T)
    assert np.median(distances) < 0.02 * expected.region.side
    assert person.region[:3] == pytest.approx(expected.region[:3], rel=0.05)
    assert person.mask is not None
    assert expected.mask is not None
    height, width = person.mask.values.shape
    assert (width, height) == person.mask.window[2:]
    assert person.mask.values.sum() == pytest.approx(expected.mask.values.sum(), rel=0.1)
    look = recent.appearance_of(person.keypoints)
    assert look.difference(appearance_of(large, expected.keypoints)) < 3


def test_nobody_is_found_where_nobody_is(estimator: PoseEstimator, skier: Photo) -> None:
    (found, *_) = estimator.detect(skier.rgb)
    blank = Recent.of(np.full((3 * skier.rgb.shape[0], 3 * skier.rgb.shape[1], 3), 127, np.uint8), 0, {})
    assert blank.landmarks(estimator, found.region) is None
