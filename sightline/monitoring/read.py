"""Capture files, read as one series of inferences."""

from __future__ import annotations

import gzip
import heapq
import zlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import ValidationError

from sightline import storage
from sightline.errors import StorageError
from sightline.monitoring.layout import CaptureFile, capture_files, check_part
from sightline.monitoring.left_out import LeftOut
from sightline.monitoring.line import CapturedInference, CapturedLine
from sightline.monitoring.reject import InvalidCapture
from sightline.monitoring.seen import SeenIds
from sightline.storage import Location

__all__ = ["read_captures"]

_GZIP = b"\x1f\x8b"


def read_captures(
    root: Location,
    *,
    endpoint: str | None = None,
    variant: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    left_out: LeftOut | None = None,
) -> Iterator[CapturedInference]:
    """Every captured inference once, in the order of the times that the files' names say, then of their lines.

    Of an endpoint and a variant, by default of all. ``since`` and ``until`` bound the files' times, the former
    included, the latter not; files outside of them are not opened. Compressed files are read as the others are. In
    memory are one day's file names, one line, and eight bytes for each event before it.

    What cannot be read is counted in ``left_out``; without one :class:`InvalidCapture` is raised for it. Raises
    ``ValueError`` for a bound without a zone.
    """
    if any(bound and bound.tzinfo is None for bound in (since, until)):
        raise ValueError("a bound without a zone is not a moment")
    endpoints = [check_part(endpoint, "an endpoint")] if endpoint else storage.folder_names(root)
    asked = [check_part(variant, "a variant")] if variant else None

    def refuse(file: InvalidCapture) -> None:
        if left_out is None:
            raise file
        left_out.refuse(file.subject, file.reason)

    series = [
        capture_files(root / name / each, since, until, refuse)
        for name in endpoints
        for each in asked or storage.folder_names(root / name)
    ]
    files = heapq.merge(*series, key=lambda file: (file.time, file.location.name, file.endpoint, file.variant))
    return _inferences(files, left_out)


def _inferences(files: Iterator[CaptureFile], left_out: LeftOut | None) -> Iterator[CapturedInference]:
    seen = SeenIds()
    with TemporaryDirectory(prefix="sightline-") as folder:
        for file in files:
            yield from _of_file(file, Path(folder), seen, left_out)


def _of_file(file: CaptureFile, folder: Path, seen: SeenIds, left_out: LeftOut | None) -> Iterator[CapturedInference]:
    source = storage.uri_of(file.location)
    for number, text in _lines(file.location, folder):
        try:
            if isinstance(text, ValueError):
                raise text
            inference = _inference(CapturedLine.model_validate_json(text), file, source, number)
        except ValueError as error:
            if left_out is None:
                raise InvalidCapture(
                    source,
                    f"line {number}: {_told(error)}",
                    "Put back the file as it was captured, or take the line out",
                ) from error
            left_out.refuse(f"{source}:{number}", _told(error))
            continue
        if seen.add(inference.event_id):
            yield inference
        elif left_out:
            left_out.duplicates += 1


def _inference(line: CapturedLine, file: CaptureFile, source: str, number: int) -> CapturedInference:
    uri, seconds = line.told()
    return CapturedInference(
        event_id=line.event_metadata.event_id,
        inference_time=line.event_metadata.inference_time,
        endpoint=file.endpoint,
        variant=file.variant,
        content_type=line.capture_data.endpoint_input.observed_content_type,
        data=line.data(),
        probabilities=line.probabilities(),
        source=source,
        line=number,
        uri=uri,
        seconds=seconds,
    )


def _lines(location: Location, folder: Path) -> Iterator[tuple[int, bytes | ValueError]]:
    """The lines that are not empty, with their numbers; where the file cannot be read on, why, in place of a line."""
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
        yield number + 1, ValueError(f"the compressed file is damaged or breaks off: {error}")
    except OSError as error:
        raise StorageError(f"{storage.uri_of(location)}: {error}") from error


def _told(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else str(first["msg"])
