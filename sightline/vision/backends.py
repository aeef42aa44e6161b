"""What runs a backbone on this machine: torch on a GPU, OpenVINO or torch on the CPU."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
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
"""How each backend is made, the fastest first; the CPU's order is that of ConvNeXt-Tiny's images a second."""


def choose_backend(
    module: Backbone,
    size: ImageInput,
    device: Device = "auto",
    backend: Literal["auto", "openvino", "torch"] = "auto",
    borne: Collection[HalfPrecision] = (),
) -> Backend:
    """The backbone on the fastest backend that this machine has and that was asked for.

    The module is the backend's from then on, which may change it. ``borne``: the half precisions that the model bears;
    without them it runs in float32. Raises :class:`BackendUnavailable` where the machine has no backend such as was
    asked for.
    """
    for name in supported_backends():
        where = "cuda" if "-cuda-" in name else "cpu"
        if backend not in ("auto", name.partition("-")[0]) or device not in ("auto", where):
            continue
        precision = name.rpartition("-")[2]
        if precision in HALF_PRECISIONS and precision not in borne:
            _log.info("not on %s: %s is not among what the model is known to bear", name, precision)
            continue
        _log.info("%s runs on %s", type(module).__name__, name)
        return BACKENDS[name](module, size)
    raise BackendUnavailable(
        f"DEVICE={device} with BACKEND={backend}: this machine has only {', '.join(supported_backends())}. "
        "Set both to auto, or unset them"
    )


def supported_backends() -> list[str]:
    """The names of the backends that this machine has, the fastest first.

    Half precision comes before float32, for models that bear it. Where the CPU does not compute in bfloat16 itself,
    that would be slower than float32, and is left out.
    """
    import torch

    has = {"torch-cuda": torch.cuda.is_available(), "openvino-bfloat16": has_native_bfloat16()}
    lacking = tuple(prefix for prefix, there in has.items() if not there)
    return [name for name in BACKENDS if not name.startswith(lacking)]
