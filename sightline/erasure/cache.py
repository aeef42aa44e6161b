"""Cached transcripts and stored results of flows and tasks, which Prefect keeps in a folder or a bucket."""

from __future__ import annotations

from collections.abc import Collection

from sightline import versions
from sightline.erasure.traces import Traces
from sightline.storage import Location
from sightline.versions import Removal

__all__ = ["erase_cache"]


def erase_cache(folder: Location, traces: Traces, keys: Collection[str] = (), *, dry: bool = False) -> Removal:
    """Remove the results that are, or that name, the patient's; a cached transcript is named by its video's hash.

    Args:
        folder: Where the results are.
        traces: The patient.
        keys: Further names of files that are the patient's.
        dry: Only count them.
    """
    total = Removal()
    for version in versions.versions(folder):
        if version.is_marker:
            continue
        name = version.location.name
        if name in keys or traces.owns(name) or traces.owns(versions.read_text(version)):
            total += Removal(1, version.size) if dry else versions.erase([version])
    return total
