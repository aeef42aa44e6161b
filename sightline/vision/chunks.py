"""A chunk of images, fetched and decoded into one scratch file, not into memory."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from sightline.registry import ImageInput
from sightline.vision.decode import decode
from sightline.vision.fetch import fetch
from sightline.vision.limits import Limits
from sightline.vision.reasons import Reason, Rejected
from sightline.vision.refs import ImageRef

__all__ = ["SerializedChunk", "SerializedImage", "serialize_chunk"]

_THREADS = 8  # fetching from a bucket is mostly waiting


class SerializedImage(BaseModel):
    """One image that was read, or the reason why it was not. ``seconds``: the time of fetching and decoding.

    ``warnings``: what is wrong with the file although it could be read.
    """

    model_config = ConfigDict(frozen=True)

    uri: str
    sha256: str | None
    content_type: str | None
    reason: Reason | None
    detail: str | None
    seconds: float
    warnings: tuple[str, ...] = ()


class SerializedChunk(BaseModel):
    """A chunk's images, in order; the pixels and the bytes of the readable ones are in the file at ``path``.

    The file contains the lengths of the image files as a NumPy array, the pixels as another, and the image files.
    """

    model_config = ConfigDict(frozen=True)

    number: int
    path: Path
    items: tuple[SerializedImage, ...]

    @property
    def readable(self) -> list[SerializedImage]:
        """The images that could be read."""
        return [image for image in self.items if image.reason is None]

    def pixels(self) -> NDArray[np.uint8]:
        """Return the readable images, shape = (n, height, width, 3), RGB; empty if they were not resized."""
        with self.path.open("rb") as file:
            np.load(file)
            return np.asarray(np.load(file), np.uint8)

    def contents(self) -> Iterator[bytes]:
        """Yield the bytes of each readable image's file, one after the other."""
        with self.path.open("rb") as file:
            lengths = np.load(file).tolist()
            file.seek(-sum(lengths), os.SEEK_END)
            yield from map(file.read, lengths)

    def discard(self) -> None:
        """Remove the scratch file."""
        self.path.unlink(missing_ok=True)


class _Read(NamedTuple):
    serialized: SerializedImage
    data: bytes
    pixels: NDArray[np.uint8] | None


def serialize_chunk(
    refs: Sequence[ImageRef], size: ImageInput | None, limits: Limits, folder: Path, number: int = 0
) -> SerializedChunk:
    """Fetch and decode the images, which succeed or fail independently; without a ``size`` they are only checked.

    The readable images are written into a file in ``folder``, which the caller must :meth:`~SerializedChunk.discard`.
    Raises ``OSError`` if it cannot be written.
    """
    with ThreadPoolExecutor(min(_THREADS, max(1, len(refs)))) as pool:
        reading = pool.map(lambda ref: _read(ref, size, limits), refs)
    images = list(reading)  # After the last one: a thread that waits for each in turn is woken for each.
    path = folder / f"chunk-{number:06d}.bin"
    _write(path, [image for image in images if image.serialized.reason is None], size)
    return SerializedChunk(number=number, path=path, items=tuple(image.serialized for image in images))


def _write(path: Path, readable: Sequence[_Read], size: ImageInput | None) -> None:
    shape = (len(readable), size.height, size.width, 3) if size else (0, 0, 0, 3)
    with path.open("wb") as file:
        np.save(file, np.array([len(image.data) for image in readable], np.int64))
        # As np.save would write all images, without a copy of them in memory.
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)  # type: ignore[no-untyped-call]
        for image in readable:
            if image.pixels is not None:
                file.write(np.ascontiguousarray(image.pixels).data)
        for image in readable:
            file.write(image.data)


def _read(ref: ImageRef, size: ImageInput | None, limits: Limits) -> _Read:
    start, data, sha256 = time.perf_counter(), b"", None
    pixels, content_type, rejected = None, None, None
    warnings: tuple[str, ...] = ()
    try:
        data = fetch(ref, limits)
        sha256 = hashlib.sha256(data).hexdigest()
        decoded = decode(data, size, limits)
        pixels, content_type, warnings = decoded.pixels if size else None, decoded.content_type, decoded.warnings
    except Rejected as error:
        rejected = error
    serialized = SerializedImage(
        uri=ref.shown,
        sha256=sha256,
        content_type=content_type,
        reason=rejected.reason if rejected else None,
        detail=rejected.detail if rejected else None,
        seconds=time.perf_counter() - start,
        warnings=warnings,
    )
    return _Read(serialized, b"" if rejected else data, pixels)
