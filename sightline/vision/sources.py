"""Which images are meant: a folder, a prefix, one, a list, or a payload of the original services."""

from __future__ import annotations

import binascii
import json
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import BaseModel, ConfigDict

from sightline import storage
from sightline.errors import InvalidInput

__all__ = ["SUFFIXES", "ImageRef", "Source", "expand"]

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
Source: TypeAlias = str | Path | Sequence[str] | Mapping[str, Any]

_EXPECTED = (
    "Give a folder, an s3:// prefix, an image, a list of URIs, or a payload: "
    '{"images": ["BASE64"]}, {"image_urls": ["https://…"]} or {"s3_bucket": "…", "s3_key": "…"}'
)


class ImageRef(BaseModel):
    """One image that is meant. ``data``: its bytes, where a payload holds them; ``problem``: why they cannot be read.

    ``version`` differs where the content does: size and time of a file, ETag of an object. None where nothing tells.
    """

    model_config = ConfigDict(frozen=True)

    uri: str
    version: str | None = None
    data: bytes | None = None
    problem: str | None = None
    remote: bool = False
    """Whether it was named by a caller elsewhere, who must not read this machine's files."""


def expand(source: Source) -> list[ImageRef]:
    """Every image that ``source`` names: a folder's and a prefix's by name, a list's in its order.

    Text that starts with ``{`` or ``[`` is taken for JSON. Raises :class:`InvalidInput` for what is not understood,
    and for a folder without images.
    """
    if isinstance(source, Mapping):
        return list(_payload(source))
    if isinstance(source, str) and source.lstrip()[:1] in ("{", "["):
        try:
            return expand(json.loads(source))
        except ValueError as error:
            raise InvalidInput(_short(source), f"looks like JSON and is not ({error})", _EXPECTED) from error
    if isinstance(source, str | Path):
        return _one(str(source))
    if isinstance(source, Sequence) and source and all(isinstance(each, str) for each in source):
        return [_ref(each) for each in source]
    raise InvalidInput(_short(source), f"a {type(source).__name__} that names no images", _EXPECTED)


def _one(uri: str) -> list[ImageRef]:
    if not uri.strip():
        raise InvalidInput("the source", "is empty", _EXPECTED)
    if _scheme(uri) not in ("", "file", "s3"):
        return [ImageRef(uri=uri)]
    location = storage.locate(uri)
    if uri.lower().endswith(SUFFIXES) and not (isinstance(location, Path) and location.is_dir()):
        return [_ref(uri)]
    if isinstance(location, Path) and location.is_file():
        return [_ref(uri)]
    found = [
        ImageRef(uri=storage.uri_of(file.location), version=file.version)
        for file in storage.walk(location)
        if file.location.name.lower().endswith(SUFFIXES) and not file.location.name.startswith(".")
    ]
    if not found:
        raise InvalidInput(uri, "there is no image in it", f"Images end in {', '.join(SUFFIXES)}")
    return found


def _ref(uri: str) -> ImageRef:
    """An image by its URI; a local one has its version at once, others when they are fetched."""
    if _scheme(uri) not in ("", "file"):
        return ImageRef(uri=uri)
    path = storage.locate(uri)
    try:
        return ImageRef(uri=storage.uri_of(path), version=storage.version_of(path.stat()))
    except OSError:  # What is wrong with it is found out, and recorded, when it is read.
        return ImageRef(uri=storage.uri_of(path))


def _payload(payload: Mapping[str, Any]) -> Iterator[ImageRef]:
    if "body" in payload and not payload.keys() & {"images", "image_urls", "s3_key"}:
        body = payload["body"]
        try:
            inner = json.loads(body) if isinstance(body, str | bytes) else body
        except ValueError as error:
            raise InvalidInput("the payload's body", f"is not JSON ({error})", _EXPECTED) from error
        if not isinstance(inner, Mapping):
            raise InvalidInput("the payload's body", f"is a {type(inner).__name__}, not an object", _EXPECTED)
        yield from _payload(inner)
    elif "images" in payload:
        for place, each in enumerate(_listed(payload, "images")):
            yield _item(each, place)
    elif "image_urls" in payload:
        for place, each in enumerate(_listed(payload, "image_urls")):
            yield _url(each, place)
    elif "s3_key" in payload or payload.get("image_data"):
        yield _item(payload, 0)
    else:
        raise InvalidInput("the payload", f"has {', '.join(map(repr, payload)) or 'nothing in it'}", _EXPECTED)


def _listed(payload: Mapping[str, Any], key: str) -> Sequence[Any]:
    value = payload[key]
    found = [value] if isinstance(value, str | Mapping) else value
    if not isinstance(found, Sequence) or not found:
        raise InvalidInput(f"the payload's {key!r}", f"is {_short(value)}, not a list of images", _EXPECTED)
    return found


def _item(item: Any, place: int) -> ImageRef:
    if isinstance(item, str):
        return _inline(item, f"inline:{place}")
    if isinstance(item, Mapping):
        if data := item.get("image_data"):
            return _inline(data, f"inline:{place}")
        bucket, key = item.get("s3_bucket"), item.get("s3_key")
        if isinstance(bucket, str) and isinstance(key, str) and bucket and key:
            return ImageRef(uri=f"s3://{bucket}/{key}", remote=True)
    return ImageRef(
        uri=f"inline:{place}", problem=f"image {place} is {_short(item)}: neither base64 nor bucket and key"
    )


def _url(url: Any, place: int) -> ImageRef:
    if isinstance(url, str):
        return ImageRef(uri=url, remote=True)
    return ImageRef(uri=f"inline:{place}", problem=f"image_urls[{place}] is {_short(url)}, not a URL")


def _inline(text: Any, uri: str) -> ImageRef:
    try:
        encoded = text.partition(",")[2] if text.startswith("data:") else text
        # Line breaks are common in base64; anything else that is foreign to it is a mistake.
        return ImageRef(uri=uri, data=b64decode("".join(encoded.split()), validate=True))
    except (AttributeError, ValueError, binascii.Error) as error:
        return ImageRef(uri=uri, problem=f"not base64: {error}")


def _scheme(uri: str) -> str:
    scheme, separator, _ = uri.partition("://")
    return scheme.lower() if separator else ""


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"
