"""Reading the images of a request on threads. Each image has its own outcome."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import anyio
import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from api.metrics import Metrics
from api.problems import Problem, problem_of_images
from sightline.errors import InvalidInput
from sightline.registry import ImageInput
from sightline.settings import Settings
from sightline.vision import ImageRef, Limits, Reason, Rejected, decode, fetch
from sightline.vision.payloads import images_of

__all__ = ["ImageReader", "ReadImage"]

_DECODERS, _FETCHERS = 4, 16  # threads
_EXTRA_SECONDS = 2.0  # that a fetch may take beyond its limit, for example to resolve a host name
# A change of thread costs five times as much as decoding an image of 32x32 pixels. What is certainly done within about
# a millisecond is therefore done on the event loop.
_SMALL_TEXT, _SMALL_PIXELS = 1 << 15, 1 << 14

_log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class ReadImage:
    """One image of a request: its pixels, uint8, RGB, shape = (height, width, 3), or the reason for its rejection."""

    ref: ImageRef
    pixels: NDArray[np.uint8] | Rejected


class ImageReader:
    """Reads the images of payloads: base64 always, URLs and S3 objects if the settings allow them."""

    def __init__(self, config: Settings, metrics: Metrics) -> None:
        self._metrics = metrics
        self._max_images = config.api_max_images
        self.limits = Limits(
            pixels=config.max_image_pixels,
            bytes=config.max_image_bytes,
            hosts=frozenset(config.image_hosts),
            seconds=config.api_url_seconds,
            urls=frozenset(config.api_url_hosts),
            buckets=frozenset(config.api_buckets),
            white=config.image_white,
        )
        # Separate limits: fetches that wait for other servers do not delay images that only need decoding.
        self._decoders = anyio.CapacityLimiter(_DECODERS)
        self._fetchers = anyio.CapacityLimiter(_FETCHERS)

    async def read(self, payload: Mapping[str, Any], size: ImageInput | None) -> list[ReadImage]:
        """Return the images of a payload, in its order, resized to ``size`` if one is given.

        Raises :class:`Problem` if the payload names no images or too many, or if none of them can be used.
        """
        single = self._small(payload, size) if _is_small(payload) else None
        if single is None:
            refs, single = await self._on_thread(partial(self._parse, payload, size))
        images = [single] if single else await asyncio.gather(*(self._read(ref, size) for ref in refs))
        rejected = [(image.ref.shown, image.pixels) for image in images if isinstance(image.pixels, Rejected)]
        if len(rejected) == len(images):
            raise self.rejection(rejected)
        self._count(rejected)
        return images

    async def read_file(self, image: str) -> tuple[ImageRef, bytes]:
        """Return the one image that is sent as base64, as the bytes of its file. Raises :class:`Problem`."""
        return await self._on_thread(partial(self._inline, image))

    def rejection(self, rejected: Sequence[tuple[str, Rejected]]) -> Problem:
        """Count the rejected images of a request without a usable one, and return its problem."""
        self._count(rejected)
        return problem_of_images(rejected)

    def _count(self, rejected: Sequence[tuple[str, Rejected]]) -> None:
        for _, image in rejected:
            self._metrics.rejected.labels(image.reason.value).inc()

    def _small(self, payload: Mapping[str, Any], size: ImageInput | None) -> ReadImage | None:
        """Return the image of a small payload, if it is the only one, inline, and has few pixels; otherwise None."""
        refs = self._refs(payload)
        if len(refs) != 1 or not _needs_no_fetch(refs[0]):
            return None
        image = _decode(refs[0], size, replace(self.limits, pixels=min(_SMALL_PIXELS, self.limits.pixels)))
        is_large = isinstance(image.pixels, Rejected) and image.pixels.reason is Reason.TOO_MANY_PIXELS
        return None if is_large else image

    def _parse(self, payload: Mapping[str, Any], size: ImageInput | None) -> tuple[list[ImageRef], ReadImage | None]:
        """Return the references to the images. A single inline image is decoded too: this saves a change of thread."""
        refs = self._refs(payload)
        return refs, _decode(refs[0], size, self.limits) if len(refs) == 1 and _needs_no_fetch(refs[0]) else None

    def _refs(self, payload: Mapping[str, Any]) -> list[ImageRef]:
        try:
            refs = list(islice(images_of(payload), self._max_images + 1))
        except InvalidInput as error:
            raise Problem(400, "no_images", str(error)) from error
        if len(refs) > self._max_images:
            raise Problem(422, "too_many_images", f"more images than the limit of {self._max_images}")
        return refs

    def _inline(self, image: str) -> tuple[ImageRef, bytes]:
        (ref,) = images_of({"images": [image]})
        try:
            return ref, fetch(ref, self.limits)
        except Rejected as rejected:
            raise self.rejection([(ref.shown, rejected)]) from rejected

    async def _read(self, ref: ImageRef, size: ImageInput | None) -> ReadImage:
        if _needs_no_fetch(ref):
            return await self._on_thread(partial(_decode, ref, size, self.limits))
        try:
            with anyio.fail_after(self.limits.seconds + _EXTRA_SECONDS):
                data = await anyio.to_thread.run_sync(
                    _fetch, ref, self.limits, limiter=self._fetchers, abandon_on_cancel=True
                )
        except TimeoutError:
            detail = f"the image did not arrive within {self.limits.seconds:g} seconds"
            return ReadImage(ref, Rejected(Reason.UNREACHABLE, detail))
        if isinstance(data, Rejected):
            return ReadImage(ref, data)
        return await self._on_thread(partial(_decode, ref, size, self.limits, data))

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return await anyio.to_thread.run_sync(work, limiter=self._decoders)


def _is_small(payload: Mapping[str, Any]) -> bool:
    """Return whether all text of a payload together is short, however it is nested."""
    left, values = _SMALL_TEXT, list(payload.values())
    while values:
        value = values.pop()
        if isinstance(value, str):
            left -= len(value)
        elif isinstance(value, Mapping):
            values.extend(value.values())
        elif isinstance(value, list):
            values.extend(value)
        left -= 1
        if left < 0 or len(values) > left:
            return False
    return True


def _needs_no_fetch(ref: ImageRef) -> bool:
    return ref.data is not None or ref.reason is not None


def _fetch(ref: ImageRef, limits: Limits) -> bytes | Rejected:
    try:
        return fetch(ref, limits)
    except Rejected as rejected:
        return rejected


def _decode(ref: ImageRef, size: ImageInput | None, limits: Limits, data: bytes | None = None) -> ReadImage:
    try:
        decoded = decode(fetch(ref, limits) if data is None else data, size, limits)
    except Rejected as rejected:
        return ReadImage(ref, rejected)
    if decoded.warnings:
        # Without what may be a credential: the name and password before the host, and the query.
        name = ref.uri.partition("?")[0].rpartition("@")[2]
        _log.warning("%s: %s", name, "; ".join(decoded.warnings))
    return ReadImage(ref, decoded.pixels)
