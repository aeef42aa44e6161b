"""Whether the files of a model have changed since it was loaded or used."""

from __future__ import annotations

from pathlib import Path


def model_stamp(model: str | Path) -> str:
    """Return the sizes and modification times of a model's file or folder; "" if there is none of that name."""
    path = Path(model)
    stats = [file.stat() for file in ([path] if path.is_file() else sorted(path.glob("*")))]
    return "-".join(f"{stat.st_size}-{stat.st_mtime_ns}" for stat in stats)
