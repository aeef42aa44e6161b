"""The graph of a backbone: predictions without torch, and the same as with it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from sightline.registry import ImageInput, ModelDamaged, Registry
from sightline.vision import BACKBONES, create_backbone, load_classifier
from sightline.vision.backends import BACKENDS
from sightline.vision.graph import GRAPH_FILE, ExportFailed, save_graph
from sightline.vision.heads import LinearHead
from sightline.vision.openvino_backend import OpenVINOBackend
from sightline.vision.weights import BACKBONE_FILE, load_backbone, save_backbone, save_classifier
from tests.images import draft

WITHOUT_TORCH = """
import json, sys
import numpy as np
from sightline.registry import Registry
from sightline.storage import locate
from sightline.vision import load_classifier
classifier = load_classifier(Registry(locate(sys.argv[1])), "vehicles")
size = classifier.input
pixels = np.random.default_rng(5).integers(0, 256, (7, size.height, size.width, 3), np.uint8)
print(json.dumps([classifier.backend, "torch" in sys.modules, classifier.predict(pixels).tolist()]))
"""


def size_of(width: int, height: int) -> ImageInput:
    return ImageInput(width=width, height=height, mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3))


SIZE = size_of(37, 43)


def noise(count: int, size: ImageInput) -> Any:
    return np.random.default_rng(1).integers(0, 256, (count, size.height, size.width, 3), np.uint8)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, bool], Path]:
    """A function that returns the folder of a backbone's weights and graph, stored in float16 or not."""

    @cache
    def export(name: str, half: bool) -> Path:
        folder = tmp_path_factory.mktemp(name)
        torch.manual_seed(0)
        # The graph gets the weights of the file, not those of the network that is traced.
        save_graph(save_backbone(folder, create_backbone(name).eval(), half=half), create_backbone(name).eval(), SIZE)
        return folder

    return export


# The weights in float16 are cast in the graph, whatever the network does with them, so that float32 needs few networks.
@pytest.mark.parametrize(
    ("name", "half"),
    [
        *((name, True) for name in BACKBONES),
        *((name, False) for name in ("baseline_cnn", "mobilenet_v3_small", "patch_net", "pressure_net")),
    ],
)
def test_graph_computes_what_torch_does(name: str, half: bool, exported: Callable[[str, bool], Path]) -> None:
    folder = exported(name, half)
    expected = BACKENDS["torch-float32"](load_backbone(folder, name), SIZE)(noise(3, SIZE))
    found = OpenVINOBackend(folder / GRAPH_FILE, SIZE, "float32")(noise(3, SIZE))
    assert found == pytest.approx(expected, abs=1e-3 * np.abs(expected).max())


@pytest.mark.parametrize("name", ["enlarged_efficientnet_lite0", "three_patch_nets", "pressure_net"])
def test_weights_are_stored_once(name: str, exported: Callable[[str, bool], Path]) -> None:
    graph = exported(name, True) / GRAPH_FILE
    assert graph.stat().st_size < 200_000
    initializers = onnx.load(str(graph), load_external_data=False).graph.initializer
    named = {tensor.name.removesuffix(".float16") for tensor in initializers if tensor.external_data}
    with torch.device("meta"):
        parameters = dict(create_backbone(name).named_parameters())
    assert {name for name, tensor in parameters.items() if tensor.ndim == 4} <= named
    locations = {item.value for tensor in initializers for item in tensor.external_data if item.key == "location"}
    assert locations == {BACKBONE_FILE}


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "models", builtin=tmp_path / "none")


def publish(registry: Registry, folder: Path, graph: bytes | None = None) -> None:
    torch.manual_seed(0)
    backbone = create_backbone("baseline_cnn").eval()
    folder.mkdir()
    weights, _ = save_classifier(
        folder, backbone, LinearHead(np.random.default_rng(0).normal(size=(2, 128)), np.ones(2))
    )
    record = draft("vehicles")
    save_graph(weights, backbone, record.input)  # type: ignore[arg-type]
    if graph is not None:
        (folder / GRAPH_FILE).write_bytes(graph)
    registry.promote(
        "vehicles", registry.publish(record, folder).version, metric="accuracy", value=1, measure_current=lambda _: 0.0
    )


def test_serving_needs_no_torch(registry: Registry, tmp_path: Path) -> None:
    publish(registry, tmp_path / "files")
    command = [sys.executable, "-c", WITHOUT_TORCH, str(registry.root)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    backend, imported, predicted = json.loads(answer)
    assert (backend, imported) == ("openvino-float32", torch.cuda.is_available())
    classifier = load_classifier(registry, "vehicles", device="cpu", backend="torch")
    size = classifier.input
    pixels = np.random.default_rng(5).integers(0, 256, (7, size.height, size.width, 3), np.uint8)
    assert np.array(predicted) == pytest.approx(classifier.predict(pixels), abs=1e-4)


def other_size(tmp_path: Path) -> bytes:
    folder = tmp_path / "other"
    folder.mkdir()
    backbone = create_backbone("baseline_cnn").eval()
    return save_graph(save_backbone(folder, backbone), backbone, size_of(48, 48)).read_bytes()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (lambda _: b"no graph", "is not an ONNX graph"),
        (lambda _: b"", r"is not an ONNX graph|has inputs and outputs of shapes"),
        (other_size, r"\[\?,3,48,48\].*expected \[\?,3,32,32\]"),
    ],
    ids=["text", "empty", "another size"],
)
def test_damaged_graph_is_an_error_that_names_it(
    registry: Registry, tmp_path: Path, content: Any, problem: str
) -> None:
    publish(registry, tmp_path / "files", content(tmp_path))
    with pytest.raises(ModelDamaged, match=rf"{GRAPH_FILE}: .*({problem})"):
        load_classifier(registry, "vehicles", device="cpu")


def test_graph_of_other_weights_is_not_written(tmp_path: Path) -> None:
    """A network that computes something else in each pass cannot be exported."""

    class Drifting(type(create_backbone("baseline_cnn"))):  # type: ignore[misc]
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return super().forward(images) * float(images.mean() + 2)

    backbone = Drifting((16, 32, 64, 128)).eval()
    with pytest.raises(ExportFailed, match=r"backbone\.onnx: its embeddings differ from torch's by"):
        save_graph(save_backbone(tmp_path, backbone), backbone, size_of(32, 32))
