"""The rules match the same files for the listener and for the sweep."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sightline import storage
from sightline.media import EXTENSIONS
from sightline.names import PatientName
from sightline.sessions.layout import SessionLayout
from sightline.settings import Settings, UploadRule
from sightline.storage import Location, uri_of
from sightline.uploads import Upload, UploadRules
from sightline.vision import SUFFIXES

SOON = datetime.now(UTC) + timedelta(hours=1)


def settings(**fields: Any) -> Settings:
    return Settings(_env_file=None, **fields)


@pytest.fixture
def s3() -> UploadRules:
    return UploadRules.of(settings(video_bucket="s3://videos"))


def test_default_rules_match_the_suffixes_of_the_flows() -> None:
    by_kind = {rule.kind: set(rule.suffixes) for rule in settings().upload_rules}
    assert by_kind == {"video": set(EXTENSIONS), "image": set(SUFFIXES)}


@given(st.sampled_from((*EXTENSIONS, *SUFFIXES)), st.data())
def test_suffix_matches_in_every_mixture_of_cases(suffix: str, data: st.DataObject) -> None:
    spelling = "".join(data.draw(st.sampled_from((letter, letter.upper()))) for letter in suffix)
    upload = UploadRules.of(settings(video_bucket="s3://videos")).upload(f"s3://videos/ana/IMG_1{spelling}", "1")
    assert upload
    assert upload.kind == ("video" if suffix in EXTENSIONS else "image")


@pytest.mark.parametrize(
    ("uri", "kind", "patient"),
    [
        ("s3://videos/ana/visit.mp4", "video", "ana"),
        ("s3://videos/ana/2026/visit.MOV", "video", "ana"),
        ("s3://videos/ana maria ü/visit 1+2.webm", "video", "ana maria ü"),
        ("s3://videos/visit.mp4", "video", None),
        ("s3://videos//visit.mp4", "video", None),
        ("s3://videos/ana/bed.JPEG", "image", "ana"),
    ],
)
def test_matched_file_has_its_kind_and_its_patient(s3: UploadRules, uri: str, kind: str, patient: str | None) -> None:
    assert s3.upload(uri, "1") == Upload("s3://videos", uri, "1", kind, patient)


@pytest.mark.parametrize(
    "uri",
    [
        "s3://videos/ana/notes.txt",
        "s3://videos/ana/mp4",
        "s3://videos/ana/",
        "s3://videos/annotated/ana/visit.mp4",
        "s3://videos/annotated/ana/frames/visit/frame_000_at_pos_0.jpg",
        "s3://videos/.uploads/x.mp4",
        "s3://videos/ana/.trash/visit.mp4",
        "s3://videos/ana/.visit.mp4",
        "s3://videos-of-others/ana/visit.mp4",
        "s3://others/ana/visit.mp4",
        "/videos/ana/visit.mp4",
    ],
)
def test_hidden_files_results_and_other_buckets_do_not_match(s3: UploadRules, uri: str) -> None:
    assert s3.upload(uri, "1") is None


def test_results_of_process_video_do_not_match(bucket: Location) -> None:
    """Otherwise a video would start an endless chain of runs."""
    upload_rules = UploadRules.of(settings(video_bucket=uri_of(bucket)))
    layout = SessionLayout(bucket, bucket, PatientName("ana"), "visit", "0" * 64)
    results = [
        layout.video,
        layout.highlights,
        layout.frames / "frame_000_at_pos_0.jpg",
        layout.staging / "1" / "a.mp4",
    ]
    assert [upload_rules.upload(uri_of(location), "1") for location in results] == [None] * 4


def test_rule_has_its_own_bucket_folder_and_suffixes() -> None:
    rules = (
        UploadRule(kind="video", folder="/incoming/", suffixes=(".mp4",)),
        UploadRule(kind="image", bucket="wards", suffixes=(".PNG",)),
    )
    upload_rules = UploadRules.of(settings(video_bucket="s3://videos", use_s3=True, upload_rules=rules))
    uris = ["s3://videos/incoming/ana/visit.mp4", "s3://wards/ana/bed.png"]
    uploads = [upload_rules.upload(uri, "1") for uri in uris]
    assert [(upload.root, upload.kind, upload.patient) for upload in uploads if upload] == [
        ("s3://videos", "video", "ana"), ("s3://wards", "image", "ana"),
    ]  # fmt: skip
    for other in ("s3://videos/ana/visit.mp4", "s3://videos/incoming2/a/b.mp4", "s3://wards/ana/bed.jpg"):
        assert upload_rules.upload(other, "1") is None


@pytest.mark.parametrize(
    "fields", [{"suffixes": ()}, {"suffixes": ("mp4",)}, {"suffixes": ("*.mp4",)}, {"prefix": "x"}]
)
def test_invalid_rule_is_rejected(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        UploadRule.model_validate({"kind": "video", "suffixes": (".mp4",), **fields})


def test_id_depends_on_uri_and_version_only() -> None:
    one = Upload("s3://b", "s3://b/a.mp4", "1", "video", "ana")
    assert str(one.id) == "a03b596f-fca2-5b8c-aac0-0d0cdddb3bf1"  # stored records and events have this id
    assert one.id == Upload("s3://b", "s3://b/a.mp4", "1", "image", None).id
    assert one.id != Upload("s3://b", "s3://b/a.mp4", "2", "video", "ana").id


@given(st.text(min_size=1, max_size=30), st.text(max_size=10), st.text(min_size=1, max_size=30), st.text(max_size=10))
def test_two_files_or_versions_have_different_ids(uri: str, one: str, other: str, two: str) -> None:
    first, second = Upload("", f"s3://b/{uri}", one, "video", None), Upload("", f"s3://b/{other}", two, "video", None)
    if "\n" not in uri + other:
        assert (first.id == second.id) == ((uri, one) == (other, two))


class TestFinding:
    def test_every_upload_is_found_once_as_in_its_event(self, bucket: Location) -> None:
        for key in ("ana/a.mp4", "ben/2026/b.JPG", "c.mov", "ana/notes.txt", "annotated/ana/a.mp4", ".uploads/x.mp4"):
            storage.write_bytes(bucket / key, key.encode())
        rules = (
            UploadRule(kind="video", suffixes=(".mp4", ".mov")),
            UploadRule(kind="image", suffixes=(".jpg",)),
            UploadRule(kind="video", folder="ana", suffixes=(".mp4",)),
        )
        upload_rules = UploadRules.of(settings(video_bucket=uri_of(bucket), upload_rules=rules))
        uploads = list(upload_rules.find(SOON))
        assert sorted(storage.key_under(storage.locate(upload.uri), bucket) or "" for upload in uploads) == [
            "ana/a.mp4", "ben/2026/b.JPG", "c.mov",
        ]  # fmt: skip
        for upload in uploads:
            assert upload == upload_rules.upload(upload.uri, storage.stored(storage.locate(upload.uri)).version)

    def test_rule_finds_files_of_its_folder_only(self, bucket: Location) -> None:
        for key in ("incoming/ana/a.mp4", "ana/a.mp4"):
            storage.write_bytes(bucket / key, b"x")
        rules = (UploadRule(kind="video", folder="incoming", suffixes=(".mp4",)),)
        upload_rules = UploadRules.of(settings(video_bucket=uri_of(bucket), upload_rules=rules))
        assert [upload.patient for upload in upload_rules.find(SOON)] == ["ana"]

    def test_recently_changed_file_is_not_found(self, bucket: Location) -> None:
        storage.write_bytes(bucket / "ana/a.mp4", b"x")
        upload_rules = UploadRules.of(settings(video_bucket=uri_of(bucket)))
        assert list(upload_rules.find(datetime.now(UTC) - timedelta(minutes=10))) == []

    def test_missing_bucket_has_no_uploads(self, tmp_path: Any) -> None:
        assert list(UploadRules.of(settings(video_bucket=str(tmp_path / "none"))).find(SOON)) == []
