"""Files outside of the buckets that a patient's sessions were made of."""

from __future__ import annotations

import json
from collections.abc import Iterator

from sightline import storage
from sightline.erasure.report import Kept
from sightline.erasure.scope import Scope
from sightline.errors import StorageError

__all__ = ["session_sources"]

_OPTIONS = ("transcript", "reference")


def session_sources(scope: Scope) -> Iterator[Kept]:
    """Yield the videos, transcripts and photos of sessions that are not in the patient's folders."""
    for uri in dict.fromkeys(_named(scope)):
        if scope.traces.holds(uri) or not _may_exist(uri):
            continue
        yield Kept(
            what=uri, why="a session was made of it, and it is not in the patient's folders", fix="Remove it yourself"
        )


def _named(scope: Scope) -> Iterator[str]:
    for folder in scope.results:
        for name in storage.file_names(folder):
            if not name.endswith("_metadata.json"):
                continue
            try:
                metadata = json.loads(storage.read_bytes(folder / name))
            except ValueError:  # it is damaged, and erased all the same
                continue
            parameters = metadata.get("parameters") or {}
            named = [metadata.get("video_path"), *(parameters.get(option) for option in _OPTIONS)]
            yield from (uri for uri in named if isinstance(uri, str))


def _may_exist(uri: str) -> bool:
    try:
        return storage.exists(storage.locate(uri))
    except StorageError:
        return True
