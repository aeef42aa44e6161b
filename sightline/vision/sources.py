"""Which images are meant: a folder, a prefix, one, a list, or a payload of the original services."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from sightline import storage
from sightline.errors import InvalidInput, StorageError
from sightline.storage import Location
from sightline.vision.payloads import EXPECTED, images_of
from sightline.vision.reasons import Reason
from sightline.vision.refs import ImageRef, shortened, unreadable

__all__ = ["SUFFIXES", "Source", "expand"]

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif")
Source: TypeAlias = str | Path | Sequence[str | Path] | Mapping[str, Any]


def expand(source: Source) -> list[ImageRef]:
    """Every image that ``source`` names: a folder's and a prefix's by name, a list's in its order, repeated ones too.

    Of a folder and what is below it, the files that end in :data:`SUFFIXES`, in small letters or capitals, and are not
    hidden. Text that starts with ``{`` or ``[`` is taken for JSON. An image that is not there is a ref as any other:
    that is found out, and recorded, when it is read. Raises :class:`InvalidInput` for what is not understood, and for a
    folder without images, and ``StorageError`` for one that cannot be listed.
    """
    if isinstance(source, Mapping):
        return list(images_of(source))
    if isinstance(source, str) and source.lstrip()[:1] in ("{", "["):
        try:
            parsed = json.loads(source)
        except (ValueError, RecursionError) as error:
            raise InvalidInput(shortened(source), f"looks like JSON and is not ({error})", EXPECTED) from error
        return expand(parsed)
    if isinstance(source, str | Path):
        return _one(str(source))
    if isinstance(source, Sequence) and source and all(isinstance(each, str | Path) for each in source):
        return [_ref(str(each)) for each in source]
    raise InvalidInput(shortened(source), f"a {type(source).__name__} that names no images", EXPECTED)


def _one(uri: str) -> list[ImageRef]:
    if not uri.strip():
        raise InvalidInput("the source", "is empty", EXPECTED)
    if _scheme(uri) not in ("", "file", "s3"):
        return [_ref(uri)]
    location = storage.locate(uri)
    if _is_one(location):
        return [_ref(uri)]
    root = storage.uri_of(location)
    found = []
    for file in storage.walk(location):
        name = storage.uri_of(file.location)
        if _is_image(name) and "/." not in f"/{name[len(root) :].lstrip('/')}":
            found.append(ImageRef.named(name, version=file.version))
    if not found:
        missing = isinstance(location, Path) and not location.exists()
        reason = "there is no such folder" if missing else "there is no image in it"
        raise InvalidInput(uri, reason, f"Images end in {', '.join(SUFFIXES)}")
    return found


def _ref(uri: str) -> ImageRef:
    """An image by its URI; a local one has its version at once, others when they are fetched."""
    if _scheme(uri) not in ("", "file"):
        return ImageRef.named(uri)
    try:
        path = storage.locate(uri)
        version = storage.version_of(path.stat())
    except OSError:  # What is wrong with it is found out, and recorded, when it is read.
        version = None
    except (StorageError, ValueError, RuntimeError) as error:  # A name that no file can have, or ~NOBODY.
        return unreadable(ImageRef.named(uri).uri, Reason.UNSUPPORTED_URI, str(error))
    return ImageRef.named(storage.uri_of(path), version=version)


def _is_one(location: Location) -> bool:
    """Whether it is one image, not a folder or a prefix."""
    if not isinstance(location, Path):
        return _is_image(location.name)
    try:
        return location.is_file() or (_is_image(location.name) and not location.is_dir())
    except OSError as error:
        raise InvalidInput(shortened(str(location)), f"cannot be looked at ({error.strerror})", EXPECTED) from error


def _is_image(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def _scheme(uri: str) -> str:
    scheme, separator, _ = uri.partition("://")
    return scheme.lower() if separator else ""
