"""One content of one patient is one session, whatever its name; another content is another session."""

from __future__ import annotations

from types import ModuleType

import pytest

from sightline import storage
from sightline.errors import InvalidName, StorageError
from sightline.names import SessionName
from sightline.sessions import Claim, SessionStore


def test_session_has_the_stem_of_the_video(store: SessionStore, storing: ModuleType) -> None:
    sha256 = storing.sha256_of("content")
    assert store.claim("ana", "clip", sha256) == Claim(SessionName.parse("ana/clip"), sha256)


def test_same_content_under_another_name_is_the_same_session(store: SessionStore, storing: ModuleType) -> None:
    sha256 = storing.sha256_of("content")
    first = store.claim("ana", "clip", sha256)
    assert store.claim("ana", "copy of clip", sha256) == first


def test_content_is_found_by_its_hash_without_writing_anything(store: SessionStore, storing: ModuleType) -> None:
    sha256 = storing.sha256_of("content")
    assert store.find("ana", sha256) is None
    assert storage.folder_names(store.video_bucket) == []
    claim = store.claim("ana", "clip", sha256)
    assert store.find("ana", sha256) == claim
    assert store.find("ben", sha256) is None


def test_another_video_of_the_same_name_is_another_session(store: SessionStore, storing: ModuleType) -> None:
    one, other = storing.sha256_of("one"), storing.sha256_of("other")
    assert store.claim("ana", "clip", one).session == "clip"
    assert store.claim("ana", "clip", other).session == f"clip-{other[:8]}"
    assert store.claim("ana", "clip", one).session == "clip"
    assert store.claim("ana", "clip", other).session == f"clip-{other[:8]}"


def test_name_with_a_hash_that_is_in_use_is_not_shared(store: SessionStore, storing: ModuleType) -> None:
    sha256 = storing.sha256_of("content")
    for i, stem in enumerate(("clip", f"clip-{sha256[:8]}")):
        store.claim("ana", stem, storing.sha256_of(f"other {i}"))
    assert store.claim("ana", "clip", sha256).session == f"clip-{sha256}"


def test_video_is_rejected_if_all_its_names_are_in_use(store: SessionStore, storing: ModuleType) -> None:
    sha256 = storing.sha256_of("content")
    for i, stem in enumerate(("clip", f"clip-{sha256[:8]}", f"clip-{sha256}")):
        store.claim("ana", stem, storing.sha256_of(f"other {i}"))
    with pytest.raises(InvalidName, match="Rename"):
        store.claim("ana", "clip", sha256)


def test_same_video_of_two_patients_is_two_sessions(store: SessionStore, storing: ModuleType) -> None:
    sha256 = storing.sha256_of("content")
    assert store.claim("ana", "clip", sha256).patient == "ana"
    assert store.claim("ben", "video", sha256) == Claim(SessionName.parse("ben/video"), sha256)


@pytest.mark.parametrize(
    "key",
    [
        "videos/annotated/ana/clip.mp4",
        "videos/annotated/ana/clip_metadata.json",
        "patients/ana/sadness/.sessions/clip_session.json",
    ],
)
def test_name_with_results_of_an_older_system_is_not_used(store: SessionStore, storing: ModuleType, key: str) -> None:
    root = store.video_bucket.parent
    storage.write_bytes(root / key, b"{}")
    sha256 = storing.sha256_of("content")
    assert store.claim("ana", "clip", sha256).session == f"clip-{sha256[:8]}"
    assert store.claim("ana", "clip", sha256).session == f"clip-{sha256[:8]}"
    assert storage.read_bytes(root / key) == b"{}"


def test_invalid_patient_is_rejected(store: SessionStore, storing: ModuleType) -> None:
    with pytest.raises(InvalidName, match="dot"):
        store.claim("..", "clip", storing.sha256_of("content"))
    assert storage.folder_names(store.video_bucket) == []


@pytest.mark.parametrize("sha256", ["", "abc", "G" * 64, "../" + "0" * 61])
def test_invalid_hash_is_rejected(store: SessionStore, sha256: str) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        store.claim("ana", "clip", sha256)


def test_damaged_claim_raises_with_its_name(store: SessionStore, storing: ModuleType) -> None:
    sha256 = storing.sha256_of("content")
    storage.write_bytes(store.video_bucket / "annotated" / "ana" / ".sessions" / "names" / "clip.json", b"<html>")
    with pytest.raises(StorageError, match=r"clip\.json: is damaged"):
        store.claim("ana", "clip", sha256)
