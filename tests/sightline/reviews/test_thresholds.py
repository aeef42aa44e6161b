"""Thresholds are explained by held-out predictions and by people's answers; a recommendation has evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sightline.errors import InvalidInput
from sightline.registry import BASELINE, Baseline, Registry, WrongTask
from sightline.reviews import CANNOT_TELL, NONE_OF_THESE, Reviews, threshold_report
from sightline.statistics import wilson_interval
from tests.images import draft
from tests.reviewing import answer, question


def publish(registry: Registry, folder: Path, confidences: Any, right: Any, **changes: Any) -> None:
    """Publish a version with these held-out predictions."""
    folder.mkdir(parents=True)
    first = np.asarray(confidences, np.float32)
    labels = np.where(right, 0, 1).astype(np.int64)
    Baseline(np.stack([first, 1 - first], axis=1), labels).save(folder / BASELINE)
    record = registry.publish(draft(**changes), folder)
    registry.promote(record.name, record.version, metric="accuracy", value=1.0, measure_current=lambda _: 0.0, why="")


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """A registry with a model that is right from a confidence of 0.8 on, and by half below."""
    registry = Registry(tmp_path / "models", builtin=tmp_path / "none")
    confidences = np.repeat([0.605, 0.705, 0.855, 0.955], 100)
    right = (np.arange(400) % 2 == 0) | (confidences >= 0.8)
    publish(registry, tmp_path / "files", confidences, right)
    return registry


@pytest.fixture
def reviews(tmp_path: Path) -> Reviews:
    """No questions yet."""
    return Reviews(tmp_path / "reviews")


def answered(reviews: Reviews, count: int, text: str, start: int, **changes: Any) -> None:
    for number in range(start, start + count):
        asked = question(number, **changes)
        reviews.queue([asked])
        reviews.answer(asked, answer(text))


def test_row_has_the_shares_and_their_intervals(registry: Registry, reviews: Reviews) -> None:
    report = threshold_report(registry, reviews, "vehicles")
    rows = {row.threshold: row for row in report.rows}
    assert (report.held_out, report.threshold, report.recommended) == (400, 0.93, None)
    assert (rows[0.0].accepted.share, rows[0.0].right.share) == (1.0, 0.75)
    assert (rows[0.7].accepted.count, rows[0.7].right.count, rows[0.7].right.of) == (300, 250, 300)
    assert rows[0.93].right.interval == wilson_interval(1.0, 100)
    assert rows[0.97].right.share is None
    assert "Give --precision" in report.why


def test_recommendation_is_the_lowest_threshold_that_is_shown_to_reach_it(registry: Registry, reviews: Reviews) -> None:
    report = threshold_report(registry, reviews, "vehicles", precision=0.97)
    assert report.recommended == 0.71
    assert report.recommended in {row.threshold for row in report.rows}
    assert "--threshold 0.71" in report.why
    lacking = threshold_report(registry, reviews, "vehicles", precision=0.999)
    assert lacking.recommended is None
    assert "3,838 accepted held-out images would show it; there are 100" in lacking.why


def test_answers_about_uncertain_images_count(registry: Registry, reviews: Reviews) -> None:
    answered(reviews, 4, "bicycle", 100)
    answered(reviews, 2, "motorcycle", 104)
    answered(reviews, 1, NONE_OF_THESE, 106)
    answered(reviews, 1, CANNOT_TELL, 107)
    answered(reviews, 1, "motorcycle", 108, why="vehicles/1 does not know images of this kind: its class is a guess")
    answered(reviews, 1, "motorcycle", 109, model="vehicles/2")
    report = threshold_report(registry, reviews, "vehicles")
    rows = {row.threshold: row.reviewed_right for row in report.rows}
    assert report.reviewed == 7
    assert (rows[0.6].count, rows[0.6].of) == (4, 7)
    assert rows[0.7].of == 0
    assert "0.571 (0.250 to 0.842) of 7" in str(report)


def test_answers_that_contradict_the_held_out_images_are_reported(registry: Registry, reviews: Reviews) -> None:
    answered(reviews, 20, "motorcycle", 350)
    report = threshold_report(registry, reviews, "vehicles", precision=0.97)
    assert "people found 0 of 20 images right" in report.why
    assert "keep 0.93" in report.why


def test_model_without_held_out_predictions_is_refused(tmp_path: Path, reviews: Reviews) -> None:
    registry = Registry(tmp_path / "models", builtin=tmp_path / "none")
    publish(registry, tmp_path / "a", [0.9], [True], task="image-ranking")
    with pytest.raises(WrongTask):
        threshold_report(registry, reviews, "vehicles")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "head.ubj").write_bytes(b"-")
    record = registry.publish(draft("imported"), tmp_path / "b")
    with pytest.raises(InvalidInput, match="Train it with `sightline train-image-classifier imported DATA`"):
        threshold_report(registry, reviews, record.label)
