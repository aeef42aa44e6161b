"""The backends that run a backbone on this machine: torch on a GPU, OpenVINO or torch on the CPU."""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from sightline.errors import SightlineError
from sightline.vision.openvino_backend import OpenVINOBackend, has_native_bfloat16
from sightline.vision.precision import HALF_PRECISIONS, HalfPrecision
from sightline.vision.torch_backend import TorchBackend

if TYPE_CHECKING:
    from sightline.registry import ImageInput
    from sightline.vision.nets import Backbone

__all__ = ["BACKENDS", "Backend", "BackendUnavailable", "choose_backend", "supported_backends"]

Device = Literal["auto", "cpu", "cuda"]

_log = logging.getLogger(__name__)


class BackendUnavailable(SightlineError):
    """The requested device or backend is not on this machine, or does not support the model."""


class Backend(Protocol):
    """A backbone with its normalisation, ready to run. Not to be called from several threads at once."""

    @property
    def name(self) -> str:
        """One of :data:`BACKENDS`."""

    @property
    def embedding_size(self) -> int:
        """The size of the embeddings."""

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the embeddings, shape = (n, embedding_size), of images, shape = (n, height, width, 3), RGB."""


Build = Callable[["Backbone", "ImageInput"], Backend]

BACKENDS: dict[str, Build] = {
    "torch-cuda-float16": lambda module, size: TorchBackend(module, size, "cuda", "float16"),
    "torch-cuda-float32": lambda module, size: TorchBackend(module, size, "cuda", "float32"),
    "openvino-bfloat16": lambda module, size: OpenVINOBackend(module, size, "bfloat16"),
    "openvino-float32": lambda module, size: OpenVINOBackend(module, size, "float32"),
    "torch-float32": lambda module, size: TorchBackend(module, size, "cpu", "float32"),
}
"""The backends by name, fastest first; those of the CPU in the order of ConvNeXt-Tiny's throughput."""


def choose_backend(
    load: Callable[[], Backbone],
    size: ImageInput,
    device: Device = "auto",
    backend: Literal["auto", "openvino", "torch"] = "auto",
    half_precisions: Collection[HalfPrecision] = (),
    graph: Path | None = None,
) -> Backend:
    """Return the backbone on the fastest backend of this machine that matches the request.

    ``load`` returns the backbone; the backend may change it. ``graph``: the same backbone as a graph, which OpenVINO
    runs in float32 without torch. ``half_precisions``: those that the model supports; without them it runs in float32.
    Raises :class:`BackendUnavailable` if no backend of this machine matches, and ``InvalidGraph``.
    """
    for name in supported_backends(device):
        device_of_backend = "cuda" if "-cuda-" in name else "cpu"
        if backend not in ("auto", name.partition("-")[0]) or device not in ("auto", device_of_backend):
            continue
        precision = name.rpartition("-")[2]
        if precision in HALF_PRECISIONS and precision not in half_precisions:
            _log.info("%s is skipped: the model's record does not allow %s", name, precision)
            continue
        _log.info("the backbone runs on %s", name)
        if graph and name == "openvino-float32":
            return OpenVINOBackend(graph, size, "float32")
        return BACKENDS[name](load(), size)
    raise BackendUnavailable(
        f"DEVICE={device} with BACKEND={backend}: this machine has only {', '.join(supported_backends())}. "
        "Set both to auto, or unset them"
    )


def supported_backends(device: Device = "auto") -> list[str]:
    """Return the names of this machine's backends, fastest first; for the CPU without looking for a GPU.

    Half precision comes before float32, for models that support it. On a CPU without native bfloat16, bfloat16 would be
    slower than float32 and is left out.
    """
    available = {"torch-cuda": device != "cpu" and _has_cuda(), "openvino-bfloat16": has_native_bfloat16()}
    unavailable = tuple(prefix for prefix, is_available in available.items() if not is_available)
    return [name for name in BACKENDS if not name.startswith(unavailable)]


def _has_cuda() -> bool:
    """Return whether torch can use a GPU. Torch is not imported on a machine without NVIDIA's driver."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    import torch

    return torch.cuda.is_available()
