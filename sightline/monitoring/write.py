"""Capture files, written whole."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from uuid import UUID

from sightline import storage
from sightline.monitoring.layout import capture_key, check_part
from sightline.monitoring.line import CaptureEvent, line_of
from sightline.storage import Location

__all__ = ["write_capture"]


def write_capture(
    root: Location, endpoint: str, variant: str, events: Iterable[CaptureEvent], *, at: datetime, file_id: UUID
) -> Location | None:
    """Write the events as one file of Model Monitor's; where it is, or None where there are no events.

    The same ``at`` and ``file_id`` give the same file, over itself where it exists: work that is done again captures
    nothing twice. Of the events one at a time is held in memory. Raises ``InvalidName`` for an endpoint or a variant
    that cannot be part of a key, and ``ValueError`` for a moment without a zone, two events of one id, or a
    probability that is not a number.
    """
    if at.tzinfo is None:
        raise ValueError("the time of a capture file has no zone")
    target = root / check_part(endpoint, "an endpoint") / check_part(variant, "a variant") / capture_key(at, file_id)
    seen: set[UUID] = set()
    with NamedTemporaryFile(suffix=".jsonl") as file:
        for event in events:
            if event.event_id in seen:
                raise ValueError(f"event {event.event_id}: comes twice")
            seen.add(event.event_id)
            file.writelines(line_of(event))
        if not seen:
            return None
        file.flush()
        storage.write_file(target, Path(file.name))
    return target
