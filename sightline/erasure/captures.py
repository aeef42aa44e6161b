"""Captured inferences of a patient's images: lines of files that hold those of others too."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator

from sightline import storage, versions
from sightline.erasure.scope import Scope
from sightline.erasure.traces import Traces
from sightline.storage import Location
from sightline.versions import Removal, Version

__all__ = ["erase_captures"]

_PACKED = ".gz"
_SUFFIXES = (".jsonl", f".jsonl{_PACKED}")


def erase_captures(scope: Scope, dry: bool) -> Iterator[tuple[Location, Removal]]:
    """Remove the patient's lines; a file that has no other line is removed.

    An earlier version of a file cannot be rewritten, and is removed with all of its lines.
    """
    place, total = scope.config.captures, Removal()
    for version in versions.versions(place):
        if version.is_marker or not version.location.name.endswith(_SUFFIXES):
            continue
        try:
            stored = versions.read(version)
        except FileNotFoundError:  # it was removed in the meantime
            continue
        content = gzip.decompress(stored) if version.location.name.endswith(_PACKED) else stored
        lines = content.splitlines(keepends=True)
        others = [line for line in lines if not _is_theirs(line, scope.traces)]
        if len(others) == len(lines):
            continue
        total += Removal(1, len(stored)) if dry else _remove(version, others)
    yield place, total


def _is_theirs(line: bytes, traces: Traces) -> bool:
    # The image in the line is base64, which has slashes and letters: only the attributes are searched.
    _, separator, metadata = line.rpartition(b'"eventMetadata"')
    if not separator:
        return False
    text = metadata.decode("utf-8", "replace")
    try:
        attributes = json.loads(line)["eventMetadata"].get("customAttributes", [])
    except (ValueError, KeyError, AttributeError):
        return traces.holds(text)
    return any(traces.holds(str(attribute)) for attribute in attributes)


def _remove(version: Version, others: list[bytes]) -> Removal:
    if not others or not version.is_current:
        return versions.erase([version])
    content = b"".join(others)
    storage.write_bytes(
        version.location, gzip.compress(content) if version.location.name.endswith(_PACKED) else content
    )
    if version.id in (None, "null"):  # it was overwritten
        return Removal(1, version.size)
    return versions.erase([version])
