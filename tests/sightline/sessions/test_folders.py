"""The videos of a folder, and those that were processed already."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest

from sightline import storage
from sightline.errors import InvalidName
from sightline.sessions import SessionStore, find_videos, finished_videos
from sightline.storage import Location


@pytest.fixture
def videos(store: SessionStore) -> Location:
    for name in ("ana/b.mp4", "ana/a.MOV", "ana/a.srt", "ben/c.mkv", "ben/.hidden/d.mp4", "annotated/ana/a.mp4"):
        storage.write_bytes(store.video_bucket / name, name.encode())
    return store.video_bucket


def names(store: SessionStore, folder: Location, patient: str | None = None) -> list[str]:
    found = find_videos(folder, store.video_bucket, patient)
    return [str(storage.key_under(file.location, store.video_bucket)) for file in found.videos]


def test_videos_at_any_depth_without_results_and_hidden_files(store: SessionStore, videos: Location) -> None:
    assert names(store, videos) == ["ana/a.MOV", "ana/b.mp4", "ben/c.mkv"]
    assert find_videos(videos / "ana", videos, None).others == 1
    assert names(store, videos / "nothing") == []


def test_folder_elsewhere_needs_a_patient(store: SessionStore, tmp_path: Path) -> None:
    elsewhere = tmp_path / "camera"
    elsewhere.mkdir()
    (elsewhere / "a.mp4").write_bytes(b"a")
    with pytest.raises(InvalidName, match="Give --patient"):
        find_videos(elsewhere, store.video_bucket, None)
    assert len(find_videos(elsewhere, store.video_bucket, "ana").videos) == 1


def test_session_of_this_version_of_the_file_is_finished(
    store: SessionStore, storing: ModuleType, tmp_path: Path
) -> None:
    video = store.video_bucket / storing.PATIENT / "clip.mov"
    storage.write_bytes(video, b"content")
    stored = storing.process(store, "content")
    uri, version = storage.uri_of(video), storage.stored(video).version

    def finished() -> list[str]:
        return list(finished_videos(find_videos(store.video_bucket, store.video_bucket, None), store))

    assert finished() == [], "sessions of earlier versions do not state the version of their video"
    record = storage.locate(stored.record)
    content = json.loads(storage.read_bytes(record))
    storage.write_bytes(record, json.dumps({**content, "video_file": uri, "source_version": version}).encode())
    assert finished() == [uri]
    metadata = storage.locate(stored.metadata_file)
    complete = storage.read_bytes(metadata)
    storage.remove(metadata)
    assert finished() == [], "its storing was interrupted"
    storage.write_bytes(metadata, complete)
    storage.write_bytes(video, b"another content")
    assert finished() == []
