"""Writing of the demo's input files."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["encode_jpeg", "write_folder"]


def encode_jpeg(pixels: Any, quality: int) -> bytes:
    """Return uint8 RGB ``pixels`` of shape (height, width, 3) as a JPEG file."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return file.getvalue()


def write_folder(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write the files by name into the new ``folder``, which appears only once it is complete."""
    part = folder.with_name(f"{folder.name}.part")
    part.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (part / name).write_bytes(data)
    return part.rename(folder)
