"""Which files are uploads: the same for who hears of one and for who finds one."""

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
from sightline.uploads import Intakes, Upload
from sightline.vision import SUFFIXES

SOON = datetime.now(UTC) + timedelta(hours=1)


def settings(**fields: Any) -> Settings:
    return Settings(_env_file=None, **fields)


@pytest.fixture
def s3() -> Intakes:
    return Intakes.of(settings(video_bucket="s3://videos"))


def test_by_default_it_is_what_the_flows_take() -> None:
    by_kind = {rule.kind: set(rule.suffixes) for rule in settings().upload_rules}
    assert by_kind == {"video": set(EXTENSIONS), "image": set(SUFFIXES)}


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
def test_a_file_has_its_kind_and_its_patient(s3: Intakes, uri: str, kind: str, patient: str | None) -> None:
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
def test_what_is_hidden_made_here_or_elsewhere_is_no_upload(s3: Intakes, uri: str) -> None:
    assert s3.upload(uri, "1") is None


def test_what_process_video_makes_is_no_upload(bucket: Location) -> None:
    """Else a video would start runs for ever."""
    intakes = Intakes.of(settings(video_bucket=uri_of(bucket)))
    layout = SessionLayout(bucket, bucket, PatientName("ana"), "visit", "0" * 64)
    made = [layout.video, layout.highlights, layout.frames / "frame_000_at_pos_0.jpg", layout.staging / "1" / "a.mp4"]
    assert [intakes.upload(uri_of(location), "1") for location in made] == [None] * 4


def test_rules_name_their_own_bucket_folder_and_endings() -> None:
    rules = (
        UploadRule(kind="video", folder="/incoming/", suffixes=(".mp4",)),
        UploadRule(kind="image", bucket="wards", suffixes=(".PNG",)),
    )
    intakes = Intakes.of(settings(video_bucket="s3://videos", use_s3=True, upload_rules=rules))
    taken = ["s3://videos/incoming/ana/visit.mp4", "s3://wards/ana/bed.png"]
    found = [intakes.upload(uri, "1") for uri in taken]
    assert [(each.root, each.kind, each.patient) for each in found if each] == [
        ("s3://videos", "video", "ana"), ("s3://wards", "image", "ana"),
    ]  # fmt: skip
    for other in ("s3://videos/ana/visit.mp4", "s3://videos/incoming2/a/b.mp4", "s3://wards/ana/bed.jpg"):
        assert intakes.upload(other, "1") is None


@pytest.mark.parametrize(
    "fields", [{"suffixes": ()}, {"suffixes": ("mp4",)}, {"suffixes": ("*.mp4",)}, {"prefix": "x"}]
)
def test_a_rule_that_says_nothing_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        UploadRule.model_validate({"kind": "video", "suffixes": (".mp4",), **fields})


def test_an_upload_is_known_by_its_place_and_version_alone() -> None:
    one = Upload("s3://b", "s3://b/a.mp4", "1", "video", "ana")
    assert str(one.id) == "a03b596f-fca2-5b8c-aac0-0d0cdddb3bf1"  # records and events are found by it for years
    assert one.id == Upload("s3://b", "s3://b/a.mp4", "1", "image", None).id
    assert one.id != Upload("s3://b", "s3://b/a.mp4", "2", "video", "ana").id


@given(st.text(min_size=1, max_size=30), st.text(max_size=10), st.text(min_size=1, max_size=30), st.text(max_size=10))
def test_two_files_or_versions_have_one_id_only_where_they_are_one(uri: str, one: str, other: str, two: str) -> None:
    first, second = Upload("", f"s3://b/{uri}", one, "video", None), Upload("", f"s3://b/{other}", two, "video", None)
    if "\n" not in uri + other:
        assert (first.id == second.id) == ((uri, one) == (other, two))


class TestFinding:
    def test_every_upload_is_found_once_as_its_event_tells_of_it(self, bucket: Location) -> None:
        for key in ("ana/a.mp4", "ben/2026/b.JPG", "c.mov", "ana/notes.txt", "annotated/ana/a.mp4", ".uploads/x.mp4"):
            storage.write_bytes(bucket / key, key.encode())
        rules = (
            UploadRule(kind="video", suffixes=(".mp4", ".mov")),
            UploadRule(kind="image", suffixes=(".jpg",)),
            UploadRule(kind="video", folder="ana", suffixes=(".mp4",)),
        )
        intakes = Intakes.of(settings(video_bucket=uri_of(bucket), upload_rules=rules))
        found = list(intakes.find(SOON))
        assert sorted(storage.key_under(storage.locate(each.uri), bucket) or "" for each in found) == [
            "ana/a.mp4", "ben/2026/b.JPG", "c.mov",
        ]  # fmt: skip
        for each in found:
            assert each == intakes.upload(each.uri, storage.stored(storage.locate(each.uri)).version)

    def test_a_rule_looks_into_its_own_folder_only(self, bucket: Location) -> None:
        for key in ("incoming/ana/a.mp4", "ana/a.mp4"):
            storage.write_bytes(bucket / key, b"x")
        rules = (UploadRule(kind="video", folder="incoming", suffixes=(".mp4",)),)
        intakes = Intakes.of(settings(video_bucket=uri_of(bucket), upload_rules=rules))
        assert [each.patient for each in intakes.find(SOON)] == ["ana"]

    def test_a_file_that_has_just_come_is_left_to_its_event(self, bucket: Location) -> None:
        storage.write_bytes(bucket / "ana/a.mp4", b"x")
        intakes = Intakes.of(settings(video_bucket=uri_of(bucket)))
        assert list(intakes.find(datetime.now(UTC) - timedelta(minutes=10))) == []

    def test_a_bucket_that_is_not_there_yet_is_empty(self, tmp_path: Any) -> None:
        assert list(Intakes.of(settings(video_bucket=str(tmp_path / "none"))).find(SOON)) == []
