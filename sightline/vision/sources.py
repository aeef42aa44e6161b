"""The images that a source names: a folder, a prefix, one image, a list, or a payload of the original services."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from sightline import storage
from sightline.errors import InvalidInput, StorageError
from sightline.runs import SkippedFile
from sightline.storage import Location, StoredFile
from sightline.vision.formats import SIGNATURE, SUFFIXES, recognise
from sightline.vision.payloads import EXPECTED, images_of
from sightline.vision.reasons import Reason, Rejected
from sightline.vision.refs import ImageRef, shortened, unreadable

__all__ = ["Listing", "Source", "expand", "list_source"]

Source: TypeAlias = str | Path | Sequence[str | Path] | Mapping[str, Any]

_USUAL = f"Images usually end in {', '.join(SUFFIXES)}"
_ARRAY_SUFFIXES = (".csv", ".tsv", ".npy", ".npz")
_ARRAYS = "Frames of a pressure mat are read by sightline watch-posture, with the mat's range in bed.toml"
_THREADS = 16  # reading the start of an object is mostly waiting


class Listing(NamedTuple):
    """The images of a source, in order, and the files below it that are not among them."""

    images: list[ImageRef]
    skipped: tuple[SkippedFile, ...] = ()


def expand(source: Source) -> list[ImageRef]:
    """Return the images of :func:`list_source`."""
    return list_source(source).images


def list_source(source: Source) -> Listing:
    """Return the images that ``source`` names: those of a folder or a prefix by name, those of a list in its order.

    A folder is searched recursively. A file is an image if its name ends in one of
    :data:`~sightline.vision.formats.SUFFIXES`, in any case, or if it begins like one; hidden files, links to folders
    and all others are skipped. A list may repeat an image. Text that starts with ``{`` or ``[`` is parsed as JSON. A
    missing image is returned like any other and recorded when it is read. Raises :class:`InvalidInput` for an invalid
    source and for a folder without images, and ``StorageError`` for a folder that cannot be listed.
    """
    if isinstance(source, Mapping):
        return Listing(list(images_of(source)))
    if isinstance(source, str) and source.lstrip()[:1] in ("{", "["):
        try:
            parsed = json.loads(source)
        except (ValueError, RecursionError) as error:
            raise InvalidInput(shortened(source), f"is not valid JSON ({error})", EXPECTED) from error
        return list_source(parsed)
    if isinstance(source, str | Path):
        return _one(str(source))
    if isinstance(source, Sequence) and source and all(isinstance(uri, str | Path) for uri in source):
        return Listing([_ref(str(uri)) for uri in source])
    raise InvalidInput(shortened(source), f"a {type(source).__name__} that names no images", EXPECTED)


def _one(uri: str) -> Listing:
    if not uri.strip():
        raise InvalidInput("the source", "is empty", EXPECTED)
    if _scheme(uri) not in ("", "file", "s3"):
        return Listing([_ref(uri)])
    location = storage.locate(uri)
    if _is_one(location):
        return Listing([_ref(uri)])
    listing = _folder(location)
    if not listing.images:
        missing = isinstance(location, Path) and not location.exists()
        counts = Counter(file.reason for file in listing.skipped)
        others = ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items()))
        raise InvalidInput(
            uri,
            "there is no such folder" if missing else f"there is no image in it{f' ({others})' if others else ''}",
            _ARRAYS if any(file.uri.lower().endswith(_ARRAY_SUFFIXES) for file in listing.skipped) else _USUAL,
        )
    return listing


def _folder(folder: Location) -> Listing:
    root = storage.uri_of(folder)
    hidden: Counter[str] = Counter()
    files: list[tuple[str, StoredFile]] = []
    for file in storage.walk(folder):
        name = storage.uri_of(file.location)
        if (place := _hidden(name, root)) is None:
            files.append((name, file))
        else:
            hidden[place] += 1
    skipped = [
        SkippedFile(uri=_text(place), reason=Reason.HIDDEN, detail=f"{count} files" if count > 1 else None)
        for place, count in hidden.items()
    ]
    images: list[ImageRef] = []
    # A file that is named like an image is one of them: its record tells if it is not.
    unclear = (file.location for _, file in files if not _is_image(file.location.name))
    with ThreadPoolExecutor(_THREADS) as pool:
        problems = pool.map(_problem, unclear)
        for name, file in files:
            problem = None if _is_image(file.location.name) else next(problems)
            if problem is None:
                images.append(ImageRef.named(name, version=file.version))
            else:
                skipped.append(SkippedFile(uri=_text(name), reason=problem.reason, detail=problem.detail))
    return Listing(images, (*skipped, *_unlisted(folder, root)))


def _unlisted(folder: Location, root: str) -> Iterator[SkippedFile]:
    for path in storage.unlisted(folder):
        name = storage.uri_of(path)
        if _hidden(name, root) is not None:
            yield SkippedFile(uri=_text(name), reason=Reason.HIDDEN)
        elif path.is_dir():
            detail = "a link to a folder is not followed. Name that folder itself"
            yield SkippedFile(uri=_text(name), reason=Reason.LINKED_FOLDER, detail=detail)
        else:
            detail = "it is a device or a pipe, not a file"
            yield SkippedFile(uri=_text(name), reason=Reason.UNSUPPORTED_URI, detail=detail)


def _hidden(name: str, root: str) -> str | None:
    """Return the hidden file or folder that ``name`` is or is in; None if it is not hidden."""
    within = name[len(root) :]
    place = f"/{within.lstrip('/')}".find("/.")
    if place < 0:
        return None
    start = len(root) + len(within) - len(within.lstrip("/")) + place
    end = name.find("/", start)
    return name if end < 0 else name[:end]


def _problem(location: Location) -> Rejected | None:
    """Return why the file is no image; None if it begins like one."""
    try:
        start = storage.read_start(location, SIGNATURE)
        if not start:
            return Rejected(Reason.EMPTY, "the file has 0 bytes")
        recognise(start)
    except Rejected as rejected:
        return rejected
    except (StorageError, FileNotFoundError):  # The problem is recorded when the image is read.
        return None
    return None


def _text(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode()


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
    try:
        if isinstance(location, Path):
            return location.is_file() or (_is_image(location.name) and not location.is_dir())
        if not location.key or storage.exists(location):
            return bool(location.key)
        return _is_image(location.name) and next(storage.walk(location), None) is None
    except StorageError:
        # It may be listed or read even if its existence cannot be determined.
        return _is_image(location.name)
    except OSError as error:
        raise InvalidInput(shortened(str(location)), f"cannot be read ({error.strerror})", EXPECTED) from error


def _is_image(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def _scheme(uri: str) -> str:
    scheme, separator, _ = uri.partition("://")
    return scheme.lower() if separator else ""
