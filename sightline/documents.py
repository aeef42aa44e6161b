"""Small JSON files that are read back as pydantic models, and changed by compare-and-swap."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, overload

from pydantic import BaseModel, ValidationError

from sightline import storage
from sightline.errors import StorageError
from sightline.storage import Location

__all__ = ["DocumentDamaged", "change", "parse", "read", "to_json"]

Model = TypeVar("Model", bound=BaseModel)


class DocumentDamaged(StorageError):
    """A file that does not hold the expected document."""


def to_json(document: BaseModel) -> bytes:
    """Return the document as indented JSON; equal documents give equal bytes."""
    return f"{document.model_dump_json(indent=2)}\n".encode()


def read(location: Location, model: type[Model]) -> Model | None:
    """Return the document at ``location``, or None if there is no file.

    Raise :class:`DocumentDamaged` if the file holds something else.
    """
    return _read(location, model)[1]


def parse(location: Location, content: bytes, model: type[Model]) -> Model:
    """Return the document in ``content``, which was read from ``location``.

    Raise :class:`DocumentDamaged` if it holds something else.
    """
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise DocumentDamaged(
            f"{storage.uri_of(location)}: is damaged, or was not written by sightline: {place}: {first['msg']}"
        ) from error


@overload
def change(location: Location, model: type[Model], update: Callable[[Model | None], Model]) -> Model: ...
@overload
def change(location: Location, model: type[Model], update: Callable[[Model | None], Model | None]) -> Model | None: ...


def change(location: Location, model: type[Model], update: Callable[[Model | None], Model | None]) -> Model | None:
    """Change a document by compare-and-swap, and return the document that is then stored.

    ``update`` gets the stored document, None if there is no file, and returns the new one. It is called again whenever
    another process writes first. One change takes one read and one swap. If ``update`` returns its argument, nothing is
    written; if it returns None, nothing is written and the result is None. Raise :class:`DocumentDamaged` if the file
    holds something else.
    """
    swapped = None
    while True:
        content, stored = _read(location, model)
        if stored is not None and stored == swapped:  # The swap was done, but S3's response to it was lost.
            return stored
        changed = update(stored)
        if changed is None or changed is stored or storage.swap(location, content, to_json(changed)):
            return changed
        swapped = changed


def _read(location: Location, model: type[Model]) -> tuple[bytes | None, Model | None]:
    try:
        content = storage.read_bytes(location)
    except FileNotFoundError:
        return None, None
    return content, parse(location, content, model)
