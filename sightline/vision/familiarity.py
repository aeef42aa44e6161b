"""Familiarity: whether an image is of the kind that a model was trained on, from its embedding and its pixels.

Three scores are combined:

- that of the embedding, scaled to length 1, from the plane of the training embeddings' largest principal components
  (the residual of H. Wang et al., ViM: Out-Of-Distribution with Virtual-Logit Matching, 2022; the scaling after
  M. Mueller and M. Hein, Mahalanobis++, 2025). Flat images and noise have short embeddings, which are close to
  everything if they are not scaled.
- the Mahalanobis distance of 84 simple statistics of the pixels (:func:`describe`). A network that was trained on few
  images maps images of other kinds onto the few features that it has; their brightness, colours and sharpness differ.
- the logit of a linear classifier that separates the training images from generated images of other kinds, by the
  embedding and the statistics (D. Hendrycks et al., Deep Anomaly Detection with Outlier Exposure, 2019).

If the model classifies an image and its mirror image, the scores are the means of both. That halves the noise in the
scores of known images, so that a lower limit refuses as few of them.

``python -m benchmarks.ood --compare`` compares this combination with the alternatives.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sightline.registry import ModelDamaged
from sightline.registry.errors import damaged, first_problem
from sightline.vision.tensors import load_tensors

if TYPE_CHECKING:
    from sightline.registry import ModelFiles, ModelRecord

__all__ = [
    "FAMILIARITY",
    "METRIC",
    "STATISTICS",
    "Familiarity",
    "FamiliarityFigures",
    "describe",
    "familiarity_figures",
    "is_checked",
    "load_familiarity",
    "unit_length",
]

FAMILIARITY = "familiarity.safetensors"
"""The name of the measure among the files of a model's version. Versions without it check nothing."""
METRIC = "familiarity"
"""The metric of a model's record that holds its :class:`FamiliarityFigures`."""
STATISTICS = 84
"""The number of statistics of an image's pixels."""

_GRID = 4  # fields per side
_COLOURS = 48  # of the statistics, which come first
_FLOOR = 1e-3  # added to deviations, which are from 0 to 1, before their logarithm
_TINY = 1e-12

Floats = NDArray[np.float64]


class FamiliarityFigures(BaseModel):
    """The false alarms of a measure of familiarity.

    ``target``: the rate of false alarms that the limit was chosen for, on ``validation`` images that were not used for
    fitting. ``refused`` of ``images`` test images were wrongly taken for images of another kind; ``interval``: the 95 %
    interval of that rate.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    target: float = Field(gt=0, lt=1)
    validation: int = Field(ge=1)
    images: int = Field(ge=1)
    refused: int = Field(ge=0)
    interval: tuple[float, float]

    @property
    def rate(self) -> float:
        """The share of the test images that were refused."""
        return self.refused / self.images


@dataclass(frozen=True)
class Familiarity:
    """A fitted measure.

    ``centre``, shape = (size,), and ``components``, shape = (k, size), describe the plane of the embeddings of length
    1. ``pixel_centre``, shape = (84,), and ``whitening``, shape = (84, 84), describe the pixels' statistics.
    ``direction``, shape = (size + 84,): the coefficients of the classifier. ``weights``: of the three scores, which sum
    to 1. ``limit``: the largest combined distance of a known image. ``mirrored``: whether the scores are the means of
    those of an image and its mirror image.
    """

    centre: NDArray[np.float32]
    components: NDArray[np.float32]
    pixel_centre: NDArray[np.float32]
    whitening: NDArray[np.float32]
    direction: NDArray[np.float32]
    weights: tuple[float, float, float]
    limit: float
    mirrored: bool = False

    def strangeness(
        self,
        embeddings: NDArray[np.float32],
        pixels: NDArray[np.uint8],
        mirrored: NDArray[np.float32] | None = None,
    ) -> Floats:
        """Return the combined distances relative to the limit, shape = (n,): above 1 for images of another kind.

        ``embeddings``, shape = (n, size), of images, uint8, shape = (n, height, width, 3), RGB. ``mirrored``: those of
        the mirror images. Raises ``ValueError`` for embeddings of another size, and if those of the mirror images are
        given to a measure that does not use them, or missing for one that does.
        """
        scores = self.scores(embeddings, pixels, mirrored)
        return np.asarray(np.exp(scores @ np.array(self.weights)) / self.limit)

    def scores(
        self,
        embeddings: NDArray[np.float32],
        pixels: NDArray[np.uint8],
        mirrored: NDArray[np.float32] | None = None,
    ) -> Floats:
        """Return the logarithms of the two distances and the logit, shape = (n, 3); arguments and errors as above."""
        if (mirrored is not None) != self.mirrored:
            expected = "needs" if self.mirrored else "does not use"
            raise ValueError(f"this measure {expected} embeddings of the mirror images")
        scores = self._scores(embeddings, pixels)
        return scores if mirrored is None else (scores + self._scores(mirrored, pixels[:, :, ::-1])) / 2

    def _scores(self, embeddings: NDArray[np.float32], pixels: NDArray[np.uint8]) -> Floats:
        if embeddings.ndim != 2 or embeddings.shape[1] != len(self.centre):
            raise ValueError(f"embeddings of shape {embeddings.shape}; expected (n, {len(self.centre)})")
        offsets = unit_length(embeddings) - self.centre
        statistics = describe(pixels) - self.pixel_centre
        # Without BLAS: its threads would wait for a core that the network or the event loop of a service uses, which
        # takes longer than these small products.
        logits = np.einsum("ne,e->n", np.concatenate([offsets, statistics], axis=1), self.direction)
        offsets -= np.einsum("nc,ce->ne", np.einsum("ne,ce->nc", offsets, self.components), self.components)
        whitened = np.einsum("ns,sw->nw", statistics, self.whitening)
        distances = [np.linalg.norm(offsets, axis=1), np.linalg.norm(whitened, axis=1)]
        logarithms = (np.log(np.maximum(distance, _TINY)) for distance in distances)
        return np.asarray(np.stack([*logarithms, logits], axis=1), np.float64)

    def save(self, path: Path) -> None:
        """Write the measure to ``path`` as safetensors."""
        from safetensors.numpy import save_file

        arrays = {name: np.ascontiguousarray(getattr(self, name), np.float32) for name in _ARRAYS}
        arrays["components"] = arrays["components"].astype(np.float16)  # most of the file
        save_file(arrays | {"combination": np.array([*self.weights, self.limit, self.mirrored])}, path)

    @classmethod
    def load(cls, path: Path) -> Familiarity:
        """Load the measure in ``path``. Raises ``ValueError`` with the reason if the file contains something else."""
        names = (*_ARRAYS, "combination")
        tensors = load_tensors(path, names, ", ".join(names))
        _check_shapes(tensors)
        # Files of earlier releases lack the last number, and do not use mirror images.
        first, second, third, limit, *mirrored = tensors["combination"].tolist()
        return cls(
            **{name: tensors[name].astype(np.float32) for name in _ARRAYS},
            weights=(first, second, third),
            limit=limit,
            mirrored=bool(mirrored and mirrored[0]),
        )


_ARRAYS = ("centre", "components", "pixel_centre", "whitening", "direction")


def unit_length(embeddings: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Return the embeddings, shape = (n, size), each divided by its length; one of length 0 stays as it is."""
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return np.asarray(embeddings / np.maximum(lengths, _TINY), np.float32)


def describe(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return statistics, shape = (n, :data:`STATISTICS`), of images, uint8, shape = (n, height, width, 3), RGB.

    The colours and contrasts of 4x4 fields, the contrasts between neighbouring pixels at two scales and between
    channels, the contrasts of the complete image, and its tint. Values are from 0 to 1; of contrasts the logarithm is
    taken. Raises ``ValueError`` for images of fewer than 4x4 pixels.
    """
    if min(pixels.shape[1:3]) < _GRID:
        raise ValueError(f"images of {pixels.shape[1:3]} pixels; familiarity needs at least {_GRID}x{_GRID}")
    described = np.empty((len(pixels), STATISTICS))
    for row, image in zip(described, pixels, strict=True):
        _describe(np.ascontiguousarray(image), row)
    contrasts = described[:, _COLOURS:-2]
    contrasts[:] = np.log(_FLOOR + contrasts / 255)
    described[:, :_COLOURS] /= 255
    described[:, -2:] /= 255
    return described.astype(np.float32)


def _describe(image: NDArray[np.uint8], row: Floats) -> None:
    """Write the statistics of one image, from 0 to 255, into ``row``."""
    import cv2

    height, width, _ = image.shape
    rows, columns = ([side * place // _GRID for place in range(_GRID + 1)] for side in (height, width))
    # Sums of whole numbers are exact, so that the variance of a uniform image is 0.
    sums, squares = (_between(table[rows][:, columns]) for table in cv2.integral2(image, sdepth=cv2.CV_64F))
    sizes = np.outer(np.diff(rows), np.diff(columns))[..., None]
    total, area = sums.sum((0, 1)), height * width
    halved = cv2.resize(
        image[: height // 2 * 2, : width // 2 * 2], (width // 2, height // 2), interpolation=cv2.INTER_AREA
    )
    red, green, blue = cv2.split(image)
    steps = [(scale[:, 1:], scale[:, :-1]) for scale in (image, halved)]
    steps += [(scale[1:], scale[:-1]) for scale in (image, halved)]
    parts = [
        (sums / sizes).ravel(),
        _deviation(sizes, sums, squares).mean(2).ravel(),
        *(cv2.mean(cv2.absdiff(*pair))[:3] for pair in steps),
        [cv2.mean(cv2.absdiff(*pair))[0] for pair in ((red, green), (green, blue), (blue, red))],
        _deviation(area, total, squares.sum((0, 1))),
        (total[:2] - total[1:]) / area,
    ]
    np.concatenate(parts, out=row)


def _deviation(count: Any, sums: Floats, squares: Floats) -> Floats:
    """Return the standard deviations of values from their number, sums and sums of squares."""
    return np.asarray(np.sqrt(np.maximum(count * squares - sums * sums, 0)) / count)


def _between(corners: NDArray[Any]) -> Floats:
    """Return the sums of the fields, shape = (4, 4, 3), between corners of an integral image, shape = (5, 5, 3)."""
    return np.asarray(np.diff(np.diff(corners, axis=0), axis=1), np.float64)


def _check_shapes(tensors: dict[str, NDArray[Any]]) -> None:
    centre, components = tensors["centre"], tensors["components"]
    if centre.ndim != 1 or components.ndim != 2 or components.shape[1:] != centre.shape:
        raise ValueError(f"contains a centre of shape {centre.shape} and components of shape {components.shape}")
    for name, expected in (
        ("pixel_centre", (STATISTICS,)),
        ("whitening", (STATISTICS, STATISTICS)),
        ("direction", (len(centre) + STATISTICS,)),
    ):
        if tensors[name].shape != expected:
            raise ValueError(f"contains {name} of shape {tensors[name].shape}; expected {expected}")
    combination = tensors["combination"]
    if combination.shape not in ((4,), (5,)):
        raise ValueError(f"contains combination of shape {combination.shape}; expected (5,)")
    if not combination[3] > 0:
        raise ValueError("contains a limit that is not above 0")


def is_checked(record: ModelRecord) -> bool:
    """Return whether a version measures the familiarity of images."""
    return FAMILIARITY in record.files


def load_familiarity(files: ModelFiles, size: int) -> Familiarity | None:
    """Load the measure of a version, whose embeddings have this ``size``; None if it has none.

    Raises ``ModelDamaged`` if the file is damaged, or is for embeddings of another size.
    """
    if not is_checked(files.record):
        return None
    path = files.folder / FAMILIARITY
    try:
        familiarity = Familiarity.load(path)
    except (OSError, ValueError) as error:
        raise ModelDamaged(f"{path}: {error}") from error
    if len(familiarity.centre) != size:
        raise ModelDamaged(f"{path}: is for embeddings of {len(familiarity.centre)}; expected {size}")
    if familiarity.mirrored and not files.record.architecture.get("flip"):
        raise ModelDamaged(f"{path}: uses mirror images, which its model does not classify")
    return familiarity


def familiarity_figures(record: ModelRecord) -> FamiliarityFigures | None:
    """Return the false alarms of a version, None if it has no measure. Raises ``ModelDamaged``."""
    if METRIC not in record.metrics:
        return None
    try:
        return FamiliarityFigures.model_validate(record.metrics[METRIC])
    except ValidationError as error:
        problem = f"the metric {METRIC} of its record is damaged: {first_problem(error)}"
        raise damaged(record.label, problem, record.name) from error
