"""The stages "backbone" and "featurize": a pretrained network, and its embeddings of the lower bodies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sightline import vision
from sightline.progress import Progress
from sightline.ranking import model_input
from sightline.registry import ImageInput
from sightline.training.common.seeding import seeded
from sightline.training.ranking.dataset import LABELS
from sightline.training.ranking.preparing import Crop, crops_of
from sightline.vision import weights
from sightline.vision.backbones import PRETRAINED

if TYPE_CHECKING:
    from sightline.vision.nets import Backbone

__all__ = [
    "FEATURES",
    "Features",
    "featurize",
    "image_input",
    "read_crop",
    "read_features",
    "save_backbone",
]

FEATURES = "lower_body.parquet"


@dataclass(frozen=True, eq=False)
class Features:
    """Embeddings of lower bodies, float32, shape = (n, size); ``labels``, shape = (n,), are 0 for bad and 1 for good.

    ``groups``: the source photos.
    """

    paths: tuple[str, ...]
    labels: NDArray[np.int64]
    groups: tuple[str, ...]
    embeddings: NDArray[np.float32]


def image_input(side: int, backbone: str) -> ImageInput:
    """Return the model input: a square of ``side`` pixels with the normalisation of the backbone's weights."""
    mean, std = PRETRAINED[backbone]
    return ImageInput(width=side, height=side, mean=mean, std=std)


def save_backbone(folder: Path, backbone: str, *, pretrained: bool, seed: int) -> None:
    """Write the weights of a backbone: those of ImageNet, or random ones from ``seed`` if not ``pretrained``.

    Random weights give a random projection of the image instead of learned features. They distinguish simple figures,
    and need no network. Raises ``WeightsUnavailable``.
    """
    with seeded(seed):
        weights.save_backbone(folder, vision.create_backbone(backbone, pretrained=pretrained))


def featurize(
    prepared: Path,
    weights_folder: Path,
    folder: Path,
    *,
    backbone: str,
    side: int,
    batch_size: int,
    progress: Progress,
) -> None:
    """Write :data:`FEATURES`: ``image_path``, ``label``, ``features``, ``group`` and ``person``, one row per crop."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    crops = crops_of(prepared)
    network = weights.load_backbone(weights_folder, backbone)
    embeddings = _embed(network, prepared, crops, image_input(side, backbone), batch_size, progress)
    columns = {
        "image_path": pa.array([crop.image_path for crop in crops]),
        "label": pa.array([LABELS.index(crop.label) for crop in crops], pa.int8()),
        "features": pa.FixedSizeListArray.from_arrays(pa.array(embeddings.ravel()), embeddings.shape[1]),
        "group": pa.array([crop.group for crop in crops]),
        "person": pa.array([crop.person for crop in crops], pa.int32()),
    }
    pq.write_table(pa.table(columns), folder / FEATURES, compression="zstd")  # type: ignore[no-untyped-call]


def read_features(folder: Path) -> Features:
    """Read the file that :func:`featurize` wrote."""
    import pyarrow.parquet as pq

    table = pq.read_table(folder / FEATURES)  # type: ignore[no-untyped-call]
    return Features(
        paths=tuple(table["image_path"].to_pylist()),
        labels=table["label"].to_numpy().astype(np.int64),
        groups=tuple(table["group"].to_pylist()),
        embeddings=np.array(table["features"].to_pylist(), np.float32).reshape(len(table), -1),
    )


def read_crop(folder: Path, crop: Crop) -> NDArray[np.uint8]:
    """Return the crop's pixels, RGB, shape = (height, width, 3)."""
    from PIL import Image

    with Image.open(folder / crop.image_path) as image:
        return np.asarray(image.convert("RGB"))


def _embed(
    backbone: Backbone, prepared: Path, crops: Sequence[Crop], size: ImageInput, batch: int, progress: Progress
) -> NDArray[np.float32]:
    import torch

    embeddings = []
    with torch.inference_mode():
        for start in range(0, len(crops), batch):
            block = [read_crop(prepared, crop) for crop in crops[start : start + batch]]
            embeddings.append(backbone(torch.from_numpy(model_input(block, size))).numpy())
            progress(min(1.0, (start + batch) / len(crops)))
    return np.concatenate(embeddings)
