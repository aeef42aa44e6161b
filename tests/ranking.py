"""Ranking models and synthetic people for tests, without torch."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from sightline.pose import JOINTS, Box, FoundPerson
from sightline.ranking import TASK
from sightline.ranking.model import INPUT, MODEL_FILE, OUTPUT
from sightline.registry import ImageInput, ModelRecord, Registry
from tests.images import draft

SIZE = ImageInput(width=16, height=16, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))


def brightness_model(path: Path, side: int = 16) -> None:
    """Write an ONNX file whose score is the sigmoid of the mean input: dark crops are bad, bright ones good."""
    shape = ["n", 3, side, side]
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", [INPUT], ["mean"], axes=[1, 2, 3], keepdims=0),
            helper.make_node("Sigmoid", ["mean"], [OUTPUT]),
        ],
        "brightness",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["n"])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))


def publish_brightness(registry: Registry, name: str = "running-style", **changes: Any) -> ModelRecord:
    """Publish and promote the model of :func:`brightness_model`."""
    fields = {"task": TASK, "classes": ("bad", "good"), "input": SIZE, "parameters": {"arms_bonus": 0.1}} | changes
    with TemporaryDirectory() as folder:
        brightness_model(Path(folder) / MODEL_FILE)
        record = registry.publish(draft(name, **fields), Path(folder))
    registry.promote(name, record.version, metric="roc_auc", value=1.0, measure_current=lambda _: 0.0)
    return record


def grey_crop(brightness: int, size: tuple[int, int] = (40, 30)) -> NDArray[np.uint8]:
    """Return a crop of one brightness; ``size`` is (height, width)."""
    return np.full((*size, 3), brightness, np.uint8)


def photo(height: int = 400, width: int = 300, seed: int = 0) -> NDArray[np.uint8]:
    """Return a photo of noise, which is as sharp as possible."""
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)


def standing(**moved: tuple[float, float, float]) -> FoundPerson:
    """Return a person in the middle of a photo of 300 by 400; ``moved`` replaces joints: x, y, confidence."""
    places = {
        "nose": (150, 60), "neck": (150, 100), "right_shoulder": (125, 100), "left_shoulder": (175, 100),
        "right_wrist": (110, 200), "left_wrist": (190, 200), "right_hip": (135, 210), "left_hip": (165, 214),
        "right_knee": (130, 280), "left_knee": (170, 282), "right_ankle": (128, 350), "left_ankle": (172, 352),
    }  # fmt: skip
    keypoints = np.zeros((len(JOINTS), 3), np.float32)
    for name, (x, y) in places.items():
        keypoints[JOINTS.index(name)] = (x, y, 0.99)
    for name, values in moved.items():
        keypoints[JOINTS.index(name)] = values
    return FoundPerson(Box(100, 40, 200, 370), keypoints, 0.95)
