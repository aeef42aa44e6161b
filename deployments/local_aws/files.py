"""Files that appear complete or not at all, and remain when the power fails."""

from __future__ import annotations

import json
import os
import shutil
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

__all__ = ["PART", "dump", "load", "synchronize", "write_file"]

PART = ".part"
"""The suffix of a file that is being written."""


def write_file(path: Path, head: bytes, body: Any = None) -> None:
    """Write the head and the content of a file object, if given. The folder has to be synchronized afterwards."""
    part = path.with_name(path.name + PART)
    try:
        with part.open("wb") as file:
            file.write(head)
            if body is not None:
                shutil.copyfileobj(body, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)  # the disk may be full
        raise


def synchronize(folder: Path) -> None:
    """Wait until the names in the folder are on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def dump(fields: Any) -> bytes:
    """Return the fields as one line of JSON."""
    return json.dumps(fields, default=lambda value: {"base64": b64encode(value).decode()}).encode()


def load(line: bytes) -> Any:
    """Return the fields of :func:`dump`."""
    return json.loads(line, object_hook=lambda value: b64decode(value["base64"]) if [*value] == ["base64"] else value)
