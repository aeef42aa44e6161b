"""Reading capture files as one stream of inferences, each event once."""

from __future__ import annotations

import gzip
import heapq
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from pydantic import ValidationError

from sightline import storage
from sightline.errors import StorageError
from sightline.monitoring.capture_files import CaptureFile, check_name, list_capture_files
from sightline.monitoring.capture_lines import CapturedInference, CapturedLine, InvalidCapture
from sightline.storage import Location

__all__ = ["EventIds", "SkippedLines", "read_captures"]

_GZIP = b"\x1f\x8b"
_EXAMPLES = 20
_PENDING = 1 << 16


@dataclass
class SkippedLines:
    """Repeated and misdated events and unreadable lines: all are counted, the first 20 of the latter two are listed.

    ``examples``: ``FILE:LINE: problem``, or ``FILE: problem`` for a file that was not opened.
    """

    duplicates: int = 0
    bad_lines: int = 0
    examples: list[str] = field(default_factory=list)
    misdated: int = 0
    misdated_examples: list[str] = field(default_factory=list)

    def add(self, place: str, problem: str) -> None:
        """Count an unreadable line or file."""
        self.bad_lines += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append(f"{place}: {problem}")

    def add_misdated(self, place: str, time: datetime) -> None:
        """Count an event whose own time contradicts that of its file."""
        self.misdated += 1
        if len(self.misdated_examples) < _EXAMPLES:
            self.misdated_examples.append(f"{place}: {time.isoformat()}")


class EventIds:
    """A growing set of ids, stored as Python's hashes: 8 MB for a million ids, plus at most 7 MB for the latest.

    The hashes have 64 bits and differ in every process, so nobody can construct two ids with the same hash. Two of a
    million ids collide with a probability of 3 in 100 million; the later one is then treated as a duplicate.
    """

    def __init__(self) -> None:
        self._sorted = np.empty(0, np.int64)
        self._pending: set[int] = set()

    def add(self, event_id: str) -> bool:
        """Add the id, and return whether it was new."""
        key = hash(event_id)
        if key in self._pending or self._is_in_sorted(key):
            return False
        self._pending.add(key)
        if len(self._pending) == _PENDING:
            latest = np.fromiter(self._pending, np.int64, _PENDING)
            self._sorted = np.concatenate([self._sorted, latest])
            self._sorted.sort(kind="stable")  # fast on a part that is already sorted
            self._pending.clear()
        return True

    def _is_in_sorted(self, key: int) -> bool:
        if not len(self._sorted):
            return False
        place = self._sorted.searchsorted(np.int64(key))
        return bool(place < len(self._sorted) and self._sorted[place] == key)


def read_captures(
    root: Location,
    *,
    endpoint: str | None = None,
    variant: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    skipped: SkippedLines | None = None,
) -> Iterator[CapturedInference]:
    """Yield every captured inference once, ordered by the times in the files' names, then by line.

    ``endpoint`` and ``variant`` select; by default all are read. ``since`` (inclusive) and ``until`` (exclusive) bound
    the files' times; files outside are not opened. Compressed files are read like the others. Memory holds the file
    names of one day, one line, and eight bytes for every event that was read.

    Unreadable lines are counted in ``skipped``; without it :class:`InvalidCapture` is raised. Raises ``ValueError`` for
    a bound without a time zone.
    """
    if any(bound and bound.tzinfo is None for bound in (since, until)):
        raise ValueError("since and until need a time zone")
    endpoints = [check_name(endpoint, "an endpoint")] if endpoint else storage.folder_names(root)
    variants = [check_name(variant, "a variant")] if variant else None

    def on_invalid(error: InvalidCapture) -> None:
        if skipped is None:
            raise error
        skipped.add(error.subject, error.reason)

    series = [
        list_capture_files(root / endpoint_name / variant_name, since, until, on_invalid)
        for endpoint_name in endpoints
        for variant_name in variants or storage.folder_names(root / endpoint_name)
    ]
    files = heapq.merge(*series, key=lambda file: (file.time, file.location.name, file.endpoint, file.variant))
    return _read_files(files, skipped)


def _read_files(files: Iterator[CaptureFile], skipped: SkippedLines | None) -> Iterator[CapturedInference]:
    event_ids = EventIds()
    with TemporaryDirectory(prefix="sightline-") as folder:
        for file in files:
            yield from _read_file(file, Path(folder), event_ids, skipped)


def _read_file(
    file: CaptureFile, folder: Path, event_ids: EventIds, skipped: SkippedLines | None
) -> Iterator[CapturedInference]:
    source = storage.uri_of(file.location)
    for number, text in _lines(file.location, folder):
        try:
            if isinstance(text, ValueError):
                raise text
            inference = _inference(CapturedLine.model_validate_json(text), file, source, number)
        except ValueError as error:
            if skipped is None:
                raise InvalidCapture(
                    source,
                    f"line {number}: {_problem(error)}",
                    "Restore the file as it was captured, or remove the line",
                ) from error
            skipped.add(f"{source}:{number}", _problem(error))
            continue
        if event_ids.add(inference.event_id):
            yield inference
        elif skipped:
            skipped.duplicates += 1


def _inference(line: CapturedLine, file: CaptureFile, source: str, number: int) -> CapturedInference:
    uri, seconds = line.uri_and_seconds()
    sent = line.capture_data.endpoint_input
    return CapturedInference(
        event_id=line.event_metadata.event_id,
        inference_time=line.event_metadata.inference_time,
        endpoint=file.endpoint,
        variant=file.variant,
        content_type=sent.observed_content_type if sent else "",
        data=line.data(),
        answer=line.answer(),
        source=source,
        line=number,
        uri=uri,
        seconds=seconds,
        file_time=file.time,
        strangeness=line.strangeness(),
    )


def _lines(location: Location, folder: Path) -> Iterator[tuple[int, bytes | ValueError]]:
    """Yield the lines that are not empty, with their numbers.

    If a compressed file is damaged, a ``ValueError`` takes the place of the first line that cannot be read.
    """
    number = 0
    try:
        path = storage.fetch(location, folder)
        with path.open("rb") as file:
            compressed = file.read(len(_GZIP)) == _GZIP
        with gzip.open(path) if compressed else path.open("rb") as lines:
            for number, text in enumerate(lines, 1):
                if text.strip():
                    yield number, text
        if path != location:
            path.unlink()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        yield number + 1, ValueError(f"the compressed file is damaged or truncated: {error}")
    except OSError as error:
        raise StorageError(f"{storage.uri_of(location)}: {error}") from error


def _problem(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else str(first["msg"])
