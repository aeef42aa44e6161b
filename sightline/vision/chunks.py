"""Some images, fetched and decoded: what is found is kept in one scratch file, not in memory."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
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
from sightline.vision.sources import ImageRef

__all__ = ["SerializedChunk", "SerializedImage", "serialize_chunk"]

_THREADS = 8  # most of fetching from a bucket is waiting


class SerializedImage(BaseModel):
    """One image as it was read, or why it could not be. ``seconds``: what fetching and decoding took."""

    model_config = ConfigDict(frozen=True)

    uri: str
    sha256: str | None
    content_type: str | None
    reason: Reason | None
    detail: str | None
    seconds: float


class SerializedChunk(BaseModel):
    """A chunk's images, in order; the pixels and the bytes of the readable ones are in the file at ``path``."""

    model_config = ConfigDict(frozen=True)

    number: int
    path: Path
    items: tuple[SerializedImage, ...]

    @property
    def readable(self) -> list[SerializedImage]:
        """The images that could be read."""
        return [image for image in self.items if image.reason is None]

    def pixels(self) -> NDArray[np.uint8]:
        """The readable images, shape = (n, height, width, 3), RGB. Empty where they keep their own sizes."""
        with np.load(self.path, allow_pickle=False) as file:
            return np.asarray(file["pixels"], np.uint8)

    def contents(self) -> list[bytes]:
        """The readable images' files, byte for byte."""
        with np.load(self.path, allow_pickle=False) as file:
            data, ends = file["data"].tobytes(), file["ends"].tolist()
        return [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]

    def discard(self) -> None:
        """Remove the scratch file."""
        self.path.unlink(missing_ok=True)


class _Read(NamedTuple):
    image: SerializedImage
    data: bytes
    pixels: NDArray[np.uint8] | None


def serialize_chunk(
    refs: Sequence[ImageRef], size: ImageInput | None, limits: Limits, folder: Path, number: int = 0
) -> SerializedChunk:
    """Fetch and decode every image, each with an outcome of its own; without a ``size`` pixels are only checked."""
    with ThreadPoolExecutor(min(_THREADS, max(1, len(refs)))) as pool:
        found = list(pool.map(lambda ref: _read(ref, size, limits), refs))
    readable = [each for each in found if each.image.reason is None]
    pixels = [each.pixels for each in readable if each.pixels is not None]
    path = folder / f"chunk-{number:06d}.npz"
    shape = (0, size.height, size.width, 3) if size else (0, 0, 0, 3)
    np.savez(
        path,
        pixels=np.stack(pixels) if pixels else np.empty(shape, np.uint8),
        data=np.frombuffer(b"".join(each.data for each in readable), np.uint8),
        ends=np.cumsum([len(each.data) for each in readable], dtype=np.int64),
    )
    return SerializedChunk(number=number, path=path, items=tuple(each.image for each in found))


def _read(ref: ImageRef, size: ImageInput | None, limits: Limits) -> _Read:
    start, data, sha256 = time.perf_counter(), b"", None
    pixels, content_type, rejected = None, None, None
    try:
        data = fetch(ref, limits)
        sha256 = hashlib.sha256(data).hexdigest()
        decoded = decode(data, size, limits)
        pixels, content_type = decoded.pixels if size else None, decoded.content_type
    except Rejected as error:
        rejected = error
    image = SerializedImage(
        uri=ref.uri,
        sha256=sha256,
        content_type=content_type,
        reason=rejected.reason if rejected else None,
        detail=rejected.detail if rejected else None,
        seconds=time.perf_counter() - start,
    )
    return _Read(image, b"" if rejected else data, pixels)
