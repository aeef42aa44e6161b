"""Sources of labelled images: a folder or bucket whose file names contain the label, or CIFAR-100."""

from __future__ import annotations

import io
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sightline import storage, vision
from sightline.storage import Location
from sightline.training.common.errors import UnsuitableData
from sightline.vision.labelled import ImageSource, LabelledImage

__all__ = ["open_source"]

_CIFAR = "cifar100://"
_CIFAR_FOLDER = "cifar-100-python"


def open_source(source: str | Location, *, limits: vision.Limits | None = None, download: bool = False) -> ImageSource:
    """List the images of a folder, of an ``s3://`` prefix, or of CIFAR-100.

    ``cifar100://FOLDER``, or a folder that contains ``cifar-100-python``, is the training part of CIFAR-100. The test
    part is never read, so that it remains valid for comparisons with published results. ``download`` downloads a
    missing data set into FOLDER. Raises :class:`UnsuitableData` if there is nothing to read.
    """
    text = str(source)
    if text.startswith(_CIFAR):
        return _cifar(Path(text.removeprefix(_CIFAR)).expanduser(), download)
    location = storage.locate(source)
    if isinstance(location, Path) and (location / _CIFAR_FOLDER).is_dir():
        return _cifar(location, download)
    effective_limits = limits or vision.Limits()
    root = storage.uri_of(location)
    images = tuple(
        LabelledImage(
            ref.uri.rpartition("/")[2],
            ref.uri,
            partial(vision.fetch, ref, effective_limits),
            folders=tuple(ref.uri.removeprefix(root).strip("/").split("/")[:-1]),
        )
        for ref in vision.expand(root)
    )
    name = location.absolute().name if isinstance(location, Path) else str(location)
    return ImageSource(storage.uri_of(location), name, images)


def _cifar(folder: Path, download: bool) -> ImageSource:
    from torchvision.datasets import CIFAR100

    try:
        # The files are pickles: torchvision opens them only if they have the published checksums.
        data = CIFAR100(folder, train=True, download=download)
    except RuntimeError as error:
        raise UnsuitableData(
            f"{_CIFAR}{folder}",
            f"CIFAR-100 is missing or damaged ({error})",
            f"Unpack cifar-100-python.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html into {folder}",
        ) from error
    uri = f"{_CIFAR}{folder}"
    images = tuple(
        LabelledImage(f"{data.classes[label]}_{index:06d}", f"{uri}#{index}", partial(_bitmap, pixels))
        for index, (pixels, label) in enumerate(zip(data.data, data.targets, strict=True))
    )
    return ImageSource(uri, "CIFAR-100, training part", images)


def _bitmap(pixels: NDArray[np.uint8]) -> bytes:
    """Encode the pixels as a BMP file; equal pixels give equal bytes."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "BMP")
    return file.getvalue()
