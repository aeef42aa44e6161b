"""The patient of a video is the first part of its key, and a result is never processed again."""

from __future__ import annotations

from pathlib import Path

import pytest

from sightline.errors import InvalidInput, InvalidName
from sightline.names import PatientName
from sightline.sessions import check_source, patient_of
from sightline.storage import Location


@pytest.mark.parametrize("key", ["ana/clip.mp4", "ana/2026/may/clip.mp4"])
def test_patient_is_the_first_part_of_the_key(bucket: Location, key: str) -> None:
    assert patient_of(bucket / key, bucket) == PatientName("ana")


def test_video_at_the_root_of_the_bucket_has_no_patient(bucket: Location) -> None:
    with pytest.raises(InvalidName, match="--patient"):
        patient_of(bucket / "clip.mp4", bucket)


def test_video_outside_the_bucket_has_no_patient(bucket: Location, tmp_path: Path) -> None:
    for elsewhere in (tmp_path / "ana" / "clip.mp4", bucket / ".." / "ana" / "clip.mp4"):
        if isinstance(elsewhere, Path):
            with pytest.raises(InvalidName, match="--patient"):
                patient_of(elsewhere, bucket)


@pytest.mark.parametrize("key", ["annotated/ana/clip.mp4", "annotated/clip.mp4"])
def test_result_of_a_video_is_rejected_as_input(bucket: Location, key: str) -> None:
    for check in (check_source, patient_of):
        with pytest.raises(InvalidInput, match="annotated/"):
            check(bucket / key, bucket)


def test_video_from_any_other_place_is_an_input(bucket: Location, tmp_path: Path) -> None:
    check_source(tmp_path / "annotated" / "clip.mp4", bucket)
    check_source(bucket / "ana" / "annotated" / "clip.mp4", bucket)
