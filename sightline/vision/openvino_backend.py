"""Backbones on the CPU through OpenVINO, which runs them faster than torch does."""

from __future__ import annotations

import sys
import warnings
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sightline.registry import ImageInput
    from sightline.vision.nets import Backbone

__all__ = ["OpenVINOBackend", "has_native_bfloat16", "runtime"]

# What is computed of a batch stays in the processor's cache where it is small; many small pictures spare requests.
_PIXELS, _MOST = 120_000, 32  # 2 pictures of 224x224, ConvNeXt-Tiny's fastest of 1, 2, 4, 8, 16 and 32


class OpenVINOBackend:
    """A backbone that OpenVINO has compiled for this machine's CPU. One call at a time.

    In bfloat16 are its perceptrons alone, the rest is in float32. Left to OpenVINO, the whole network would be, which
    is some 5 % faster for ConvNeXt-Tiny and twenty times as far off.
    """

    def __init__(self, module: Backbone, input: ImageInput, precision: Literal["float32", "bfloat16"]) -> None:  # noqa: A002
        from sightline.vision.half import InBfloat16, with_perceptrons

        ov = runtime()
        self.name = f"openvino-{precision}"
        self._size = module.embedding_size
        self._batch = max(1, min(_MOST, _PIXELS // (input.width * input.height)))
        if precision == "bfloat16":
            module = with_perceptrons(module, InBfloat16)
        compiled = ov.Core().compile_model(
            _converted(module, input),
            "CPU",
            # Requests that go on side by side, each on cores of its own, lose less to waiting than one on all cores.
            {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "THROUGHPUT"},
        )
        self._queue = ov.AsyncInferQueue(compiled)
        self._queue.set_callback(_keep)

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The embeddings, shape = (n, embedding_size), of pictures, shape = (n, height, width, 3)."""
        embeddings = np.empty((len(pixels), self._size), np.float32)
        # Few pictures are shared out too, so that no core is idle.
        step = max(1, min(self._batch, -(-len(pixels) // len(self._queue))))
        for start in range(0, len(pixels), step):
            self._queue.start_async({0: pixels[start : start + step]}, embeddings[start : start + step])
        self._queue.wait_all()
        return embeddings


def has_native_bfloat16() -> bool:
    """Whether the CPU computes in bfloat16 itself; where it does not, that is slower than float32."""
    return "BF16" in runtime().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def runtime() -> ModuleType:
    """OpenVINO, without its telemetry.

    On its import and at each conversion it would send events to Google Analytics, unasked, and keep a client's number
    in ``~/intel``. It does without where the package ``openvino_telemetry`` is not installed, as is pretended here.
    """
    if "openvino" not in sys.modules:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    import openvino

    return openvino  # type: ignore[no-any-return]


def _converted(module: Backbone, input: ImageInput) -> Any:  # noqa: A002
    """OpenVINO's model of the backbone; it takes bytes, shape = (n, height, width, 3), and normalises them itself."""
    import torch

    ov = runtime()
    from openvino.preprocess import PrePostProcessor

    with warnings.catch_warnings():
        # OpenVINO traces the module by torch.jit, which torch calls deprecated; exporting it takes many times as long.
        warnings.simplefilter("ignore", FutureWarning)
        converted = ov.convert_model(
            module.eval(),
            example_input=torch.zeros(2, 3, input.height, input.width),
            input=[-1, 3, input.height, input.width],
            # Weights in bfloat16 that are shared would be read when the module is gone, and its memory another's.
            share_weights=False,
        )
    steps = PrePostProcessor(converted)
    steps.input().tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    steps.input().model().set_layout(ov.Layout("NCHW"))
    mean, std = ([255 * each for each in channel] for channel in (input.mean, input.std))
    steps.input().preprocess().convert_element_type(ov.Type.f32).mean(mean).scale(std)
    return steps.build()


def _keep(request: Any, embeddings: NDArray[np.float32]) -> None:
    embeddings[:] = request.get_output_tensor(0).data
