"""One content of one patient is one session, whatever it is called; another content never is the same session."""

from __future__ import annotations

from types import ModuleType

import pytest

from sightline import storage
from sightline.errors import InvalidName, StorageError
from sightline.names import SessionName
from sightline.sessions import Claim, SessionStore


def test_a_session_is_called_after_the_video(store: SessionStore, storing: ModuleType) -> None:
    sha256 = storing.sha256_of("content")
    assert store.claim("ana", "clip", sha256) == Claim(SessionName.parse("ana/clip"), sha256)


def test_the_same_content_under_another_name_is_the_same_session(store: SessionStore, storing: ModuleType) -> None:
    sha256 = storing.sha256_of("content")
    first = store.claim("ana", "clip", sha256)
    assert store.claim("ana", "copy of clip", sha256) == first


def test_a_content_is_found_by_its_hash_and_looking_for_a_new_one_writes_nothing(
    store: SessionStore, storing: ModuleType
) -> None:
    sha256 = storing.sha256_of("content")
    assert store.find("ana", sha256) is None
    assert storage.folder_names(store.video_bucket) == []
    claim = store.claim("ana", "clip", sha256)
    assert store.find("ana", sha256) == claim
    assert store.find("ben", sha256) is None


def test_another_video_of_the_same_name_gets_its_own_session(store: SessionStore, storing: ModuleType) -> None:
    one, other = storing.sha256_of("one"), storing.sha256_of("other")
    assert store.claim("ana", "clip", one).session == "clip"
    assert store.claim("ana", "clip", other).session == f"clip-{other[:8]}"
    assert store.claim("ana", "clip", one).session == "clip"
    assert store.claim("ana", "clip", other).session == f"clip-{other[:8]}"


def test_a_video_called_as_another_s_session_would_be_does_not_become_it(
    store: SessionStore, storing: ModuleType
) -> None:
    sha256 = storing.sha256_of("content")
    for i, stem in enumerate(("clip", f"clip-{sha256[:8]}")):
        store.claim("ana", stem, storing.sha256_of(f"other {i}"))
    assert store.claim("ana", "clip", sha256).session == f"clip-{sha256}"


def test_where_all_its_names_are_taken_a_video_is_refused(store: SessionStore, storing: ModuleType) -> None:
    sha256 = storing.sha256_of("content")
    for i, stem in enumerate(("clip", f"clip-{sha256[:8]}", f"clip-{sha256}")):
        store.claim("ana", stem, storing.sha256_of(f"other {i}"))
    with pytest.raises(InvalidName, match="Rename"):
        store.claim("ana", "clip", sha256)


def test_two_patients_with_the_same_video_have_a_session_each(store: SessionStore, storing: ModuleType) -> None:
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
def test_a_name_under_which_an_older_system_has_results_is_not_taken(
    store: SessionStore, storing: ModuleType, key: str
) -> None:
    root = store.video_bucket.parent
    storage.write_bytes(root / key, b"{}")
    sha256 = storing.sha256_of("content")
    assert store.claim("ana", "clip", sha256).session == f"clip-{sha256[:8]}"
    assert store.claim("ana", "clip", sha256).session == f"clip-{sha256[:8]}"
    assert storage.read_bytes(root / key) == b"{}"


def test_a_patient_s_name_is_checked(store: SessionStore, storing: ModuleType) -> None:
    with pytest.raises(InvalidName, match="dot"):
        store.claim("..", "clip", storing.sha256_of("content"))
    assert storage.folder_names(store.video_bucket) == []


@pytest.mark.parametrize("sha256", ["", "abc", "G" * 64, "../" + "0" * 61])
def test_what_is_no_hash_is_no_content(store: SessionStore, sha256: str) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        store.claim("ana", "clip", sha256)


def test_a_claim_that_holds_something_else_is_an_error_that_names_it(store: SessionStore, storing: ModuleType) -> None:
    sha256 = storing.sha256_of("content")
    storage.write_bytes(store.video_bucket / "annotated" / "ana" / ".sessions" / "names" / "clip.json", b"<html>")
    with pytest.raises(StorageError, match=r"clip\.json: is damaged"):
        store.claim("ana", "clip", sha256)
