"""Files below a source that a run does not process, with the reason of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict

__all__ = ["SKIPPED", "SkippedFile", "write_skipped"]

SKIPPED = "skipped.jsonl"


class SkippedFile(BaseModel):
    """A file that was named, by its folder, and is not processed; or a folder of such files."""

    model_config = ConfigDict(frozen=True)

    uri: str
    reason: str
    detail: str | None = None


def write_skipped(skipped: Iterable[SkippedFile], folder: Path) -> dict[str, int]:
    """Write :data:`SKIPPED` into ``folder``, and return the number of the files by reason."""
    counts: Counter[str] = Counter()
    with (folder / SKIPPED).open("w", encoding="utf-8") as file:
        for item in skipped:
            file.write(item.model_dump_json() + "\n")
            counts[item.reason] += 1
    return dict(sorted(counts.items()))
