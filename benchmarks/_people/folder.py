"""The folder of intermediate results, outside the project: cut-outs, clips, and the models' answers."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["cached", "folder", "load", "save", "version"]


def folder() -> Path:
    """Return the folder: ``SIGHTLINE_BENCH_CACHE``, or one of this name in the folder for temporary files."""
    path = Path(os.environ.get("SIGHTLINE_BENCH_CACHE", Path(tempfile.gettempdir()) / "sightline-people"))
    path.mkdir(parents=True, exist_ok=True)
    return path


def cached(name: str, make: Callable[[], dict[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """Return the arrays of a name, made if they are not stored yet."""
    arrays = load(name)
    if arrays is None:
        arrays = make()
        save(name, arrays)
    return arrays


def load(name: str) -> dict[str, NDArray[Any]] | None:
    """Return the stored arrays of a name, None if there are none."""
    file = folder() / f"{name}.npz"
    if not file.exists():
        return None
    with np.load(file) as stored:
        return dict(stored)


def save(name: str, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Store the arrays of a name. A file appears whole or not at all."""
    part = folder() / f".{name}-{os.getpid()}.npz"
    np.savez_compressed(part, **arrays)
    part.rename(folder() / f"{name}.npz")


def version(package: str, *modules: str) -> str:
    """Return a short digest of modules' code, as part of the name of what they make."""
    digest = hashlib.sha256()
    for module in modules:
        digest.update(files(package).joinpath(f"{module}.py").read_bytes())
    return digest.hexdigest()[:8]
