"""The plan of a training: the preset's recipe, completed by the settings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sightline.errors import InvalidSetting
from sightline.registry import Registry
from sightline.settings import settings
from sightline.training.images import load_preset
from tasks.training_plan import TrainingPlan, plan_training
from tests.images import publish_by_brightness


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


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """The empty registry of the settings."""
    monkeypatch.setenv("MODEL_BUCKET", str(tmp_path / "models"))
    settings.cache_clear()
    yield Registry(tmp_path / "models")
    settings.cache_clear()


def planned(name: str, preset: str | None = None, classes: str | None = None) -> TrainingPlan:
    plan: TrainingPlan = plan_training.fn(name, preset, False, classes, None, None)
    return plan


@pytest.mark.usefixtures("registry")
def test_named_classes_need_no_preset() -> None:
    plan = planned("fleet", classes="bicycle, motorcycle,scooter")
    assert (plan.preset.name, plan.classes) == ("images", ("bicycle", "motorcycle", "scooter"))
    with pytest.raises(InvalidSetting, match="as in --classes bicycle,motorcycle,scooter"):
        planned("fleet")
    with pytest.raises(InvalidSetting, match="a class is empty or repeated"):
        planned("fleet", classes="bicycle,Bicycle")


def test_later_training_has_the_classes_of_the_current_version(registry: Registry) -> None:
    publish_by_brightness(registry, "fleet", parameters={"preset": "images", "classes": ["a", "b", "c"]})
    assert (planned("fleet").preset.name, planned("fleet").classes) == ("images", ["a", "b", "c"])
    assert planned("fleet", preset="images").classes == ["a", "b", "c"]
    assert planned("fleet", classes="a,b").classes == ("a", "b")
    assert planned("fleet", preset="vehicles").classes is None
    assert planned("vehicles").classes is None
