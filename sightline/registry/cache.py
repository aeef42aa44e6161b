"""Local files of a model, checked against its record."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from sightline import storage
from sightline.errors import StorageError
from sightline.registry.errors import ModelDamaged, damaged
from sightline.registry.record import FileEntry, ModelRecord
from sightline.storage import Location

__all__ = ["ModelFiles", "default_cache", "local_files", "read_checked"]


@dataclass(frozen=True)
class ModelFiles:
    """One version with its files in a local ``folder``; only files that the record names are read."""

    record: ModelRecord
    folder: Path


def default_cache() -> Path:
    """Return the user's cache folder by the XDG convention."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "sightline" / "models"


def local_files(root: Location, record: ModelRecord, cache: Path) -> ModelFiles:
    """Return the version's files: those of a local registry, or copies in ``cache``, fetched if necessary.

    Raises :class:`ModelDamaged` for a file that does not match the record; a damaged copy is first fetched again.
    """
    source = root / record.name / str(record.version)
    if isinstance(source, Path):
        for name, entry in record.files.items():
            if problem := _problem(source / name, entry):
                raise _damaged(source / name, problem, record)
        return ModelFiles(record, source)
    folder = cache / hashlib.sha256(storage.uri_of(root).encode()).hexdigest()[:16] / record.name / str(record.version)
    storage.sweep(folder)
    for name, entry in record.files.items():
        if _problem(folder / name, entry):
            storage.write_bytes(folder / name, read_checked(source / name, record))
    return ModelFiles(record, folder)


def read_checked(source: Location, record: ModelRecord) -> bytes:
    """Return the content of one file of the version. Raises :class:`ModelDamaged` if it does not match the record."""
    try:
        data = storage.read_bytes(source)
    except FileNotFoundError as error:
        raise _damaged(source, "is missing", record) from error
    if problem := _mismatch(hashlib.sha256(data).hexdigest(), len(data), record.files[source.name]):
        raise _damaged(source, problem, record)
    return data


def _problem(path: Path, entry: FileEntry) -> str:
    try:
        return _mismatch(storage.content_hash(path), path.stat().st_size, entry)
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        raise StorageError(f"{path}: {error}") from error


def _mismatch(sha256: str, size: int, entry: FileEntry) -> str:
    if (sha256, size) == (entry.sha256, entry.size):
        return ""
    return f"has the hash {sha256} and {size} bytes, and the record states {entry.sha256} and {entry.size}"


def _damaged(file: Location, problem: str, record: ModelRecord) -> ModelDamaged:
    return damaged(file, f"{problem}; it is not loaded", record.name)
