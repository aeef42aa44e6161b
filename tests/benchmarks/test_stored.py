"""What the benchmark stores is what it would compute again."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from benchmarks._people.clip import PersonTruth
from benchmarks._people.cutouts import CutOut
from benchmarks._people.estimates import StoredEstimator
from benchmarks._people.stored import stored_frames
from sightline.pose.estimator import Frame, PoseEstimator, Region, SearchWindow

from .test_clips import actor, clip_of


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGHTLINE_BENCH_CACHE", str(tmp_path))


def test_stored_clip_has_the_same_frames_and_people(figure: CutOut) -> None:
    clip = clip_of(actor(figure, 1, 100, 200, 120, 2), actor(figure, 2, 900, 200, 120, 3))
    composed = list(clip.frames())
    for _ in range(2):
        stored = stored_frames("pair", clip)
        assert len(stored) == len(composed)
        for frame, again in zip(composed, stored, strict=True):
            assert (frame.index, frame.time) == (again.index, again.time)
            assert np.array_equal(frame.rgb, again.rgb)
            for person, same in zip(frame.people, again.people, strict=True):
                assert all(_equal(person, same, field.name) for field in fields(PersonTruth))


def test_models_are_asked_once_and_give_the_same_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    from skimage import data

    rgb, window, region = data.astronaut(), SearchWindow(0, 0, 400, 400), Region(230, 300, 700, 0)
    with PoseEstimator() as models:
        expected = _answers(models, rgb, window, region)
    assert expected[0]
    assert expected[1]
    with StoredEstimator("one") as first:
        assert _answers(first, rgb, window, region) == expected
    monkeypatch.setattr("benchmarks._people.estimates.PoseEstimator", None)
    with StoredEstimator("one") as second:
        assert _answers(second, rgb, window, region) == expected
        with pytest.raises(TypeError):
            second.detect(255 - rgb)


def _equal(person: PersonTruth, other: PersonTruth, name: str) -> bool:
    return bool(np.array_equal(getattr(person, name), getattr(other, name)))


def _answers(models: PoseEstimator, rgb: Frame, window: SearchWindow, region: Region) -> tuple[object, ...]:
    person = models.landmarks(rgb, region)
    assert person is not None
    return models.detect(rgb), models.detect(rgb, window), person.keypoints.tolist(), person.region, person.presence
