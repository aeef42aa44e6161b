"""Small JSON files that are read back as models."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from sightline import storage
from sightline.errors import StorageError
from sightline.storage import Location

Model = TypeVar("Model", bound=BaseModel)


def to_json(document: BaseModel) -> bytes:
    """The document as readable JSON, the same bytes for the same content."""
    return f"{document.model_dump_json(indent=2)}\n".encode()


def read(location: Location, model: type[Model]) -> Model | None:
    """The document at ``location``, None where there is none; raises ``StorageError`` where it is something else."""
    try:
        content = storage.read_bytes(location)
    except FileNotFoundError:
        return None
    return parse(location, content, model)


def parse(location: Location, content: bytes, model: type[Model]) -> Model:
    """The document that was read there; raises ``StorageError`` where it is something else."""
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise StorageError(
            f"{storage.uri_of(location)}: is damaged, or was not written by sightline: {where}: {first['msg']}"
        ) from error
