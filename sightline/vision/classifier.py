"""A model of the registry, ready to classify."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from sightline.vision.backends import BackendUnavailable, choose_backend
from sightline.vision.heads import probabilities
from sightline.vision.precision import borne_by
from sightline.vision.weights import load_weights

if TYPE_CHECKING:
    from sightline.registry import ImageInput, ModelRecord, Registry
    from sightline.vision.backends import Backend
    from sightline.vision.heads import Head

__all__ = ["TASK", "ImageClassifier", "load_classifier"]

TASK = "image-classification"
"""The task of these models' records."""


class ImageClassifier:
    """Backbone, head and temperature. May be used from several threads; they take turns with the backbone."""

    def __init__(self, record: ModelRecord, backend: Backend, head: Head) -> None:
        self.record = record
        self.name = record.label
        self.classes = record.classes
        self.threshold = record.threshold
        self._backend = backend
        self._head = head
        self._flip = bool(record.architecture.get("flip"))
        self._turn = Lock()

    @property
    def input(self) -> ImageInput:
        """What pictures are stretched to before they are handed over."""
        return self.record.image_input

    @property
    def backend(self) -> str:
        """What runs the backbone, ``openvino-float32`` say."""
        return self._backend.name

    def predict(self, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
        """The calibrated probabilities, shape = (n, classes), of pictures, shape = (n, height, width, 3), RGB.

        Raises ``ValueError`` for pictures of another shape or type, and ``BackendUnavailable`` where the backend's
        precision does not do for the model, so that it gives no numbers.
        """
        wanted = (self.input.height, self.input.width, 3)
        if pixels.shape[1:] != wanted or pixels.dtype != np.uint8:
            shape = f"{pixels.dtype} {pixels.shape}"
            raise ValueError(f"pictures of {shape}, where uint8 (n, *{wanted}) was expected")
        if not len(pixels):
            return np.empty((0, len(self.classes)))
        logits = self._logits(pixels)
        if self._flip:
            logits = (logits + self._logits(pixels[:, :, ::-1])) / 2
        return probabilities(logits, self.record.temperature)

    def embed(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The backbone's embeddings, shape = (n, size), of pictures as :meth:`predict` takes them."""
        with self._turn:
            return self._backend(pixels)

    def _logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
        with self._turn:
            embeddings = self._backend(pixels)
        # Trees would take what is not a number for a value that is missing, and answer all the same.
        if not np.isfinite(embeddings).all():
            raise BackendUnavailable(
                f"{self.name} on {self.backend}: what it computes overflows. Set DEVICE=cpu and BACKEND=torch"
            )
        return self._head.logits(embeddings)


def load_classifier(
    registry: Registry,
    name: str,
    *,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    backend: Literal["auto", "openvino", "torch"] = "auto",
    half: bool = True,
) -> ImageClassifier:
    """The model ``posture``, or its version ``posture/3``, on the fastest backend there is for it.

    It runs in half precision where its record tells that its predictions stay those of float32, and never without
    ``half``, for what is compared with figures of training. Raises ``ModelNotFound``, ``WrongTask``, ``ModelDamaged``
    where a file is not what the record says, or the record is none, and ``BackendUnavailable``.
    """
    files = registry.open(name)
    size = files.record.image_input
    module, head = load_weights(files)
    borne = borne_by(files.record) if half else ()
    chosen = choose_backend(module, size, device, backend, borne)
    return ImageClassifier(files.record, chosen, head)
