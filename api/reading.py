"""A request's images, fetched and decoded on threads, each with an outcome of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import anyio
import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from api.metrics import Metrics
from api.problems import Problem, problem_of
from sightline.errors import InvalidInput
from sightline.registry import ImageInput
from sightline.settings import Settings
from sightline.vision import ImageRef, Limits, Reason, Rejected, decode, fetch
from sightline.vision.payloads import images_of

__all__ = ["ReadImage", "Reader"]

_DECODERS, _FETCHERS = 4, 16
_MORE_SECONDS = 2.0  # what a fetch takes at most beyond its limit, looking a name up say
Found = TypeVar("Found")


@dataclass(frozen=True)
class ReadImage:
    """One image of a request: its pixels, uint8, RGB, shape (height, width, 3), or why there are none."""

    ref: ImageRef
    pixels: NDArray[np.uint8] | Rejected


class Reader:
    """Reads the images of payloads: base64 as it is, URLs and S3 objects as far as the settings allow it."""

    def __init__(self, config: Settings, metrics: Metrics) -> None:
        self._metrics = metrics
        self._max_images = config.api_max_images
        self.limits = Limits(
            pixels=config.max_image_pixels,
            bytes=config.max_image_bytes,
            hosts=frozenset(host.lower() for host in config.image_hosts),
            seconds=config.api_url_seconds,
            urls=frozenset(host.lower() for host in config.api_url_hosts),
            buckets=frozenset(config.api_buckets),
        )
        # What waits for other machines does not keep out what is only to be decoded.
        self._decoders = anyio.CapacityLimiter(_DECODERS)
        self._fetchers = anyio.CapacityLimiter(_FETCHERS)

    async def read(self, payload: Mapping[str, Any], size: ImageInput) -> list[ReadImage]:
        """The images that a payload names, in its order, stretched to ``size``.

        Raises :class:`Problem` where it names none or too many, or where not one of them can be used.
        """
        refs, first = await self._on_thread(partial(self._parse, payload, size))
        read = [first] if first else await asyncio.gather(*(self._read(ref, size) for ref in refs))
        self._check(read)
        return read

    async def file_of(self, image: str) -> tuple[ImageRef, bytes]:
        """The one image that is given as base64, as a file's bytes. Raises :class:`Problem`."""
        return await self._on_thread(partial(self._inline, image))

    def rejected(self, images: list[tuple[str, Rejected]]) -> Problem:
        """The problem of a request all of whose images are rejected, which are counted."""
        for _, each in images:
            self._metrics.rejected.labels(each.reason.value).inc()
        return problem_of(images)

    def _check(self, read: list[ReadImage]) -> None:
        rejected = [(each.ref.uri, each.pixels) for each in read if isinstance(each.pixels, Rejected)]
        if len(rejected) == len(read):
            raise self.rejected(rejected)
        for _, each in rejected:
            self._metrics.rejected.labels(each.reason.value).inc()

    def _parse(self, payload: Mapping[str, Any], size: ImageInput) -> tuple[list[ImageRef], ReadImage | None]:
        """What is meant; and that itself where it is one image, which saves changing threads."""
        try:
            refs = list(islice(images_of(payload), self._max_images + 1))
        except InvalidInput as error:
            raise Problem(400, "no_images", str(error)) from error
        if len(refs) > self._max_images:
            raise Problem(422, "too_many_images", f"more than {self._max_images} images, which is the limit")
        return refs, _decoded(refs[0], size, self.limits) if len(refs) == 1 and _is_here(refs[0]) else None

    def _inline(self, image: str) -> tuple[ImageRef, bytes]:
        (ref,) = images_of({"images": [image]})
        try:
            return ref, fetch(ref, self.limits)
        except Rejected as rejected:
            raise self.rejected([(ref.uri, rejected)]) from rejected

    async def _read(self, ref: ImageRef, size: ImageInput) -> ReadImage:
        if _is_here(ref):
            return await self._on_thread(partial(_decoded, ref, size, self.limits))
        try:
            with anyio.fail_after(self.limits.seconds + _MORE_SECONDS):
                data = await anyio.to_thread.run_sync(
                    _fetched, ref, self.limits, limiter=self._fetchers, abandon_on_cancel=True
                )
        except TimeoutError:
            detail = f"it had not come after {self.limits.seconds:g} seconds"
            return ReadImage(ref, Rejected(Reason.UNREACHABLE, detail))
        if isinstance(data, Rejected):
            return ReadImage(ref, data)
        return await self._on_thread(partial(_decoded, ref, size, self.limits, data))

    async def _on_thread(self, work: Callable[[], Found]) -> Found:
        return await anyio.to_thread.run_sync(work, limiter=self._decoders)


def _is_here(ref: ImageRef) -> bool:
    return ref.data is not None or ref.reason is not None


def _fetched(ref: ImageRef, limits: Limits) -> bytes | Rejected:
    try:
        return fetch(ref, limits)
    except Rejected as rejected:
        return rejected


def _decoded(ref: ImageRef, size: ImageInput, limits: Limits, data: bytes | None = None) -> ReadImage:
    try:
        return ReadImage(ref, decode(fetch(ref, limits) if data is None else data, size, limits).pixels)
    except Rejected as rejected:
        return ReadImage(ref, rejected)
