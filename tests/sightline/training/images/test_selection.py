"""Cross-validation and the model-selection table."""

from __future__ import annotations

import pytest

from sightline.statistics import wilson_interval
from sightline.training.common import UnsuitableData
from sightline.training.images import Preset, TrainingData, compare, cross_validate, folds, split
from sightline.training.images.comparison import HEADS


def test_cross_validation_tests_every_map_once_and_reports_progress(data: TrainingData, quick: Preset) -> None:
    reported: list[float] = []
    result = cross_validate(quick.recipe(), data, 3, seed=1, validation=0.15, progress=reported.append)
    assert sum(fold.test for fold in result.folds) == len(data.manifest.samples)
    assert all(0.85 * 180 > fold.train + fold.test > 0.75 * 180 for fold in result.folds), "one person calibrates"
    assert result.pooled is not None
    assert result.pooled.images == 180
    assert result.pooled_macro_f1 == result.pooled.macro_f1
    assert result.pooled.accuracy_interval == pytest.approx(wilson_interval(result.pooled.accuracy, 180))
    assert result.grouped
    assert 0.5 < result.macro_f1 <= 1
    assert result.macro_f1 == pytest.approx(sum(fold.macro_f1 for fold in result.folds) / 3)
    assert reported == sorted(reported)
    assert reported[-1] == pytest.approx(1)
    assert len(folds(data.manifest, 3, 1)) == 3


def test_more_folds_than_people_are_rejected(data: TrainingData, quick: Preset) -> None:
    with pytest.raises(UnsuitableData, match="groups"):
        cross_validate(quick.recipe(), data, 9, seed=1)


def test_comparison_ranks_every_head_on_every_backbone(data: TrainingData, quick: Preset) -> None:
    reported: list[float] = []
    rows = compare(
        quick, data, split(data.manifest, quick.shares, 1), backbones=["baseline_cnn", "pressure_net"],
        progress=reported.append,
    )  # fmt: skip
    assert {(row.backbone, row.head) for row in rows} == {
        (backbone, head) for backbone in ("baseline_cnn", "pressure_net") for head in HEADS
    }
    assert [row.macro_f1 for row in rows] == sorted((row.macro_f1 for row in rows), reverse=True)
    [chosen] = [row for row in rows if row.chosen]
    assert (chosen.backbone, chosen.head) == ("baseline_cnn", "xgboost")
    assert all(row.train_seconds > 0 and row.predict_seconds > 0 and not row.pretrained for row in rows)
    assert reported[-1] == pytest.approx(1)
