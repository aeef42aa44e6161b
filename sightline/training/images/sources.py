"""Where labelled pictures come from: a folder or bucket whose file names tell the label, or CIFAR-100."""

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
    """The pictures of a folder, of an ``s3://`` prefix, or of CIFAR-100.

    ``cifar100://FOLDER``, or a folder that holds ``cifar-100-python``, is CIFAR-100's training part; its test part is
    left alone, for whoever compares with published figures. ``download`` fetches it into FOLDER where it is not there.
    Raises :class:`UnsuitableData` where there is nothing to read.
    """
    text = str(source)
    if text.startswith(_CIFAR):
        return _cifar(Path(text.removeprefix(_CIFAR)).expanduser(), download)
    location = storage.locate(source)
    if isinstance(location, Path) and (location / _CIFAR_FOLDER).is_dir():
        return _cifar(location, download)
    asked = limits or vision.Limits()
    pictures = tuple(
        LabelledImage(ref.uri.rpartition("/")[2], ref.uri, partial(vision.fetch, ref, asked))
        for ref in vision.expand(storage.uri_of(location))
    )
    name = location.absolute().name if isinstance(location, Path) else str(location)
    return ImageSource(storage.uri_of(location), name, pictures)


def _cifar(folder: Path, download: bool) -> ImageSource:
    from torchvision.datasets import CIFAR100

    try:
        # The files are pickles: torchvision opens them only where they have the published checksums.
        data = CIFAR100(folder, train=True, download=download)
    except RuntimeError as error:
        raise UnsuitableData(
            f"{_CIFAR}{folder}",
            f"CIFAR-100 is not there, or damaged ({error})",
            f"Unpack cifar-100-python.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html into {folder}",
        ) from error
    uri = f"{_CIFAR}{folder}"
    pictures = tuple(
        LabelledImage(f"{data.classes[label]}_{place:06d}", f"{uri}#{place}", partial(_bitmap, pixels))
        for place, (pixels, label) in enumerate(zip(data.data, data.targets, strict=True))
    )
    return ImageSource(uri, "CIFAR-100, training part", pictures)


def _bitmap(pixels: NDArray[np.uint8]) -> bytes:
    """The pixels as a file, whose bytes depend on nothing but them."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "BMP")
    return file.getvalue()
