"""The plan of a training: the preset's recipe, completed by the settings."""

from __future__ import annotations

import pytest

from sightline.training.images import load_preset
from tasks.training_plan import TrainingPlan


@pytest.mark.parametrize(("declared", "setting", "kept"), [(None, None, None), (None, 4095, 4095), (1023, 4095, 1023)])
def test_model_keeps_the_white_that_it_is_trained_with(
    declared: float | None, setting: float | None, kept: float | None
) -> None:
    preset = load_preset("posture")
    assert preset.scratch
    size = preset.scratch.input.model_copy(update={"white": declared})
    scratch = preset.scratch.model_copy(update={"input": size})
    plan = TrainingPlan(
        name="posture", preset=preset.model_copy(update={"scratch": scratch}), pretrained=False, classes=None,
        threshold=0.9, false_alarms=0.01, seed=1, white=setting,
    )  # fmt: skip
    assert plan.recipe.input.white == kept
