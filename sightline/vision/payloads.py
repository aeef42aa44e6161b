"""The payloads of the original services: images as base64, by URL, or by bucket and key."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sightline.errors import InvalidInput
from sightline.vision.reasons import Reason
from sightline.vision.refs import ImageRef, shortened, unreadable

__all__ = ["EXPECTED", "envelope_content", "images_of"]

EXPECTED = (
    "Give a folder, an s3:// prefix, an image, a list of URIs, or a payload: "
    '{"images": ["BASE64"]}, {"image_urls": ["https://…"]} or {"s3_bucket": "…", "s3_key": "…"}'
)
_KEYS = {"images", "image_urls", "s3_key", "image_data"}


def images_of(payload: Mapping[str, Any]) -> Iterator[ImageRef]:
    """Yield the images of a payload, in its order.

    ``images``: one image or a list; an image is base64, a ``data:`` URL, or an object with ``image_data``, or with
    ``s3_bucket`` and ``s3_key``. Then ``image_urls``: one URL or a list. Otherwise the payload is one such object, or
    has a ``body`` with any of these, as an object or as JSON text. Images in base64 are named ``inline:0``,
    ``inline:1``, …, by position. The problem of a single image is part of its reference; raises :class:`InvalidInput`
    for a payload that names no images.
    """
    content = envelope_content(payload)
    if content is not None:
        yield from images_of(content)
        return
    fields = {key: value for key, value in payload.items() if value is not None}
    images, urls = _listed(fields, "images"), _listed(fields, "image_urls")
    if images or urls:
        # Lazily: a caller that stops early does not decode the rest.
        yield from (_item(image, f"inline:{place}") for place, image in enumerate(images))
        yield from (_url(url, f"image_urls:{place}") for place, url in enumerate(urls))
    elif fields.get("s3_key") or fields.get("image_data"):
        yield _item(fields, "inline:0")
    else:
        problem = f"has no images in {', '.join(map(repr, payload))}" if payload else "is empty"
        raise InvalidInput("the payload", problem, EXPECTED)


def envelope_content(payload: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the payload in the ``body`` of an envelope; None if ``payload`` is no envelope.

    Raises :class:`InvalidInput` for a body that is not JSON, not an object, or another envelope.
    """
    fields = {key for key, value in payload.items() if value is not None}
    return _body(payload) if "body" in fields and not fields & _KEYS else None


def _body(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    body = payload["body"]
    try:
        if payload.get("isBase64Encoded") is True:
            body = b64decode(body)
        inner = json.loads(body) if isinstance(body, str | bytes) else body
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidInput("the payload's body", f"is not JSON ({error})", EXPECTED) from error
    if not isinstance(inner, Mapping):
        raise InvalidInput("the payload's body", f"is a {type(inner).__name__}, not an object", EXPECTED)
    if "body" in inner and not inner.keys() & _KEYS:
        raise InvalidInput("the payload's body", "contains another body", EXPECTED)
    return inner


def _listed(payload: Mapping[str, Any], key: str) -> Sequence[Any]:
    value = payload.get(key, ())
    items = [value] if isinstance(value, str | Mapping) else value
    if not isinstance(items, Sequence):
        raise InvalidInput(f"the payload's {key!r}", f"is {shortened(value)}, not a list of images", EXPECTED)
    return items


def _item(item: Any, name: str) -> ImageRef:
    if isinstance(item, str):
        return _inline(item, name)
    if isinstance(item, Mapping):
        if data := item.get("image_data"):
            return _inline(data, name)
        bucket, key = item.get("s3_bucket"), item.get("s3_key")
        if isinstance(bucket, str) and isinstance(key, str) and bucket and key:
            return ImageRef.named(f"s3://{bucket}/{key}", remote=True)
    return unreadable(
        name, Reason.UNSUPPORTED_URI, f"{shortened(item)} is neither base64 nor an object with bucket and key"
    )


def _url(url: Any, name: str) -> ImageRef:
    if isinstance(url, str):
        return ImageRef.named(url, remote=True)
    return unreadable(name, Reason.UNSUPPORTED_URI, f"{shortened(url)} is not a URL")


def _inline(text: Any, name: str) -> ImageRef:
    if not isinstance(text, str):
        return unreadable(name, Reason.BAD_BASE64, f"{shortened(text)} is not text")
    encoded = text
    if text[:5].lower() == "data:":
        header, _, encoded = text.partition(",")
        if not header.lower().endswith(";base64"):
            return unreadable(name, Reason.BAD_BASE64, f"{shortened(header)} is a data: URL without base64")
    try:
        # Line breaks are common in base64; any other foreign character is an error.
        return ImageRef(uri=name, data=b64decode("".join(encoded.split()), validate=True))
    except ValueError as error:
        return unreadable(name, Reason.BAD_BASE64, f"not base64: {error}")
