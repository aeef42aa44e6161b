"""The images that a source names: a folder, a prefix, one image, a list, or a payload of the original services."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from sightline import storage
from sightline.errors import InvalidInput, StorageError
from sightline.storage import Location
from sightline.vision.formats import SUFFIXES
from sightline.vision.payloads import EXPECTED, images_of
from sightline.vision.reasons import Reason
from sightline.vision.refs import ImageRef, shortened, unreadable

__all__ = ["Source", "expand"]

Source: TypeAlias = str | Path | Sequence[str | Path] | Mapping[str, Any]


def expand(source: Source) -> list[ImageRef]:
    """Return the images that ``source`` names: those of a folder or a prefix by name, those of a list in its order.

    A folder is searched recursively for files that end in :data:`SUFFIXES`, in any case, and are not hidden. A list may
    repeat an image. Text that starts with ``{`` or ``[`` is parsed as JSON. A missing image is returned like any other
    and recorded when it is read. Raises :class:`InvalidInput` for an invalid source and for a folder without images,
    and ``StorageError`` for a folder that cannot be listed.
    """
    if isinstance(source, Mapping):
        return list(images_of(source))
    if isinstance(source, str) and source.lstrip()[:1] in ("{", "["):
        try:
            parsed = json.loads(source)
        except (ValueError, RecursionError) as error:
            raise InvalidInput(shortened(source), f"is not valid JSON ({error})", EXPECTED) from error
        return expand(parsed)
    if isinstance(source, str | Path):
        return _one(str(source))
    if isinstance(source, Sequence) and source and all(isinstance(uri, str | Path) for uri in source):
        return [_ref(str(uri)) for uri in source]
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
    images = []
    for file in storage.walk(location):
        name = storage.uri_of(file.location)
        if _is_image(name) and "/." not in f"/{name[len(root) :].lstrip('/')}":
            images.append(ImageRef.named(name, version=file.version))
    if not images:
        missing = isinstance(location, Path) and not location.exists()
        reason = "there is no such folder" if missing else "there is no image in it"
        raise InvalidInput(uri, reason, f"Images end in {', '.join(SUFFIXES)}")
    return images


def _ref(uri: str) -> ImageRef:
    """Return the image at ``uri``; the version of a local file is read now."""
    if _scheme(uri) not in ("", "file"):
        return ImageRef.named(uri)
    try:
        path = storage.locate(uri)
        version = storage.version_of(path.stat())
    except OSError:  # The problem is recorded when the image is read.
        version = None
    except (StorageError, ValueError, RuntimeError) as error:  # A name that no file can have, or ~NOBODY.
        return unreadable(ImageRef.named(uri).uri, Reason.UNSUPPORTED_URI, str(error))
    return ImageRef.named(storage.uri_of(path), version=version)


def _is_one(location: Location) -> bool:
    """Return whether the location is one image, not a folder or a prefix."""
    if not isinstance(location, Path):
        return _is_image(location.name)
    try:
        return location.is_file() or (_is_image(location.name) and not location.is_dir())
    except OSError as error:
        raise InvalidInput(shortened(str(location)), f"cannot be read ({error.strerror})", EXPECTED) from error


def _is_image(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def _scheme(uri: str) -> str:
    scheme, separator, _ = uri.partition("://")
    return scheme.lower() if separator else ""
