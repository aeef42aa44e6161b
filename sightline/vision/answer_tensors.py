"""Tensors in JSON: of the Open Inference Protocol (Triton, KServe v2), of Seldon, and of ONNX Runtime's server."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

from sightline.vision.answers import InvalidAnswer

__all__ = ["is_tensor", "read_tensor", "tensor_kind"]

_SHAPES = ("shape", "dims")
_CONTENTS = ("data", "values", "floatdata", "doubledata")
_FLOATS = ("FP", "BF", "FLOAT", "DOUBLE")
_ONNX_FLOATS = (1, 10, 11, 16)  # FLOAT, FLOAT16, DOUBLE, BFLOAT16 of onnx.TensorProto.DataType


def is_tensor(fields: Mapping[str, Any]) -> bool:
    """Return whether an object, with its keys in lower case and without signs, is a tensor: it has a shape."""
    return any(isinstance(fields.get(key), list) for key in _SHAPES)


def tensor_kind(fields: Mapping[str, Any]) -> Literal["numbers", "texts", "others"]:
    """Return whether a tensor has floating-point numbers, texts, or others, such as the numbers of classes."""
    kind = fields.get("datatype")
    if kind is None or (isinstance(kind, str) and kind.upper().startswith(_FLOATS)) or kind in _ONNX_FLOATS:
        return "numbers"
    return "texts" if str(kind).upper() in ("BYTES", "STRING") else "others"


def read_tensor(fields: Mapping[str, Any]) -> list[Any]:
    """Return the values of a tensor about one image: all but one of its dimensions are 1.

    Raises ``InvalidAnswer`` for another shape, or if the values are not in the JSON or do not fit the shape.
    """
    name = f"the tensor {fields.get('name', '')}".strip()
    content = next((fields[key] for key in _CONTENTS if isinstance(fields.get(key), list)), None)
    if content is None:
        raise InvalidAnswer(f"{name} has no data in the JSON. Let the server not send it in binary form")
    values = _flattened(content)
    shape = next(fields[key] for key in _SHAPES if isinstance(fields.get(key), list))
    try:
        sizes = [int(size) for size in shape]
    except (TypeError, ValueError) as error:
        raise InvalidAnswer(f"{name} has the shape {shape}: {error}") from error
    if math.prod(sizes) != len(values):
        raise InvalidAnswer(f"{name} has {len(values)} values, which is not its shape {sizes}")
    if sum(size != 1 for size in sizes) > 1 or (len(sizes) > 1 and sizes[0] != 1):
        raise InvalidAnswer(f"{name} of the shape {sizes} is not one row of probabilities")
    return values


def _flattened(values: list[Any]) -> list[Any]:
    while values and all(isinstance(value, list) for value in values):
        values = [item for value in values for item in value]
    return values
