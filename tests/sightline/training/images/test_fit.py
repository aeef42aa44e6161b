"""Training is reproducible, separates classes, and evaluates the weights that are stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sightline.training.images.fit import Fitted, embed, fit
from sightline.training.images.patches import learn_patches
from sightline.training.images.preset import Recipe, load_preset
from sightline.vision.backbones import create_backbone
from sightline.vision.heads import LinearHead
from sightline.vision.nets import Ensemble, PatchNet
from sightline.vision.weights import save_classifier

Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64]


def recipe(**changes: Any) -> Recipe:
    return Recipe.model_validate(
        {
            "backbone": "baseline_cnn",
            "input": {"width": 32, "height": 32, "mean": [0.5] * 3, "std": [0.25] * 3},
            "head": "linear",
            "epochs": 8,
            "batch": 16,
            "optimizer": {"name": "sgd", "learning_rate": 0.05, "weight_decay": 5e-3},
            "schedule": {"name": "one_cycle"},
        }
        | changes
    )


def stripes(count: int = 64, seed: int = 0) -> tuple[Pixels, Labels]:
    """Return noisy images of vertical stripes, class 0, and of horizontal stripes, class 1, with their labels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int64) % 2
    waves = 127 + 60 * np.sin(np.arange(32) * 1.3 + rng.uniform(0, 6, (count, 1)))
    pixels = np.broadcast_to(waves[:, None, :, None], (count, 32, 32, 3)).copy()
    pixels[labels == 1] = pixels[labels == 1].swapaxes(1, 2)
    return (pixels + rng.normal(0, 25, pixels.shape)).clip(0, 255).astype(np.uint8), labels


def trained(seed: int = 0, **changes: Any) -> Fitted:
    return fit(recipe(**changes), *stripes(), 2, seed=seed)


AUGMENTED = {
    "mix": {"mixup": 0.4},
    "average": 0.9,
    "flip": True,
    "transforms": [
        {"name": "BatchAffine", "degrees": 5, "translate": 0.1, "flip": 0.5},
        {"name": "BatchErasing", "p": 0.5},
    ],
}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        AUGMENTED,
        {"backbone": "patch_net", "epochs": 3},
        {"average": 0.999},  # of 32 steps: its decay has to rise with them
        {"half": True},
        {"head": "xgboost", "xgboost": {"trees": 10}},
        {"balanced": True, "label_smoothing": 0.05, "optimizer": {"name": "adamw", "learning_rate": 3e-3}},
    ],
    ids=["plain", "augmented", "patches", "few steps", "half", "trees", "balanced"],
)
def test_fitted_model_separates_classes_of_unseen_images(changes: dict[str, Any]) -> None:
    unseen, labels = stripes(seed=1)
    fitted = trained(**changes)
    assert (fitted.logits(unseen).argmax(axis=1) == labels).mean() > 0.9
    assert len(fitted.losses) == fitted.recipe.epochs
    assert fitted.losses[-1] < fitted.losses[0]


def test_training_is_reproducible_by_seed() -> None:
    unseen, _ = stripes(seed=1)
    first = trained(**AUGMENTED).logits(unseen)
    torch.rand(7)  # numbers drawn elsewhere must not change the model
    assert np.array_equal(trained(**AUGMENTED).logits(unseen), first)
    assert not np.array_equal(trained(seed=1, **AUGMENTED).logits(unseen), first)


def test_training_preserves_the_global_random_state() -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    trained(epochs=1)
    assert torch.equal(torch.rand(4), expected)


def test_patch_filters_are_independent_of_labels_and_frozen() -> None:
    pixels, labels = stripes()
    one = fit(recipe(backbone="patch_net", epochs=1), pixels, labels, 2, seed=0).backbone
    other = fit(recipe(backbone="patch_net", **AUGMENTED | {"epochs": 2}), pixels, 1 - labels, 2, seed=0).backbone
    assert isinstance(one, PatchNet)
    assert isinstance(other, PatchNet)
    assert torch.equal(one.filters, other.filters)
    assert one.filters.mean((1, 2, 3)).abs().max() < 1e-6


def test_patch_filters_of_uniform_images_are_finite() -> None:
    net = create_backbone("patch_net")
    assert isinstance(net, PatchNet)
    learn_patches(net, np.full((2, 32, 32, 3), 9, np.uint8), recipe().input)
    assert torch.isfinite(net.filters).all()
    assert torch.isfinite(net.offsets).all()


def test_ensemble_members_are_trained_separately_and_differ() -> None:
    reported: list[float] = []
    fitted = fit(recipe(backbone="three_patch_nets", epochs=2), *stripes(), 2, seed=0, progress=reported.append)
    assert reported == pytest.approx([share / 6 for share in range(1, 7)])
    unseen, labels = stripes(seed=1)
    assert isinstance(fitted.backbone, Ensemble)
    assert isinstance(fitted.head, LinearHead)
    embeddings = embed(fitted.backbone, unseen, fitted.recipe.input)
    logits_of_members = []
    for member, block in zip(fitted.backbone.members, np.split(np.arange(embeddings.shape[1]), 3), strict=True):
        masked = np.zeros_like(embeddings)
        masked[:, block] = embed(member, unseen, fitted.recipe.input)
        assert np.array_equal(masked[:, block], embeddings[:, block])
        logits_of_members.append(fitted.head.logits(masked) - fitted.head.logits(np.zeros_like(masked[:1])))
    assert all(
        not np.allclose(one, other)
        for place, one in enumerate(logits_of_members)
        for other in logits_of_members[:place]
    )
    assert all(((logits[:, 1] > logits[:, 0]) == labels).mean() > 0.75 for logits in logits_of_members)


def test_half_precision_logits_equal_those_of_the_stored_weights(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    fitted = trained(backbone="patch_net", epochs=2, half=True)
    unseen, _ = stripes(seed=1)
    backbone_file, head_file = save_classifier(tmp_path, fitted.backbone, fitted.head, half=True)
    stored = create_backbone("patch_net")
    stored.load_state_dict(load_file(backbone_file))
    head = LinearHead.load(head_file)
    assert np.array_equal(head.logits(embed(stored, unseen, fitted.recipe.input)), fitted.logits(unseen))


def test_flip_recipe_gives_equal_logits_for_mirrored_images() -> None:
    unseen, _ = stripes(seed=1)
    mirrored = np.ascontiguousarray(unseen[:, :, ::-1])
    fitted = trained(flip=True)
    np.testing.assert_allclose(fitted.logits(unseen), fitted.logits(mirrored), atol=1e-5)


def test_progress_is_reported_after_every_epoch() -> None:
    reported: list[float] = []
    fit(recipe(epochs=4), *stripes(), 2, seed=0, progress=reported.append)
    assert reported == [0.25, 0.5, 0.75, 1.0]


def test_fewer_images_than_batch_size_form_one_batch() -> None:
    pixels, labels = stripes(6)
    assert len(fit(recipe(batch=64), pixels, labels, 2, seed=0).losses) == 8


def test_embeddings_of_no_images_are_empty() -> None:
    net = create_backbone("patch_net")
    assert embed(net, np.empty((0, 32, 32, 3), np.uint8), recipe().input).shape == (0, net.embedding_size)


def test_vehicles_model_is_smaller_than_1_5_megabytes(tmp_path: Path) -> None:
    preset = load_preset("vehicles").recipe(pretrained=False)
    backbone = create_backbone(preset.backbone)
    head = LinearHead(np.zeros((2, backbone.embedding_size)), np.zeros(2))
    files = save_classifier(tmp_path, backbone, head, half=preset.half)
    assert sum(file.stat().st_size for file in files) < 1.5e6
