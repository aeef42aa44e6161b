"""Every backend predicts like torch in float32."""

from __future__ import annotations

import copy
import gc
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from sightline.registry import ImageInput
from sightline.training.images.fit import embed
from sightline.vision import BackendUnavailable, create_backbone, supported_backends
from sightline.vision.backends import BACKENDS, choose_backend
from sightline.vision.half import InBfloat16, Rounded, emulate_precision, wrap_perceptrons
from sightline.vision.heads import LinearHead, probabilities
from sightline.vision.nets import Assembled
from sightline.vision.precision import HALF_PRECISIONS, agreement
from tests.networks import Mixer

REFERENCE = "torch-float32"
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU")


def size_of(width: int, height: int) -> ImageInput:
    return ImageInput(width=width, height=height, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


def images(count: int, size: ImageInput) -> Any:
    """Return smooth patches of colour, all different."""
    rng = np.random.default_rng(3)
    small = [Image.fromarray(rng.integers(0, 255, (*rng.integers(2, 6, 2), 3), np.uint8)) for _ in range(count)]
    return np.stack([image.resize((size.width, size.height), Image.Resampling.BICUBIC) for image in small])


def spread_head(embeddings: Any, classes: int = 5) -> LinearHead:
    """Return a head that assigns the images to all classes, with low and with high confidence."""
    directions = np.random.default_rng(0).normal(size=(classes, embeddings.shape[1]))
    centred = embeddings - embeddings.mean(0)
    weights = directions * (3 / (centred @ directions.T).std(0))[:, None]
    return LinearHead(weights, -(weights @ embeddings.mean(0)))


def check_agreement(module: Any, count: int, size: ImageInput) -> None:
    """Check that the error is within the agreement that training measures to allow half precision."""
    module.eval()
    pixels = images(count, size)
    reference = BACKENDS[REFERENCE](copy.deepcopy(module), size)(pixels)
    head = spread_head(reference)
    expected = probabilities(head.logits(reference))
    assert len(set(expected.argmax(1))) > 1
    for name in supported_backends():
        embeddings = BACKENDS[name](copy.deepcopy(module), size)(pixels)
        assert (embeddings.shape, embeddings.dtype) == (reference.shape, np.float32)
        report = agreement(probabilities(head.logits(embeddings)), expected)
        assert report.same_class >= 0.995, name
        assert report.largest_difference <= 0.02, name
        precision: Any = name.rpartition("-")[2]
        same = emulate_precision(module, precision) if precision in HALF_PRECISIONS else None
        if same is None:
            assert report.same_class == 1, name
            assert report.largest_difference < 1e-3, name
        else:
            emulated = embed(same, pixels, size)
            measured = agreement(probabilities(head.logits(emulated)), expected)
            assert 0 < report.largest_difference <= 2 * measured.largest_difference, name
            # The expected error: truncated instead of rounded values have 1.4 times as much.
            error, expected_error = (((values - reference) ** 2).mean() ** 0.5 for values in (embeddings, emulated))
            assert error < 1.2 * expected_error, name


@pytest.mark.parametrize(("backbone", "size"), [("pressure_net", (29, 65)), ("patch_net", (32, 32))])
def test_backends_agree_with_float32(backbone: str, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    check_agreement(create_backbone(backbone), 208, size_of(*size))


def test_backends_agree_with_float32_on_perceptrons() -> None:
    check_agreement(Mixer(), 208, size_of(32, 32))


def large() -> Any:
    """ConvNeXt-Tiny, with blocks that contribute as after training; they start at a millionth."""
    torch.manual_seed(0)
    module = create_backbone("convnext_tiny").eval()
    with torch.no_grad():
        for name, scale in module.named_parameters():
            if name.endswith("layer_scale"):
                scale.fill_(0.3)
    return module


@pytest.mark.slow
@pytest.mark.soak
def test_backends_agree_with_float32_on_the_large_backbone() -> None:
    check_agreement(large(), 32, size_of(224, 224))


@pytest.mark.parametrize("name", supported_backends())
def test_backend_works_after_its_module_is_deleted(name: str) -> None:
    """Shared weights would contain whatever the freed memory contains."""
    module, size = Mixer().eval(), size_of(32, 32)
    pixels = images(5, size)
    expected = embed(module, pixels, size)
    backends = [BACKENDS[name](copy.deepcopy(module), size) for _ in range(4)]
    gc.collect()
    others = [
        torch.full(parameter.shape, float("nan"), dtype=kind)
        for parameter in module.parameters()
        for kind in (torch.bfloat16, torch.float32)
        for _ in range(500)
    ]
    for backend in backends:
        assert np.allclose(backend(pixels), expected, atol=0.02 * np.abs(expected).max())
    assert others


def test_bfloat16_perceptrons_barely_change_a_large_backbone() -> None:
    """The error is less than a fifth of that of the complete network in bfloat16, on any machine."""
    module, size = large(), size_of(64, 64)
    pixels = images(24, size)
    exact, mixed, complete = (
        embed(variant, pixels, size)
        for variant in (
            module,
            wrap_perceptrons(copy.deepcopy(module), InBfloat16),
            Assembled(Rounded(copy.deepcopy(module), torch.bfloat16), 768),
        )
    )
    error, complete_error = (np.sqrt(((values - exact) ** 2).mean()) for values in (mixed, complete))
    assert 0 < error < complete_error / 5


@pytest.fixture(scope="module")
def module() -> Any:
    """A small backbone for images of 20 x 36."""
    torch.manual_seed(0)
    return create_backbone("baseline_cnn").eval()


SIZE = size_of(20, 36)


@pytest.mark.parametrize("name", supported_backends())
def test_any_number_of_images_has_one_embedding_each(name: str, module: Any) -> None:
    backend = BACKENDS[name](copy.deepcopy(module), SIZE)
    pixels = images(37, SIZE)
    together = backend(pixels)
    assert (backend.name, together.shape) == (name, (37, module.embedding_size))
    for start, stop in ((0, 0), (0, 1), (5, 21), (36, 37)):
        assert np.allclose(backend(pixels[start:stop]), together[start:stop], atol=0.02 * np.abs(together).max())


@pytest.mark.parametrize("name", supported_backends())
def test_embeddings_are_independent_of_memory_order(name: str, module: Any) -> None:
    backend = BACKENDS[name](copy.deepcopy(module), SIZE)
    pixels = images(5, SIZE)
    for view in (pixels[:, :, ::-1], pixels[::-1], np.asfortranarray(pixels), pixels[::2]):
        read_only = view.copy()
        read_only.flags.writeable = False
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert np.array_equal(backend(view), backend(read_only))


@pytest.mark.parametrize("name", supported_backends())
def test_large_images_are_processed_one_by_one(name: str, module: Any) -> None:
    size = size_of(400, 400)
    pixels = images(3, size)
    expected = embed(module, pixels, size)
    embeddings = BACKENDS[name](copy.deepcopy(module), size)(pixels)
    assert np.allclose(embeddings, expected, atol=0.02 * np.abs(expected).max())


def test_fastest_backend_is_chosen(module: Any) -> None:
    assert (
        choose_backend(lambda: copy.deepcopy(module), SIZE, half_precisions=HALF_PRECISIONS).name
        == supported_backends()[0]
    )
    assert supported_backends()[-1] == REFERENCE


@pytest.mark.parametrize("backend", ["openvino", "torch"])
def test_requested_backend_is_chosen(backend: Any, module: Any) -> None:
    chosen = choose_backend(lambda: copy.deepcopy(module), SIZE, "cpu", backend, HALF_PRECISIONS).name
    assert chosen == next(name for name in supported_backends() if name.startswith(backend) and "cuda" not in name)


@pytest.mark.parametrize("backend", ["auto", "openvino", "torch"])
def test_model_without_half_precision_runs_in_float32(
    backend: Any, module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sightline.vision.backends.has_native_bfloat16", lambda: True)
    for half_precisions in (), ("float16",):
        chosen = choose_backend(lambda: copy.deepcopy(module), SIZE, "cpu", backend, half_precisions).name
        assert chosen == f"{'torch' if backend == 'torch' else 'openvino'}-float32"


def test_missing_gpu_is_an_error_with_the_choices(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(BackendUnavailable, match=r"DEVICE=cuda with BACKEND=auto: .* only openvino-.*torch-float32"):
        choose_backend(lambda: module, SIZE, "cuda")


def test_openvino_on_a_gpu_is_an_error(module: Any) -> None:
    with pytest.raises(BackendUnavailable, match="DEVICE=cuda with BACKEND=openvino"):
        choose_backend(lambda: module, SIZE, "cuda", "openvino")


@pytest.mark.parametrize(("native", "is_supported"), [(True, True), (False, False)])
def test_bfloat16_needs_native_support(native: bool, is_supported: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sightline.vision.backends.has_native_bfloat16", lambda: native)
    assert ("openvino-bfloat16" in supported_backends()) is is_supported


@needs_cuda
def test_gpu_runs_in_supported_half_precision(module: Any) -> None:
    assert supported_backends()[:2] == ["torch-cuda-float16", "torch-cuda-float32"]
    assert choose_backend(lambda: copy.deepcopy(module), SIZE, half_precisions=["float16"]).name == "torch-cuda-float16"
    assert (
        choose_backend(lambda: copy.deepcopy(module), SIZE, half_precisions=["bfloat16"]).name == "torch-cuda-float32"
    )


@needs_cuda
def test_gpu_keeps_the_order_of_a_thousand_images(module: Any) -> None:
    pixels = images(1000, SIZE)
    expected = BACKENDS[REFERENCE](copy.deepcopy(module), SIZE)(pixels)
    embeddings = BACKENDS["torch-cuda-float32"](copy.deepcopy(module), SIZE)(pixels)
    assert np.allclose(embeddings, expected, atol=0.01 * np.abs(expected).max())
