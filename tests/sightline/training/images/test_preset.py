"""The built-in presets are complete; an invalid preset is rejected with the name of the key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sightline.training.images import InvalidPreset, load_preset, preset_names
from sightline.training.images.manifest import ClassTable
from sightline.vision import BACKBONES
from tests.training import QUICK


def test_presets_are_known_by_name() -> None:
    assert preset_names() == ("cifar", "images", "posture", "vehicles")


@pytest.mark.parametrize("name", preset_names())
def test_preset_matches_its_file_name_and_known_backbones(name: str) -> None:
    preset = load_preset(name)
    assert preset.name == name
    assert preset.threshold == 0.93
    recipes = [recipe for recipe in (preset.pretrained, preset.scratch) if recipe]
    assert recipes
    assert {recipe.backbone for recipe in recipes} <= set(BACKBONES)


def test_posture_recipe_matches_the_original_training() -> None:
    preset = load_preset("posture")
    recipe = preset.recipe()
    assert preset.classes == ("left", "right", "supine", "outofbed", "prone")
    assert (recipe.backbone, recipe.head, recipe.epochs, recipe.batch) == ("convnext_tiny", "xgboost", 20, 32)
    assert (recipe.input.width, recipe.input.height) == (224, 224)
    assert (recipe.optimizer.learning_rate, recipe.optimizer.weight_decay) == (1e-5, 1e-4)
    assert (recipe.label_smoothing, recipe.balanced) == (0.05, True)
    trees = recipe.xgboost
    assert (trees.trees, trees.learning_rate, trees.depth, trees.l2) == (400, 0.05, 6, 1.0)
    assert (trees.subsample, trees.columns) == (0.8, 0.8)


@pytest.mark.parametrize("recipe", [load_preset("posture").pretrained, load_preset("posture").scratch])
def test_posture_recipes_never_mirror_a_map(recipe: object) -> None:
    assert "Flip" not in repr(recipe)
    assert not getattr(recipe, "flip", None)


def test_vehicles_preset_lists_seven_bicycles_and_six_motorcycles() -> None:
    classes = load_preset("vehicles").labels.classes
    assert {name: len(labels) for name, labels in classes.items()} == {"bicycle": 7, "motorcycle": 6}


def test_preset_without_pretrained_recipe_trains_from_scratch() -> None:
    posture = load_preset("posture")
    scratch = posture.model_copy(update={"pretrained": None})
    assert scratch.recipe(pretrained=True) == scratch.recipe(pretrained=False) == posture.scratch
    assert not scratch.starts_pretrained(True)
    assert posture.recipe(pretrained=True) == posture.pretrained
    assert posture.recipe(pretrained=False) == posture.scratch
    assert (posture.starts_pretrained(True), posture.starts_pretrained(False)) == (True, False)


def test_pretrained_only_preset_rejects_training_from_scratch(tmp_path: Path) -> None:
    path = tmp_path / "one.toml"
    path.write_text(QUICK.replace("[scratch]", "[pretrained]"))
    with pytest.raises(InvalidPreset, match="no \\[scratch\\] recipe"):
        load_preset(path).recipe(pretrained=False)


@pytest.mark.parametrize(
    ("line", "mistake", "key"),
    [
        ("epochs = 8", "epochs = 0", "scratch.epochs"),
        ("epochs = 8", "", "scratch.epochs"),
        ("epochs = 8", "epoch = 4", "scratch.epoch:"),
        ("minimum = 10", 'minimum = "few"', "minimum"),
        ("depth = 3", "depth = -1", "scratch.xgboost.depth"),
        ('"baseline_cnn"', '"convnext_huge"', "scratch.backbone"),
        ("test = 0.34", "test = 0.7", "shares"),
        ('promoted_by = "macro_f1"', 'promoted_by = "luck"', "promoted_by"),
        ("label = '^([a-z]+)_'", "label = '^[a-z]+_'", "labels.label"),
        ("label = '^([a-z]+)_'", "label = '^([a-z]+_'", "labels.label"),
        ('right = ["right"]', 'right = ["left"]', "left stands for more than one class"),
        ("[scratch]", "[from_scratch]", "from_scratch"),
    ],
)
def test_preset_error_names_file_and_key(line: str, mistake: str, key: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    assert line in QUICK
    path.write_text(QUICK.replace(line, mistake))
    with pytest.raises(InvalidPreset, match=re.escape(key)) as error:
        load_preset(path)
    assert error.value.subject == str(path)


def test_preset_that_is_not_toml_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("epochs: 4")
    with pytest.raises(InvalidPreset, match="is not TOML"):
        load_preset(path)


@pytest.mark.parametrize("name", ["postures", "nowhere.toml", "../presets/posture"])
def test_missing_preset_error_lists_the_presets(name: str) -> None:
    with pytest.raises(InvalidPreset, match="posture, vehicles"):
        load_preset(name)


@pytest.mark.parametrize("backbone", ["efficientnet_lite0", "efficientnet_lite2", "convnext_tiny"])
@pytest.mark.parametrize("name", preset_names())
def test_every_preset_takes_a_pretrained_backbone(name: str, backbone: str) -> None:
    preset = load_preset(name)
    changed = preset.with_backbone(backbone)
    recipe = changed.recipe()
    assert recipe.backbone == backbone
    assert recipe.model_dump(exclude={"backbone", "input"}) == preset.recipe().model_dump(exclude={"backbone", "input"})
    assert (recipe.input.width, recipe.input.height) == (preset.recipe().input.width, preset.recipe().input.height)
    assert (recipe.input.std[0] == 0.229) == (backbone == "convnext_tiny")
    assert changed.starts_pretrained()
    assert changed.recipe(pretrained=False) == preset.recipe(pretrained=False)


def test_backbone_without_pretrained_weights_is_rejected_with_the_choices() -> None:
    with pytest.raises(
        InvalidPreset, match=r"pressure_net: is not a backbone with pretrained weights.*efficientnet_lite0"
    ):
        load_preset("posture").with_backbone("pressure_net")
    assert load_preset("posture").with_backbone("resnet18", pretrained=False).recipe(False).backbone == "resnet18"
    with pytest.raises(InvalidPreset, match=r"vgg: is not a backbone\. Use one of.*pressure_net"):
        load_preset("posture").with_backbone("vgg", pretrained=False)


@pytest.mark.parametrize("name", ["cifar", "images"])
def test_general_presets_take_every_label_as_a_class(name: str) -> None:
    table = ClassTable(load_preset(name).labels)
    assert table.takes_all
    assert table.class_of("aquarium_fish") == "aquarium_fish"
    assert ClassTable(load_preset(name).labels, ["cat"]).class_of("dog") is None
