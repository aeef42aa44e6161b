"""The stage "export": backbone and head as one ONNX file, which needs no torch to run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from sightline.errors import SightlineError
from sightline.ranking.model import INPUT, MODEL_FILE, OUTPUT, open_session
from sightline.training.ranking.featurize import image_input
from sightline.vision.heads import LinearHead
from sightline.vision.tracing import quiet_tracing
from sightline.vision.weights import load_backbone

__all__ = ["EXPORT", "OPSET", "TOLERANCE", "ExportFailed", "export_ranker"]

EXPORT = "export.json"
OPSET = 17
TOLERANCE = 1e-4
"""The largest accepted difference between a score of the ONNX file and torch's."""

_SIZES = (1, 5)  # batch sizes for which the two are compared


class ExportFailed(SightlineError):
    """The scores of the ONNX file differ from torch's."""


def export_ranker(weights: Path, head: Path, folder: Path, *, backbone: str, side: int) -> None:
    """Write the ONNX file and :data:`EXPORT`, with its opset and the largest difference of its scores from torch's.

    The model takes normalised pixels, float32, shape (n, 3, side, side), and returns scores, shape (n,), for any n.
    Raises :class:`ExportFailed` if a score differs by more than :data:`TOLERANCE`.
    """
    import onnx
    import torch
    from torch import nn

    layer = LinearHead.load(head / LinearHead.FILE)
    linear = nn.Linear(layer.embedding_size, 1)
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(layer.weights))
        linear.bias.copy_(torch.from_numpy(layer.bias))
    network = nn.Sequential(load_backbone(weights, backbone), linear, nn.Sigmoid(), nn.Flatten(0)).eval()
    file, size = folder / MODEL_FILE, image_input(side, backbone)
    with quiet_tracing():
        torch.onnx.export(
            network, (torch.zeros(2, 3, side, side),), str(file), dynamo=False, opset_version=OPSET,
            input_names=[INPUT], output_names=[OUTPUT], dynamic_axes={INPUT: {0: "n"}, OUTPUT: {0: "n"}},
        )  # fmt: skip
    onnx.checker.check_model(str(file), full_check=True)
    session, rng, difference = open_session(file), np.random.default_rng(0), 0.0
    for count in _SIZES:
        pixels = rng.uniform(0, 1, (count, side, side, 3)).astype(np.float32)
        inputs = ((pixels - size.mean) / size.std).transpose(0, 3, 1, 2).astype(np.float32)
        with torch.inference_mode():
            expected = network(torch.from_numpy(inputs)).numpy()
        scores = session.run([OUTPUT], {INPUT: inputs})[0]
        difference = max(difference, float(np.abs(scores - expected).max()))
    if not difference <= TOLERANCE:
        raise ExportFailed(f"{MODEL_FILE}: its scores differ from torch's by {difference:g}, more than {TOLERANCE:g}")
    report = {"opset": OPSET, "onnx_ir": onnx.load(str(file)).ir_version, "largest_difference": difference}
    (folder / EXPORT).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
