"""``run.json``: the description of a finished run, stored beside its results."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from sightline import storage
from sightline.storage import Location

__all__ = ["FINISHED", "FinishedRun", "read_finished", "read_finished_runs"]

FINISHED = "run.json"

Summary = TypeVar("Summary")
Finished = TypeVar("Finished", bound="FinishedRun[Any]")


class FinishedRun(BaseModel, Generic[Summary]):
    """A finished run: the model, the time and the counts of the results in a folder."""

    model_config = ConfigDict(frozen=True)

    key: str
    model: str
    finished: AwareDatetime
    final: bool
    """Whether the same run, started again, has nothing left to do."""
    summary: Summary
    skipped: dict[str, int] = {}
    """The files below the source that were not processed, by reason."""


def read_finished(folder: Location, finished_type: type[Finished]) -> Finished | None:
    """Return the finished run whose results are in ``folder``, or None if there is none.

    Raises ``ValidationError`` for a damaged file.
    """
    try:
        return finished_type.model_validate_json(storage.read_bytes(folder / FINISHED))
    except FileNotFoundError:
        return None


def read_finished_runs(folder: Location, finished_type: type[Finished]) -> Iterator[tuple[Location, Finished | str]]:
    """Yield the finished runs in the subfolders of ``folder``, each with the location of its file.

    A damaged file yields a description of the problem instead of a run.
    """
    for name in storage.folder_names(folder):
        try:
            run = read_finished(folder / name, finished_type)
        except ValidationError as error:
            problem = f"is not the description of a finished run: {error.errors(include_url=False)[0]['msg']}"
            yield folder / name / FINISHED, problem
            continue
        if run is not None:
            yield folder / name / FINISHED, run
