"""Small JSON files that are read back as pydantic models, and changed by compare-and-swap."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

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
    try:
        content = storage.read_bytes(location)
    except FileNotFoundError:
        return None
    return parse(location, content, model)


def parse(location: Location, content: bytes, model: type[Model]) -> Model:
    """Return the document in ``content``, which was read from ``location``.

    Raise :class:`DocumentDamaged` if it holds something else.
    """
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise DocumentDamaged(
            f"{storage.uri_of(location)}: is damaged, or was not written by sightline: {where}: {first['msg']}"
        ) from error


def change(location: Location, model: type[Model], update: Callable[[Model | None], Model | None]) -> Model | None:
    """Change a document by compare-and-swap and return the new one, or None if ``update`` returned None.

    ``update`` gets the stored document, None if there is no file. It is called again whenever another process writes
    first. One change takes one read and one swap; an update that changes nothing takes no swap. An S3 response that is
    lost after the write is no failure: the next read returns what ``update`` asks for. Raise :class:`DocumentDamaged`
    if the stored file is invalid.
    """
    while True:
        try:
            content = storage.read_bytes(location)
        except FileNotFoundError:
            content, stored = None, None
        else:
            stored = parse(location, content, model)
        changed = update(stored)
        if changed is None or changed == stored or storage.swap(location, content, to_json(changed)):
            return changed
