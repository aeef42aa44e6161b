"""Folders of videos: which of their videos are to be processed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect.logging import get_run_logger

from sightline import sessions, storage
from sightline.errors import InvalidInput
from sightline.media import EXTENSIONS
from sightline.sessions import SessionRecord, SessionStore
from tasks.support.policy import ON_STORAGE, sightline_task

__all__ = ["VideoFolder", "is_folder", "list_videos"]

_OF_ONE_VIDEO = ("transcript", "recorded", "person", "person_at", "patient_voice")


@dataclass(frozen=True)
class VideoFolder:
    """A folder's videos by URI, in the order of their names; None for those that are to be processed.

    The others are the records of finished sessions. ``others`` counts the files that are no videos.
    """

    uri: str
    videos: Mapping[str, SessionRecord | None]
    others: int


def is_folder(video: str) -> bool:
    """Return whether this is a folder, or a prefix on S3: an object of that kind has a video's extension."""
    location = storage.locate(video)
    if isinstance(location, Path):
        return location.is_dir()
    return Path(video.rstrip("/")).suffix.lower() not in EXTENSIONS


@sightline_task(**ON_STORAGE, timeout="flow_timeout_seconds")
def list_videos(folder: str, patient: str | None, store: SessionStore, parameters: Mapping[str, Any]) -> VideoFolder:
    """List the videos in a folder, at any depth, without hidden files and results.

    A video whose session was stored from this version of the file is not read again. ``parameters`` are those of the
    run: options that are about one video, and a folder without a known patient, are refused.
    """
    location = storage.locate(folder)
    uri = storage.uri_of(location)
    if given := [name for name in _OF_ONE_VIDEO if parameters.get(name) is not None]:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        fix = "Give it with a single video; a transcript is found beside its video, as visit.srt beside visit.mp4"
        raise InvalidInput(uri, f"is a folder, and {options} is about one video", fix)
    found = sessions.find_videos(location, store.video_bucket, patient)
    if not found.videos:
        raise InvalidInput(uri, f"has no video ({', '.join(sorted(EXTENSIONS))})", "Check the path")
    finished = {} if parameters.get("replace") else sessions.finished_videos(found, store)
    get_run_logger().info("%s: %d videos, %d of them processed before", uri, len(found.videos), len(finished))
    uris = [storage.uri_of(file.location) for file in found.videos]
    return VideoFolder(uri, {name: finished.get(name) for name in uris}, found.others)
