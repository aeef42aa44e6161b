"""What runs a backbone on this machine: torch on a GPU, OpenVINO or torch on the CPU."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from sightline.errors import SightlineError
from sightline.vision.openvino_backend import OpenVINOBackend, has_native_bfloat16
from sightline.vision.torch_backend import TorchBackend

if TYPE_CHECKING:
    from sightline.registry import ImageInput
    from sightline.vision.nets import Backbone

__all__ = ["BACKENDS", "Backend", "BackendUnavailable", "choose_backend", "supported_backends"]

Device = Literal["auto", "cpu", "cuda"]

_log = logging.getLogger(__name__)


class BackendUnavailable(SightlineError):
    """The asked-for device or backend is not on this machine, or does not do for the model."""


class Backend(Protocol):
    """A backbone, with the normalisation before it, ready to run. One call at a time."""

    @property
    def name(self) -> str:
        """One of :data:`BACKENDS`."""

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The embeddings, shape = (n, embedding_size), of pictures, shape = (n, height, width, 3), RGB."""


Build = Callable[["Backbone", "ImageInput"], Backend]

BACKENDS: dict[str, Build] = {
    "torch-cuda-float16": lambda module, size: TorchBackend(module, size, "cuda", "float16"),
    "torch-cuda-float32": lambda module, size: TorchBackend(module, size, "cuda", "float32"),
    "openvino-bfloat16": lambda module, size: OpenVINOBackend(module, size, "bfloat16"),
    "openvino-float32": lambda module, size: OpenVINOBackend(module, size, "float32"),
    "torch-float32": lambda module, size: TorchBackend(module, size, "cpu", "float32"),
}
"""How each backend is made, the fastest first; the CPU's order is that of ConvNeXt-Tiny's images a second.

Torch in bfloat16 on a CPU is not among them: the pressure network's probabilities came out up to 0.07 off by it, and
1.4 % of the pictures in another class, which is more than a backend may change.
"""


def choose_backend(
    module: Backbone,
    size: ImageInput,
    device: Device = "auto",
    backend: Literal["auto", "openvino", "torch"] = "auto",
) -> Backend:
    """The backbone on the fastest backend that this machine has and that was asked for.

    Raises :class:`BackendUnavailable` where the machine has none such.
    """
    for name in supported_backends():
        if backend in ("auto", name.partition("-")[0]) and device in ("auto", "cuda" if "-cuda-" in name else "cpu"):
            _log.info("%s runs on %s", type(module).__name__, name)
            return BACKENDS[name](module, size)
    raise BackendUnavailable(
        f"DEVICE={device} with BACKEND={backend}: this machine has only {', '.join(supported_backends())}. "
        "Set both to auto, or unset them"
    )


def supported_backends() -> list[str]:
    """The names of the backends that this machine has, the fastest first.

    A float32 one on a GPU is for comparison: half precision comes before it. Where the CPU does not compute in bfloat16
    itself, that would be slower than float32, and is left out.
    """
    import torch

    has = {"torch-cuda": torch.cuda.is_available(), "openvino-bfloat16": has_native_bfloat16()}
    lacking = tuple(prefix for prefix, there in has.items() if not there)
    return [name for name in BACKENDS if not name.startswith(lacking)]
