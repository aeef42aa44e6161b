"""A backbone as an ONNX graph, which runs without torch. Its weights stay in the safetensors file next to it.

ONNX calls that external data: the graph names the file, and the position and the length of every tensor in it.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sightline.errors import SightlineError
from sightline.vision.tracing import quiet_tracing

if TYPE_CHECKING:
    from onnx import ModelProto, TensorProto

    from sightline.registry import ImageInput
    from sightline.vision.nets import Backbone

__all__ = ["GRAPH_FILE", "ExportFailed", "save_graph"]

GRAPH_FILE = "backbone.onnx"

_INPUT, _OUTPUT = "pixels", "embeddings"
_OPSET = 17
_TOLERANCE = 1e-3
"""The largest accepted difference of an embedding from torch's, relative to the largest embedding."""


class ExportFailed(SightlineError):
    """The embeddings of the ONNX graph differ from torch's."""


def save_graph(weights: Path, backbone: Backbone, size: ImageInput) -> Path:
    """Write the graph of a backbone next to its ``weights``, which ``save_backbone`` wrote; return the file.

    The graph takes normalised images, float32, shape = (n, 3, height, width), and returns the embeddings for any n.
    Raises :class:`ExportFailed` if they differ from torch's.
    """
    import onnx

    file = weights.with_name(GRAPH_FILE)
    model = _exported(backbone, size)
    _use_external_weights(model, weights)
    onnx.save(model, str(file))
    onnx.checker.check_model(str(file))
    _check(file, weights, backbone, size)
    return file


def _exported(backbone: Backbone, size: ImageInput) -> ModelProto:
    import onnx
    import torch

    with tempfile.TemporaryDirectory(prefix="sightline-") as folder, quiet_tracing():
        file = str(Path(folder) / GRAPH_FILE)
        torch.onnx.export(
            backbone.eval(), (torch.zeros(2, 3, size.height, size.width),), file, dynamo=False, opset_version=_OPSET,
            input_names=[_INPUT], output_names=[_OUTPUT], dynamic_axes={_INPUT: {0: "n"}, _OUTPUT: {0: "n"}},
            # Neither fuses nor folds weights, so that every one keeps its name and its value.
            training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False,
        )  # fmt: skip
        return onnx.load(file)


class _Stored(NamedTuple):
    dtype: str
    offset: int
    length: int


def _use_external_weights(model: ModelProto, weights: Path) -> None:
    """Replace the weights in the graph by references to the file; those stored in float16 are cast to float32."""
    from onnx import TensorProto, helper

    stored, casts = _stored_tensors(weights), []
    for tensor in model.graph.initializer:
        if tensor.name not in stored:
            continue
        entry = stored[tensor.name]
        if entry.dtype == "F16":
            name = tensor.name
            tensor.name, tensor.data_type = f"{name}.float16", TensorProto.FLOAT16
            casts.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
        _refer(tensor, weights.name, entry)
    for number, node in enumerate(casts):
        model.graph.node.insert(number, node)


def _stored_tensors(weights: Path) -> dict[str, _Stored]:
    """Return the type and the position of every tensor in a safetensors file.

    It begins with the length of its header, 8 bytes, and the header in JSON, whose offsets count from its end.
    """
    with weights.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header: dict[str, Any] = json.loads(file.read(length))
    return {
        name: _Stored(entry["dtype"], 8 + length + entry["data_offsets"][0], int(np.diff(entry["data_offsets"])[0]))
        for name, entry in header.items()
        if name != "__metadata__"
    }


def _refer(tensor: TensorProto, file: str, entry: _Stored) -> None:
    from onnx import TensorProto

    for field in ("raw_data", "float_data", "int64_data"):
        tensor.ClearField(field)
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", file), ("offset", entry.offset), ("length", entry.length)):
        item = tensor.external_data.add()
        item.key, item.value = key, str(value)


def _check(file: Path, weights: Path, backbone: Backbone, size: ImageInput) -> None:
    import copy

    from safetensors.torch import load_file

    from sightline.vision.openvino_backend import OpenVINOBackend
    from sightline.vision.torch_backend import TorchBackend

    stored = copy.deepcopy(backbone)
    # In the stored precision, which may be float16.
    stored.load_state_dict({name: tensor.float() for name, tensor in load_file(weights).items()})
    pixels = np.random.default_rng(0).integers(0, 256, (5, size.height, size.width, 3), np.uint8)
    expected = TorchBackend(stored, size, "cpu", "float32")(pixels)
    difference = np.abs(OpenVINOBackend(file, size, "float32")(pixels) - expected).max() / np.abs(expected).max()
    if not difference <= _TOLERANCE:
        raise ExportFailed(f"{file.name}: its embeddings differ from torch's by {difference:g} of the largest")
