"""A stage of a graph: its work and inputs, its record, and its state."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict

from sightline.progress import Progress
from sightline.registry import FileEntry

__all__ = ["Stage", "StageRecord", "StageRun", "StageState", "Work"]

Work = Callable[[Mapping[str, Path], Path, Progress], None]
"""Writes the files of a stage. Takes the folders of its input stages by name, an empty folder, and the progress."""


@dataclass(frozen=True)
class Stage:
    """One step of a graph.

    ``inputs``: the stages and data sets that it depends on. ``code``: the modules whose source is part of the key.
    ``libraries``: the distributions whose version is part of the key. ``parameters`` are JSON values.
    """

    name: str
    work: Work
    inputs: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    code: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()


class StageRecord(BaseModel):
    """``stage.json``: the inputs, parameters and code of a stage, and its files, which are in ``folder`` next to it.

    ``inputs``: a hash of the contents of every input. ``code``: the hash of every module's source, and the versions of
    the libraries.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    stage: str
    key: str
    inputs: dict[str, str]
    parameters: dict[str, Any]
    code: dict[str, str]
    folder: str
    files: dict[str, FileEntry]
    finished: AwareDatetime
    seconds: float

    @property
    def contents(self) -> str:
        """A hash of the names and contents of the files."""
        lines = (f"{entry.sha256} {name}\n" for name, entry in sorted(self.files.items()))
        return hashlib.sha256("".join(lines).encode()).hexdigest()


class StageState(BaseModel):
    """Whether the files of a stage exist and are up to date; ``why`` is the reason for people.

    ``key`` is None if the contents of the inputs are unknown.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    fresh: bool
    why: str
    key: str | None
    inputs: tuple[str, ...]


class StageRun(BaseModel):
    """A finished stage. ``ran``: whether this call ran it; ``why``: the reason."""

    model_config = ConfigDict(frozen=True)

    ran: bool
    why: str
    record: StageRecord
