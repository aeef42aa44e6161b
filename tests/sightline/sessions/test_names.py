"""A name that could break a key, climb out of a folder or hide is refused, with the mend."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.errors import InvalidInput, InvalidName
from sightline.sessions import check_patient, check_source, patient_of
from sightline.sessions.names import session_stem
from sightline.storage import Location


@pytest.mark.parametrize("name", ["ana", "José Ñ", "patient-007", "王小明", "a.b", "x" * 100, "Model", "annotated-2"])
def test_a_name_in_any_script_is_a_patient(name: str) -> None:
    assert check_patient(name) == name


def test_one_name_in_two_forms_of_unicode_is_one_patient() -> None:
    decomposed = unicodedata.normalize("NFD", "José")
    assert decomposed != "José"
    assert check_patient(decomposed) == "José"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "empty"),
        (".", "dot"),
        ("..", "dot"),
        (".hidden", "dot"),
        ("a/b", "slash"),
        ("a\\b", "slash"),
        ("a\nb", "control"),
        ("a\x00", "control"),
        ("a\u2028b", "line end"),
        ("\ud800", "control"),
        (" ana", "space"),
        ("ana ", "space"),
        ("annotated", "results"),
        ("Annotated", "results"),
        ("models", "results"),
        ("x" * 101, "longer"),
        ("王" * 100, "longer"),
    ],
)
def test_a_name_that_cannot_be_part_of_a_key_is_refused(name: str, reason: str) -> None:
    with pytest.raises(InvalidName, match=reason) as caught:
        check_patient(name)
    assert "--patient" in caught.value.mend
    str(caught.value).encode()  # it can be printed, whatever the name


@pytest.mark.parametrize("key", ["ana/clip.mp4", "ana/2026/may/clip.mp4"])
def test_the_patient_is_the_first_part_of_the_key(bucket: Location, key: str) -> None:
    assert patient_of(bucket / key, bucket) == "ana"


def test_a_video_at_the_root_of_the_bucket_has_no_patient(bucket: Location) -> None:
    with pytest.raises(InvalidName, match="--patient"):
        patient_of(bucket / "clip.mp4", bucket)


def test_a_video_outside_the_bucket_has_no_patient(bucket: Location, tmp_path: Path) -> None:
    for elsewhere in (tmp_path / "ana" / "clip.mp4", bucket / ".." / "ana" / "clip.mp4"):
        if isinstance(elsewhere, Path):
            with pytest.raises(InvalidName, match="--patient"):
                patient_of(elsewhere, bucket)


@pytest.mark.parametrize("key", ["annotated/ana/clip.mp4", "annotated/clip.mp4"])
def test_what_was_made_of_a_video_is_never_an_input(bucket: Location, key: str) -> None:
    for check in (check_source, patient_of):
        with pytest.raises(InvalidInput, match="annotated/"):
            check(bucket / key, bucket)


def test_a_video_from_anywhere_else_is_an_input(bucket: Location, tmp_path: Path) -> None:
    check_source(tmp_path / "annotated" / "clip.mp4", bucket)
    check_source(bucket / "ana" / "annotated" / "clip.mp4", bucket)


@pytest.mark.parametrize(
    ("stem", "session"),
    [
        ("clip one", "clip one"),
        (".hidden", "hidden"),
        (" .. clip ", "clip"),
        ("a\\b\nc", "a_b_c"),
        ("José", "José"),
        ("王" * 100, "王" * 50),
    ],
)
def test_a_session_is_called_after_its_video(stem: str, session: str) -> None:
    assert session_stem(stem) == session


@pytest.mark.parametrize("stem", ["", ".", "..", " . "])
def test_a_stem_of_nothing_names_no_session(stem: str) -> None:
    with pytest.raises(InvalidName, match="Rename"):
        session_stem(stem)


@given(st.text(min_size=1))
def test_whatever_the_stem_the_session_s_files_can_be_written(stem: str) -> None:
    try:
        session = session_stem(stem)
    except InvalidName:
        return
    assert session == session_stem(session)
    assert Path(session).name == session
    assert session not in (".", "..")
    assert len(f"{session}-{'0' * 64}_track.parquet".encode()) <= 255
    assert not any(unicodedata.category(character) == "Cc" for character in session)
