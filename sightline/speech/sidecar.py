"""The transcript file beside a video: ``visit.srt`` beside ``visit.mp4``."""

from __future__ import annotations

from sightline import storage
from sightline.storage import Location

__all__ = ["SIDECARS", "find_sidecars"]

SIDECARS = (".json", ".vtt", ".srt", ".ttml", ".dfxp", ".ass", ".ssa")
"""The suffixes of transcript files, those with the most information first: Whisper's JSON has words and languages."""


def find_sidecars(video: Location) -> list[Location]:
    """Return the transcript files beside a video, which have its name with another suffix; the best one is first."""
    names = [f"{video.stem}{spelled}" for suffix in SIDECARS for spelled in (suffix, suffix.upper())]
    # Not a listing: a prefix on S3 can have very many files.
    found = [video.parent / name for name in names if storage.exists(video.parent / name)]
    distinct: list[Location] = []
    for location in found:  # A file system that ignores case finds each twice.
        if all(location.name.lower() != other.name.lower() for other in distinct):
            distinct.append(location)
    return distinct
