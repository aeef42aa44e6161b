"""Backbones on the CPU through OpenVINO, which is faster there than torch."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from sightline.vision.tracing import quiet_tracing

if TYPE_CHECKING:
    from sightline.registry import ImageInput
    from sightline.vision.nets import Backbone

__all__ = ["InvalidGraph", "OpenVINOBackend", "has_native_bfloat16", "runtime"]

# The intermediate values of a small batch stay in the processor's cache, and need little memory; small networks need
# fewer requests in batches. The limit, of the values in the largest tensor, is 2 images for ConvNeXt-Tiny at 224x224:
# its fastest of 1, 2, 4, 8, 16 and 32.
_BATCH_VALUES, _MAX_BATCH = 2_500_000, 32


class InvalidGraph(ValueError):
    """A file that is not the graph of a backbone for its model's input."""


class OpenVINOBackend:
    """A backbone that OpenVINO compiled for this machine's CPU. Not to be called from several threads at once.

    With bfloat16, only its perceptrons compute in bfloat16. OpenVINO's own bfloat16 mode converts the complete network,
    which is about 5 % faster for ConvNeXt-Tiny and has twenty times the error.
    """

    def __init__(
        self,
        source: Backbone | Path,
        input: ImageInput,  # noqa: A002
        precision: Literal["float32", "bfloat16"],
    ) -> None:
        """Compile a backbone, or its graph (:mod:`sightline.vision.graph`) in float32, which needs no torch.

        Raises :class:`InvalidGraph` for a file that is not a graph for this input.
        """
        ov = runtime()
        self.name = f"openvino-{precision}"
        model = _read(source, input) if isinstance(source, Path) else _converted(source, input, precision)
        self._batch = max(1, min(_MAX_BATCH, _BATCH_VALUES // _values_per_image(model)))
        compiled = ov.Core().compile_model(
            _normalising(model, input),
            "CPU",
            # Parallel requests, each on its own cores, wait less than one request on all cores.
            {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "THROUGHPUT"},
        )
        self.embedding_size = compiled.output(0).partial_shape[1].get_length()
        self._queue = ov.AsyncInferQueue(compiled)
        self._queue.set_callback(_store)

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the embeddings, shape = (n, embedding_size), of images, shape = (n, height, width, 3)."""
        embeddings = np.empty((len(pixels), self.embedding_size), np.float32)
        # Every request in parallel gets as many batches of the same size, so that no core is idle at the end.
        parallel = len(self._queue)
        batches = min(len(pixels), -(-len(pixels) // (self._batch * parallel)) * parallel)
        ends = [len(pixels) * number // batches for number in range(1, batches + 1)]
        for start, end in zip([0, *ends], ends, strict=False):
            self._queue.start_async({0: pixels[start:end]}, embeddings[start:end])
        self._queue.wait_all()
        return embeddings


def has_native_bfloat16() -> bool:
    """Return whether the CPU has native bfloat16; without it, bfloat16 is slower than float32."""
    return "BF16" in runtime().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def runtime() -> ModuleType:
    """Import OpenVINO without its telemetry, and return the module.

    With telemetry it would send events to Google Analytics on import and on every conversion, and store a client ID in
    ``~/intel``. It sends none if the package ``openvino_telemetry`` is missing, which this function simulates.
    """
    if "openvino" not in sys.modules:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    import openvino

    return openvino  # type: ignore[no-any-return]


def _converted(module: Backbone, input: ImageInput, precision: str) -> Any:  # noqa: A002
    """Return OpenVINO's model of the backbone."""
    import torch

    from sightline.vision.half import InBfloat16, wrap_perceptrons

    if precision == "bfloat16":
        module = wrap_perceptrons(module, InBfloat16)
    with quiet_tracing():  # OpenVINO traces the module with torch.jit
        return runtime().convert_model(
            module.eval(),
            example_input=torch.zeros(2, 3, input.height, input.width),
            input=[-1, 3, input.height, input.width],
            # Shared bfloat16 weights would be read after the module and its memory have been freed.
            share_weights=False,
        )


def _read(graph: Path, input: ImageInput) -> Any:  # noqa: A002
    """Return OpenVINO's model of a graph. Raises :class:`InvalidGraph` if it is not one for this input."""
    try:
        model = runtime().Core().read_model(graph)
    except RuntimeError as error:
        raise InvalidGraph(f"is not an ONNX graph ({error})") from error
    shapes = [part.partial_shape.to_string() for part in (*model.inputs, *model.outputs)]
    expected = f"[?,3,{input.height},{input.width}]"
    if len(shapes) != 2 or shapes[0] != expected or not model.outputs[0].partial_shape[1].is_static:
        raise InvalidGraph(
            f"has inputs and outputs of the shapes {', '.join(shapes)}; expected {expected} and [?,size]"
        )
    return model


def _values_per_image(model: Any) -> int:
    """Return the number of values in the largest tensor that the model computes for an image."""
    shapes = (output.partial_shape for operation in model.get_ordered_ops() for output in operation.outputs())
    largest: int = max(
        math.prod(length.get_length() for length in list(shape)[1:] if length.is_static)
        for shape in shapes
        if shape.rank.is_static and len(shape) and shape[0].is_dynamic
    )
    return largest


def _normalising(model: Any, input: ImageInput) -> Any:  # noqa: A002
    """Let the model take uint8 images, shape = (n, height, width, 3)."""
    ov = runtime()
    from openvino.preprocess import PrePostProcessor

    steps = PrePostProcessor(model)
    steps.input().tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    steps.input().model().set_layout(ov.Layout("NCHW"))
    mean, std = ([255 * value for value in values] for values in (input.mean, input.std))
    steps.input().preprocess().convert_element_type(ov.Type.f32).mean(mean).scale(std)
    return steps.build()


def _store(request: Any, embeddings: NDArray[np.float32]) -> None:
    embeddings[:] = request.get_output_tensor(0).data
