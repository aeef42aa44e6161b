"""Every image of a batch is augmented independently, and keeps valid values."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.registry import ImageInput
from sightline.training.images.batched import BatchAffine, BatchErasing, BatchJitter
from sightline.training.images.preset import InvalidPreset, MixSpec, TransformSpec
from sightline.training.images.transforms import augmentation, mixing

SIZE = ImageInput(width=24, height=16, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))


def images(count: int = 6) -> torch.Tensor:
    """Return ``count`` copies of one image, shape (count, 3, 16, 24)."""
    one = torch.randint(0, 256, (3, 16, 24), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    return one.expand(count, -1, -1, -1)


def augmented(*steps: dict[str, Any], seed: int = 0, batch: torch.Tensor | None = None) -> torch.Tensor:
    torch.manual_seed(seed)
    transform = augmentation([TransformSpec.model_validate(step) for step in steps], SIZE)
    return transform(images() if batch is None else batch)


AFFINE = {"name": "BatchAffine", "degrees": 12, "translate": 0.1, "scale": [0.8, 1.25], "stretch": 0.1, "flip": 0.5}
JITTER = {"name": "BatchJitter", "brightness": 0.3, "contrast": 0.3, "saturation": 0.3, "grey": 0.2}
ERASING = {"name": "BatchErasing", "p": 1.0}


@pytest.mark.parametrize(
    "steps",
    [
        [AFFINE],
        [JITTER],
        [ERASING],
        [{"name": "RandomAffine", "degrees": 20}],
        [{"name": "RandomErasing", "p": 1.0, "value": "random"}],
        [{"name": "ColorJitter", "brightness": 0.4}, AFFINE, ERASING],
        [AFFINE, {"name": "GaussianBlur", "kernel_size": 3, "probability": 0.5}, JITTER],
    ],
)
def test_augmentation_differs_within_a_batch_and_follows_the_seed(steps: list[dict[str, Any]]) -> None:
    output = augmented(*steps)
    assert output.shape == (6, 3, 16, 24)
    assert output.dtype == torch.float32
    assert all(not torch.equal(one, other) for place, one in enumerate(output) for other in output[:place])
    assert torch.equal(output, augmented(*steps))
    assert not torch.equal(output, augmented(*steps, seed=1))


@pytest.mark.parametrize(
    "steps", [[], [{"name": "BatchAffine"}], [{"name": "BatchJitter"}], [{"name": "RandomRotation", "degrees": 0}]]
)
def test_augmentation_without_effect_only_normalises(steps: list[dict[str, Any]]) -> None:
    torch.testing.assert_close(augmented(*steps), (images() / 255 - 0.5) / 0.25, atol=2e-5, rtol=0)


def test_augmentation_does_not_change_its_input() -> None:
    batch = images().clone()
    augmented(AFFINE, JITTER, ERASING, batch=batch)
    assert torch.equal(batch, images())


@given(st.floats(0, 90), st.floats(0, 0.5), st.floats(0.5, 1), st.floats(1, 2), st.floats(0, 0.5))
@settings(max_examples=25, deadline=None)
def test_affine_transform_adds_no_border_to_a_uniform_image(
    degrees: float, translate: float, small: float, large: float, stretch: float
) -> None:
    even = torch.full((4, 3, 16, 24), 0.7)
    output = BatchAffine(degrees, translate, (small, large), stretch, 0.5)(even)
    torch.testing.assert_close(output, even)


def test_affine_flip_equals_a_mirrored_image() -> None:
    batch = torch.rand(3, 3, 16, 24)
    torch.testing.assert_close(BatchAffine(flip=1.0)(batch), batch.flip(3), atol=1e-5, rtol=0)


def test_rotation_preserves_proportions() -> None:
    rows, columns = torch.meshgrid(torch.arange(64) - 31.5, torch.arange(96) - 47.5, indexing="ij")
    disc = ((rows**2 + columns**2) < 10**2).float().expand(8, 3, -1, -1)
    assert (BatchAffine(degrees=30)(disc) - disc).abs().sum() < 0.1 * disc.sum()


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=25, deadline=None)
def test_jitter_keeps_values_within_0_and_1(brightness: float, contrast: float, saturation: float, grey: float) -> None:
    output = BatchJitter(brightness, contrast, saturation, grey)(images() / 255)
    assert output.min() >= 0
    assert output.max() <= 1


def test_grey_jitter_makes_all_channels_equal() -> None:
    output = BatchJitter(grey=1.0)(images() / 255)
    torch.testing.assert_close(output, output[:, :1].expand(-1, 3, -1, -1))


def test_erased_area_is_one_rectangle_of_the_requested_size() -> None:
    torch.manual_seed(0)
    batch = torch.full((200, 3, 40, 40), 9.0)
    erased = (BatchErasing(p=0.5, scale=(0.05, 0.25))(batch) != 9.0).all(1)
    erased_masks = erased[erased.any(dim=2).any(dim=1)]
    assert 70 < len(erased_masks) < 130
    for mask in erased_masks:
        rows, columns = mask.any(1), mask.any(0)
        assert torch.equal(mask, rows[:, None] & columns)
        assert 0.03 < mask.float().mean() < 0.3


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"name": "Explode"}, "Explode: is not a transform that presets may use.*BatchAffine"),
        ({"name": "BatchAffine", "angle": 3}, "BatchAffine: .*angle"),
        ({"name": "BatchAffine", "scale": [0, 1]}, "BatchAffine: .*scale"),
        ({"name": "BatchErasing", "ratio": [2, 1]}, "BatchErasing: .*ratio"),
        ({"name": "BatchJitter", "probability": 0.5}, "BatchJitter: takes no probability"),
        ({"name": "RandomRotation", "angle": 3}, "RandomRotation: .*angle"),
        ({"name": "RandomRotation", "degrees": 3, "interpolation": "cleverly"}, "RandomRotation: .*cleverly"),
    ],
)
def test_invalid_transform_is_rejected_by_name_with_the_reason(step: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidPreset, match=message):
        augmented(step)


def test_mixed_labels_are_the_shares_of_the_mixed_images() -> None:
    torch.manual_seed(0)
    batch = torch.stack([torch.zeros(3, 8, 8), torch.ones(3, 8, 8)] * 4)
    for spec in (MixSpec(mixup=1.0), MixSpec(cutmix=1.0)):
        mix = mixing(spec, 2)
        assert mix is not None
        output, shares = mix(batch, torch.tensor([0, 1] * 4))
        torch.testing.assert_close(output.mean((1, 2, 3)), shares[:, 1])
        torch.testing.assert_close(shares.sum(1), torch.ones(8))


def test_mixing_is_off_by_default() -> None:
    assert mixing(MixSpec(), 2) is None
