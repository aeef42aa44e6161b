"""A model of the registry that classifies images."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sightline.registry import ModelDamaged
from sightline.vision.backends import BackendUnavailable, choose_backend
from sightline.vision.familiarity import Familiarity, load_familiarity
from sightline.vision.graph import GRAPH_FILE
from sightline.vision.heads import probabilities
from sightline.vision.openvino_backend import InvalidGraph
from sightline.vision.precision import supported_half_precisions
from sightline.vision.weights import load_backbone, load_head

if TYPE_CHECKING:
    from sightline.registry import ImageInput, ModelRecord, Registry
    from sightline.vision.backends import Backend
    from sightline.vision.heads import Head

__all__ = ["TASK", "Examination", "ImageClassifier", "load_classifier"]

TASK = "image-classification"
"""The task in these models' records."""


class Examination(NamedTuple):
    """One image's calibrated probabilities, in the order of the classes, and its strangeness.

    ``strangeness`` is above 1 for an image of a kind that the model does not know, None if the model has no measure.
    """

    probabilities: tuple[float, ...]
    strangeness: float | None


class ImageClassifier:
    """Backbone, head, temperature and familiarity.

    May be used from several threads, which take turns with the backbone.
    """

    def __init__(
        self, record: ModelRecord, backend: Backend, head: Head, familiarity: Familiarity | None = None
    ) -> None:
        self.record = record
        self.name = record.label
        self.classes = record.classes
        self.threshold = record.threshold
        self._backend = backend
        self._head = head
        self.familiarity = familiarity
        self._flip = bool(record.architecture.get("flip"))
        self._turn = Lock()

    @property
    def input(self) -> ImageInput:
        """The size and the normalisation that the model expects; images are resized to it before."""
        return self.record.image_input

    @property
    def backend(self) -> str:
        """The name of the backend, such as ``openvino-float32``."""
        return self._backend.name

    def predict(self, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return the calibrated probabilities, shape = (n, classes), of images, shape = (n, height, width, 3), RGB.

        Raises ``ValueError`` for images of another shape or type, and ``BackendUnavailable`` if the model's values
        overflow in the backend's precision.
        """
        return self._examine(pixels)[0]

    def examine(self, pixels: NDArray[np.uint8]) -> list[Examination]:
        """Return the probabilities and the strangeness of images as in :meth:`predict`, from the same forward pass."""
        rows, strangeness = self._examine(pixels)
        measured = [None] * len(rows) if strangeness is None else strangeness.tolist()
        return [Examination(tuple(row), value) for row, value in zip(rows.tolist(), measured, strict=True)]

    def embed(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the backbone's embeddings, shape = (n, size), of images as in :meth:`predict`."""
        with self._turn:
            return self._backend(pixels)

    def _examine(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        expected = (self.input.height, self.input.width, 3)
        if pixels.shape[1:] != expected or pixels.dtype != np.uint8:
            shape = f"{pixels.dtype} {pixels.shape}"
            raise ValueError(f"images of {shape}; expected uint8 (n, *{expected})")
        if not len(pixels):
            return np.empty((0, len(self.classes))), np.empty(0) if self.familiarity else None
        mirrored = None
        if self._flip:
            # In one pass: the cores wait for each other once, not twice.
            embeddings, mirrored = np.split(self._embeddings(np.concatenate([pixels, pixels[:, :, ::-1]])), 2)
            logits = (self._head.logits(embeddings) + self._head.logits(mirrored)) / 2
        else:
            embeddings = self._embeddings(pixels)
            logits = self._head.logits(embeddings)
        strangeness = None
        if self.familiarity:
            both = mirrored if self.familiarity.mirrored else None
            strangeness = self.familiarity.strangeness(embeddings, pixels, both)
        return probabilities(logits, self.record.temperature), strangeness

    def _embeddings(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        embeddings = self.embed(pixels)
        # Trees would treat NaN as a missing value and predict a class all the same.
        if not np.isfinite(embeddings).all():
            raise BackendUnavailable(
                f"{self.name} on {self.backend}: its values overflow. Set DEVICE=cpu and BACKEND=torch"
            )
        return embeddings


def load_classifier(
    registry: Registry,
    name: str,
    *,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    backend: Literal["auto", "openvino", "torch"] = "auto",
    half: bool = True,
) -> ImageClassifier:
    """Load the model ``posture``, or its version ``posture/3``, on the fastest backend for it.

    It runs in half precision if its record shows that the predictions agree with those in float32. ``half=False``
    always uses float32, for comparisons with metrics from training. Raises ``ModelNotFound``, ``WrongTask``,
    ``ModelDamaged`` if the record or a file does not match, and ``BackendUnavailable``.
    """
    files = registry.open(name)
    size = files.record.image_input
    half_precisions = supported_half_precisions(files.record) if half else ()
    # Versions of earlier releases have no graph.
    graph = files.folder / GRAPH_FILE if GRAPH_FILE in files.record.files else None
    try:
        chosen = choose_backend(
            lambda: load_backbone(files.folder, str(files.record.architecture.get("backbone"))),
            size,
            device,
            backend,
            half_precisions,
            graph,
        )
    except InvalidGraph as error:
        raise ModelDamaged(f"{graph}: {error}") from error
    embedding_size = chosen.embedding_size
    head, familiarity = load_head(files, embedding_size), load_familiarity(files, embedding_size)
    return ImageClassifier(files.record, chosen, head, familiarity)
