"""A fetched video has its patient, its name and the hash of its content, from a folder or from S3."""

from __future__ import annotations

from pathlib import Path

import pytest

from sightline import storage
from sightline.errors import InvalidInput, InvalidMedia, InvalidName
from sightline.names import PatientName
from sightline.sessions import fetch_source
from sightline.storage import Location

SHA256_OF_ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_patient_is_the_folder_of_the_video(bucket: Location, tmp_path: Path) -> None:
    storage.write_bytes(bucket / "José" / "first clip.MP4", b"abc")
    source = fetch_source(bucket / "José" / "first clip.MP4", None, bucket, tmp_path)
    assert source.path.read_bytes() == b"abc"
    assert (source.patient, source.stem, source.sha256) == (PatientName("José"), "first clip", SHA256_OF_ABC)
    assert storage.locate(source.uri) == bucket / "José" / "first clip.MP4"


def test_given_patient_overrides_the_folder(bucket: Location, tmp_path: Path) -> None:
    storage.write_bytes(bucket / "ana" / "clip.mov", b"abc")
    assert fetch_source(bucket / "ana" / "clip.mov", "ben", bucket, tmp_path).patient == PatientName("ben")
    (tmp_path / "clip.mkv").write_bytes(b"abc")
    assert fetch_source(tmp_path / "clip.mkv", "ben", bucket, tmp_path).patient == PatientName("ben")


def test_invalid_patient_is_rejected(bucket: Location, tmp_path: Path) -> None:
    storage.write_bytes(bucket / "ana" / "clip.mov", b"abc")
    for patient in ("../ben", ""):
        with pytest.raises(InvalidName, match="patient"):
            fetch_source(bucket / "ana" / "clip.mov", patient, bucket, tmp_path)


def test_result_of_a_video_is_rejected_even_with_a_patient(bucket: Location, tmp_path: Path) -> None:
    storage.write_bytes(bucket / "annotated" / "ana" / "clip.mp4", b"abc")
    with pytest.raises(InvalidInput, match="annotated/"):
        fetch_source(bucket / "annotated" / "ana" / "clip.mp4", "ana", bucket, tmp_path)


def test_missing_video_raises_with_its_name(bucket: Location, tmp_path: Path) -> None:
    storage.write_bytes(bucket / "ana" / "other.mp4", b"")
    with pytest.raises(InvalidMedia, match=r"ana/clip\.mp4: there is no such file"):
        fetch_source(bucket / "ana" / "clip.mp4", None, bucket, tmp_path)


def test_suffix_of_no_video_is_rejected(bucket: Location, tmp_path: Path) -> None:
    storage.write_bytes(bucket / "ana" / "notes.txt", b"abc")
    with pytest.raises(InvalidMedia, match=r"notes\.txt"):
        fetch_source(bucket / "ana" / "notes.txt", None, bucket, tmp_path)
