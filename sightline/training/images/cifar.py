"""CIFAR-10 and CIFAR-100 in the files of their authors: in Python, pickles that run nothing, and the binary one.

https://www.cs.toronto.edu/~kriz/cifar.html describes both. The test parts are never read, so that they remain valid for
comparisons with published results.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sightline.training.common.errors import UnsuitableData
from sightline.vision.labelled import ImageSource, LabelledImage

__all__ = ["cifar_of", "open_cifar"]

_PIXELS = 3 * 32 * 32


@dataclass(frozen=True)
class _DataSet:
    """A data set with the numbers of its classes and training images.

    ``python`` and ``binary`` are the folders of its two versions, and ``batches`` their training files.
    """

    title: str
    classes: int
    python: str
    batches: tuple[str, ...]
    names: tuple[str, str]
    labels: str
    binary: str
    binary_names: str
    label_bytes: int
    """The bytes before the pixels of an image in the binary version; the last one is the label."""
    images: int = 50_000


_DATA_SETS = {
    "cifar10": _DataSet(
        title="CIFAR-10",
        classes=10,
        python="cifar-10-batches-py",
        batches=tuple(f"data_batch_{number}" for number in range(1, 6)),
        names=("batches.meta", "label_names"),
        labels="labels",
        binary="cifar-10-batches-bin",
        binary_names="batches.meta.txt",
        label_bytes=1,
    ),
    "cifar100": _DataSet(
        title="CIFAR-100",
        classes=100,
        python="cifar-100-python",
        batches=("train",),
        names=("meta", "fine_label_names"),
        labels="fine_labels",
        binary="cifar-100-binary",
        binary_names="fine_label_names.txt",
        label_bytes=2,
    ),
}


class _Images(NamedTuple):
    """Pixels, shape = (n, 32, 32, 3), the indices of the classes, shape = (n,), and the names of the classes."""

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    names: Sequence[str]


def cifar_of(folder: Path) -> str | None:
    """Return ``cifar10://FOLDER`` or ``cifar100://FOLDER`` if the folder is, or contains, that data set."""
    for scheme, data_set in _DATA_SETS.items():
        for name in (data_set.python, data_set.binary):
            if folder.name == name and folder.is_dir():
                return f"{scheme}://{folder.parent}"
            if (folder / name).is_dir():
                return f"{scheme}://{folder}"
    return None


def open_cifar(uri: str) -> ImageSource | None:
    """Return the training part of ``cifar10://FOLDER`` or ``cifar100://FOLDER``; None for another URI.

    Raises :class:`UnsuitableData` if the files are missing or damaged.
    """
    scheme, separator, path = uri.partition("://")
    if not separator or scheme not in _DATA_SETS:
        return None
    data_set, folder = _DATA_SETS[scheme], Path(path).expanduser()
    try:
        if (folder / data_set.python).is_dir():
            read = _read_python(data_set, folder / data_set.python)
        else:
            read = _read_binary(data_set, folder / data_set.binary)
        _check(data_set, read)
    # A damaged pickle raises many kinds of errors.
    except Exception as error:
        archive = data_set.python.replace("batches-py", "python")
        raise UnsuitableData(
            uri,
            f"{data_set.title} is missing or damaged ({error or type(error).__name__})",
            f"Unpack {archive}.tar.gz, or the binary version, from https://www.cs.toronto.edu/~kriz/cifar.html into "
            f"{folder}",
        ) from error
    images = tuple(
        LabelledImage(f"{read.names[label]}_{index:06d}", f"{uri}#{index}", partial(_bitmap, read.pixels[index]))
        for index, label in enumerate(read.labels)
    )
    return ImageSource(uri, f"{data_set.title}, training part", images)


def _read_python(data_set: _DataSet, folder: Path) -> _Images:
    file, key = data_set.names
    names = _unpickled(folder / file)[key]
    batches = [_unpickled(folder / name) for name in data_set.batches]
    planes = np.concatenate([np.asarray(batch["data"]) for batch in batches])
    labels = np.concatenate([np.asarray(batch[data_set.labels], np.int64) for batch in batches])
    return _Images(_as_images(planes), labels, names)


def _read_binary(data_set: _DataSet, folder: Path) -> _Images:
    names = (folder / data_set.binary_names).read_text(encoding="ascii").split()
    size = data_set.label_bytes + _PIXELS
    rows = np.concatenate([_rows(folder / f"{name}.bin", size) for name in data_set.batches])
    labels = rows[:, data_set.label_bytes - 1].astype(np.int64)
    return _Images(_as_images(rows[:, data_set.label_bytes :]), labels, names)


def _rows(path: Path, size: int) -> NDArray[np.uint8]:
    values = np.fromfile(path, np.uint8)
    if len(values) % size:
        raise ValueError(f"{path.name} has {len(values)} bytes, which is not a multiple of {size}")
    return values.reshape(-1, size)


def _as_images(planes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return images, shape = (n, 32, 32, 3), from rows of 1024 red, 1024 green and 1024 blue values."""
    if planes.ndim != 2 or planes.shape[1] != _PIXELS or planes.dtype != np.uint8:
        raise ValueError(f"its pixels are {planes.dtype} of the shape {planes.shape}, expected uint8 (n, {_PIXELS})")
    return np.ascontiguousarray(planes.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))


def _check(data_set: _DataSet, read: _Images) -> None:
    if len(read.names) != data_set.classes or not all(isinstance(name, str) for name in read.names):
        raise ValueError(f"it names {len(read.names)} classes, expected {data_set.classes}")
    if not len(read.labels) == len(read.pixels) == data_set.images:
        counts = f"{len(read.labels)} labels and {len(read.pixels)} images"
        raise ValueError(f"it has {counts}, expected {data_set.images} of both")
    if read.labels.min() < 0 or read.labels.max() >= len(read.names):
        raise ValueError("it has labels without a name")


class _Unpickler(pickle.Unpickler):
    """Reads the files' dictionaries, lists, texts and arrays; refuses every other class and function."""

    _ALLOWED = frozenset(
        {
            ("numpy", "ndarray"),
            ("numpy", "dtype"),
            ("numpy.core.multiarray", "_reconstruct"),
            ("numpy._core.multiarray", "_reconstruct"),
            ("_codecs", "encode"),
        }
    )

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._ALLOWED:
            raise pickle.UnpicklingError(f"it refers to {module}.{name}, which such files do not contain")
        return super().find_class(module.replace("numpy._core", "numpy.core"), name)


def _unpickled(path: Path) -> dict[str, Any]:
    # The files are from Python 2: their texts and arrays are byte strings.
    content = _Unpickler(io.BytesIO(path.read_bytes()), encoding="latin1").load()
    if not isinstance(content, dict):
        raise TypeError(f"{path.name} is not a dictionary")
    return content


def _bitmap(pixels: NDArray[np.uint8]) -> bytes:
    """Encode the pixels as a BMP file; equal pixels give equal bytes."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "BMP")
    return file.getvalue()
