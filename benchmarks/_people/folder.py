"""The folder of intermediate results, outside the project: cut-outs, detections and tracks."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["cached", "folder", "version"]


def folder() -> Path:
    """Return the folder: ``SIGHTLINE_BENCH_CACHE``, or one of this name in the folder for temporary files."""
    path = Path(os.environ.get("SIGHTLINE_BENCH_CACHE", Path(tempfile.gettempdir()) / "sightline-people"))
    path.mkdir(parents=True, exist_ok=True)
    return path


def cached(name: str, make: Callable[[], dict[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """Return the arrays of a name, made if they are not stored yet. A file appears whole or not at all."""
    file = folder() / f"{name}.npz"
    if not file.exists():
        arrays = make()
        part = file.with_name(f".{name}-{os.getpid()}.npz")
        np.savez_compressed(part, **arrays)
        part.rename(file)
    with np.load(file) as stored:
        return dict(stored)


def version(package: str, *modules: str) -> str:
    """Return a short digest of modules' code, as part of the name of what they make."""
    digest = hashlib.sha256()
    for module in modules:
        digest.update(files(package).joinpath(f"{module}.py").read_bytes())
    return digest.hexdigest()[:8]
