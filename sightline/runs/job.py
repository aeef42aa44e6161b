"""The plan of a chunked run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from sightline import storage
from sightline.runs.finished import FinishedRun
from sightline.runs.run import ChunkedRun
from sightline.runs.skipped import SkippedFile

__all__ = ["Chunk", "Job"]

Item = TypeVar("Item")
Finished = TypeVar("Finished", bound=FinishedRun[Any])


@dataclass(frozen=True)
class Chunk(Generic[Item]):
    """Consecutive items of a run, in order. ``number`` counts the chunks from 0."""

    number: int
    items: tuple[Item, ...]


class Job(BaseModel, ABC, Generic[Finished]):
    """The plan of a chunked run, small enough to be passed from task to task.

    A subclass adds the work on the items: the model and its parameters. ``Finished`` describes the finished run.
    """

    model_config = ConfigDict(frozen=True)

    key: str
    images: int
    """The number of items: images or photos."""
    chunk_size: int
    """Items in a chunk; the last chunk may have fewer."""
    fixed: bool
    """Whether the versions of all images are known, so that the same run started again has the same images."""
    output: str
    """The URI of the folder of the results."""
    skipped: tuple[SkippedFile, ...] = ()
    """The files below the source that are not processed."""

    @property
    @abstractmethod
    def run(self) -> ChunkedRun[Any, Finished]:
        """The progress and the results of the run."""

    @abstractmethod
    def finish(self) -> Finished:
        """Write the results of all chunks."""

    @property
    def chunks(self) -> int:
        """The number of chunks."""
        return -(-self.images // self.chunk_size)

    @property
    def files(self) -> dict[str, str]:
        """The URIs of the result files, by content."""
        run = self.run
        return {content: storage.uri_of(run.output / name) for content, name in run.result_files.items()}

    @property
    def added_files(self) -> dict[str, str | None]:
        """The same of a finished run's files that earlier versions did not write: None for one that it lacks."""
        run = self.run
        stored = set(storage.file_names(run.output))
        return {
            content: storage.uri_of(run.output / name) if name in stored else None
            for content, name in run.added_files.items()
        }

    def remaining(self, images: Sequence[Item]) -> list[Chunk[Item]]:
        """Return the chunks of ``images`` that no earlier attempt of this run completed."""
        done, size = self.run.done(), self.chunk_size
        return [
            Chunk(number, tuple(images[number * size : (number + 1) * size]))
            for number in range(self.chunks)
            if number not in done
        ]
