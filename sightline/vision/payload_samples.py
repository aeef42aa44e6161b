"""Payloads of the original services with images drawn at random, to try a service or a flow with."""

from __future__ import annotations

import random
from base64 import b64encode
from collections.abc import Iterator, Sequence
from typing import Any

from sightline.errors import InvalidInput
from sightline.vision.fetch import fetch
from sightline.vision.limits import Limits
from sightline.vision.reasons import Rejected
from sightline.vision.refs import ImageRef

__all__ = ["make_payloads"]

BULK = 10
"""The most images in one payload, as in the original's map."""


def make_payloads(
    images: Sequence[ImageRef], count: int, images_each: int, seed: int | None, limits: Limits
) -> Iterator[dict[str, Any]]:
    """Yield payloads with images that are drawn at random, none twice before all were drawn.

    An image on S3 is named by ``s3_bucket`` and ``s3_key``, any other is contained as base64 in ``image_data``. A
    payload is one such object if ``images_each`` is 1, otherwise ``{"images": […]}``. Raises :class:`InvalidInput` for
    numbers out of range, and for a drawn image that cannot be read.
    """
    if not 1 <= images_each <= BULK or count < 1:
        raise InvalidInput(
            f"{count} payloads of {images_each} images", f"a payload has 1 to {BULK} images, and there is at least one"
        )
    drawn = _drawn(images, random.Random(seed))  # noqa: S311  # not for secrets
    for _ in range(count):
        items = [_item(next(drawn), limits) for _ in range(images_each)]
        yield items[0] if images_each == 1 else {"images": items}


def _drawn(images: Sequence[ImageRef], chance: random.Random) -> Iterator[ImageRef]:
    while True:
        yield from chance.sample(images, len(images))


def _item(image: ImageRef, limits: Limits) -> dict[str, str]:
    if image.uri.startswith("s3://"):
        bucket, _, key = image.uri.removeprefix("s3://").partition("/")
        return {"image_data": "", "s3_bucket": bucket, "s3_key": key}
    try:
        data = fetch(image, limits)
    except Rejected as problem:
        raise InvalidInput(image.shown, problem.detail, "Remove the file from the folder, or repair it") from problem
    return {"image_data": b64encode(data).decode(), "s3_bucket": "", "s3_key": ""}
