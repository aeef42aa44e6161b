"""Capture files, read as one series of inferences."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import ValidationError

from sightline import storage
from sightline.errors import StorageError
from sightline.monitoring.layout import CaptureFile, capture_files, check_part
from sightline.monitoring.line import CapturedInference, CapturedLine
from sightline.monitoring.reject import InvalidCapture
from sightline.storage import Location

__all__ = ["read_captures"]


def read_captures(
    root: Location,
    *,
    endpoint: str | None = None,
    variant: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Iterator[CapturedInference]:
    """Every captured inference once, in the order of the times that the files' names say, then of their lines.

    Of an endpoint and a variant, by default of all. ``since`` and ``until`` bound the files' times, the former
    included, the latter not; files outside of them are not opened. In memory are one line and the ids of those before.
    Raises :class:`InvalidCapture` for a line that is damaged, and ``ValueError`` for a bound without a zone.
    """
    if any(bound and bound.tzinfo is None for bound in (since, until)):
        raise ValueError("a bound without a zone is not a moment")
    endpoints = [check_part(endpoint, "an endpoint")] if endpoint else storage.folder_names(root)
    asked = [check_part(variant, "a variant")] if variant else None
    series = [
        capture_files(root / name / each, since, until)
        for name in endpoints
        for each in asked or storage.folder_names(root / name)
    ]
    return _inferences(
        heapq.merge(*series, key=lambda file: (file.time, file.location.name, file.endpoint, file.variant))
    )


def _inferences(files: Iterator[CaptureFile]) -> Iterator[CapturedInference]:
    seen: set[str] = set()
    for file in files:
        source = storage.uri_of(file.location)
        for number, text in enumerate(_lines(file.location), 1):
            if not text.strip():
                continue
            try:
                line = CapturedLine.model_validate_json(text)
                if line.event_metadata.event_id in seen:
                    continue
                inference = CapturedInference(
                    event_id=line.event_metadata.event_id,
                    inference_time=line.event_metadata.inference_time,
                    endpoint=file.endpoint,
                    variant=file.variant,
                    content_type=line.capture_data.endpoint_input.observed_content_type,
                    data=line.data(),
                    probabilities=line.probabilities(),
                    source=source,
                )
            except ValueError as error:
                raise InvalidCapture(
                    source,
                    f"line {number}: {_told(error)}",
                    "Put back the file as it was captured, or take the line out",
                ) from error
            seen.add(inference.event_id)
            yield inference


def _lines(location: Location) -> Iterator[bytes]:
    with TemporaryDirectory() as folder:
        try:
            with storage.fetch(location, Path(folder)).open("rb") as file:
                yield from file
        except OSError as error:
            raise StorageError(f"{storage.uri_of(location)}: {error}") from error


def _told(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else str(first["msg"])
