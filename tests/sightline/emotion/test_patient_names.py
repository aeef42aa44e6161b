"""The names file, --names and the name of the folder."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline import storage
from sightline.emotion import NAMES_FILE, PatientNames, add_names, names_of, read_names, spoken_name
from sightline.emotion.patient_names import parse_names
from sightline.errors import InvalidInput
from sightline.storage import Location

FILE = """# How the staff call her
Ana
Ana Maria López   # on Sundays
Mrs Lopez; Anita

Others:
Ben
Nurse Joy
"""
NAMES = PatientNames(theirs=("Ana", "Ana Maria López", "Mrs Lopez", "Anita"), others=("Ben", "Nurse Joy"))

name = st.text(st.sampled_from("abcdé ñO'-"), min_size=1, max_size=8).filter(lambda text: any(map(str.isalpha, text)))
names = st.lists(name.map(lambda text: " ".join(text.split())), max_size=4)


@pytest.mark.parametrize(
    "data",
    [
        FILE.encode(),
        b"\xef\xbb\xbf" + FILE.encode(),
        FILE.replace("\n", "\r\n").encode(),
        FILE.encode("utf-16"),
        FILE.replace("é", "e\u0301").replace("ó", "o\u0301").encode(),
        FILE.replace("Ana Maria", "\t Ana\u00a0 \u200bMaria ").encode(),
        FILE.replace("Others:", "[OTHER PEOPLE]").encode(),
        ("patient:\n" + FILE + "Patient:\nANA\n").encode(),
    ],
)
def test_names_file_is_read_as_any_editor_saves_it(data: bytes) -> None:
    assert parse_names(data, "names.txt") == NAMES


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"Ana\n\xff\n", "names.txt: byte 4 is not UTF-8. Save the file as UTF-8"),
        (b"Ana\n17\n", "names.txt: line 2: '17' is not a name. Write a name, or remove it"),
        (b"Staff:\nBen\n", 'names.txt: line 1: \'Staff:\' is not a heading. Write "Patient:" or "Others:"'),
    ],
)
def test_invalid_file_is_refused_with_its_line_and_the_fix(data: bytes, message: str) -> None:
    with pytest.raises(InvalidInput) as error:
        parse_names(data, "names.txt")
    assert str(error.value) == message


def test_a_name_may_state_its_pronoun() -> None:
    assert parse_names(b"Cleo (she/her)\n", "names.txt") == PatientNames(theirs=("Cleo",), pronoun="she")
    assert parse_names(b"Cleo (they)\n", "names.txt").pronoun is None


def test_missing_file_has_no_names(bucket: Location) -> None:
    assert read_names(bucket / "ana") == PatientNames()


def test_names_are_added_to_their_section_and_nothing_else_changes(bucket: Location) -> None:
    folder = bucket / "ana"
    storage.write_bytes(folder / NAMES_FILE, FILE.encode())
    assert add_names(folder, ["Nita"], ["Carla"]) == NAMES.with_more(PatientNames(theirs=("Nita",), others=("Carla",)))
    assert storage.read_bytes(folder / NAMES_FILE).decode() == FILE.replace("Anita\n", "Anita\nNita\n") + "Carla\n"


def test_adding_names_again_does_not_write(bucket: Location) -> None:
    add_names(bucket, ["Ana"], ["Ben"])
    before = storage.stored(bucket / NAMES_FILE)
    assert add_names(bucket, ["ANA"], ["ben"]) == PatientNames(theirs=("Ana",), others=("Ben",))
    assert storage.stored(bucket / NAMES_FILE) == before


def test_an_answer_moves_a_name_to_the_other_side(bucket: Location) -> None:
    storage.write_bytes(bucket / NAMES_FILE, FILE.encode())
    moved = add_names(bucket, ["Ben"], ["Anita"])
    assert (moved.theirs, moved.others) == (("Ana", "Ana Maria López", "Mrs Lopez", "Ben"), ("Nurse Joy", "Anita"))
    assert b"# How the staff call her" in storage.read_bytes(bucket / NAMES_FILE)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_line_ends_of_the_file_are_kept(tmp_path: Path, newline: str) -> None:
    (tmp_path / NAMES_FILE).write_bytes(FILE.replace("\n", newline).encode())
    add_names(tmp_path, ["Nita"])
    content = (tmp_path / NAMES_FILE).read_bytes()
    assert content.count(b"\r\n") == (content.count(b"\n") if newline == "\r\n" else 0)


def test_concurrent_writers_lose_no_name(bucket: Location) -> None:
    def write(number: int) -> None:
        letter = "abcdefgh"[number]
        add_names(bucket, [f"Ana{letter}"], [f"Ben{letter}"])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    stored = read_names(bucket)
    assert sorted(stored.theirs) == [f"Ana{letter}" for letter in "abcdefgh"]
    assert sorted(stored.others) == [f"Ben{letter}" for letter in "abcdefgh"]


@given(first=names, second=names, others=names)
def test_every_added_name_is_listed_once(tmp_path_factory: pytest.TempPathFactory, first, second, others) -> None:
    folder = tmp_path_factory.mktemp("patient")
    add_names(folder, first)
    add_names(folder, second, others)
    expected = PatientNames.given(first).with_more(PatientNames.given(second, others))
    # A name given on both sides at once is on one of them.
    stored = read_names(folder)
    assert {*stored.theirs, *stored.others} == {*expected.theirs, *expected.others}


class TestNamesOfAPatient:
    def test_file_option_and_folder_are_joined(self, bucket: Location) -> None:
        add_names(bucket, ["Anita"], ["Ben"])
        names = names_of(bucket, "ana-lopez", given=["Nita"])
        assert names == PatientNames(theirs=("Anita", "Nita", "Ana Lopez"), others=("Ben",))

    def test_folder_is_the_only_source(self, bucket: Location) -> None:
        assert names_of(bucket, "ana") == PatientNames(theirs=("Ana",), from_folder=True)
        assert names_of(bucket, "patient-17") == PatientNames()

    def test_a_reviewer_may_say_that_the_folder_is_no_name(self, bucket: Location) -> None:
        add_names(bucket, others=["Ana"])
        assert names_of(bucket, "ana") == PatientNames(others=("Ana",))

    def test_an_option_prevails_over_the_file(self, bucket: Location) -> None:
        add_names(bucket, others=["Anita"])
        assert names_of(bucket, "p1", given=["Anita"]) == PatientNames(theirs=("Anita",))

    def test_an_option_without_a_letter_is_refused(self, bucket: Location) -> None:
        with pytest.raises(InvalidInput, match="'17' is not a name"):
            names_of(bucket, "ana", given=["17"])


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("ana", "Ana"),
        ("ana-lopez", "Ana Lopez"),
        ("AnaLopez_03", "Ana Lopez"),
        ("ANA", "Ana"),
        ("jo", "Jo"),
        ("will", "Will"),
        ("RonMcDonald", "Ron McDonald"),
        ("José 2024-01", "José"),
        ("Мария", "Мария"),
        ("ana-brown", "Ana Brown"),
        ("patient-17", None),
        ("p001", None),
        ("jd", None),
        ("a3f9", None),
        ("ana03", "Ana"),
        ("ana-5c1e", "Ana"),
        ("9b1c-ana", "Ana"),
        ("memory-a9ef5c", None),
        ("ward-7b2e-41da", None),
        ("5f0e7a3c-90ab-4cde-8f12-3ad4e5b6c7d8", None),
        ("2024-01-05", None),
        ("case_ana", None),
        ("blue-room", None),
        ("session", None),
        ("JD", None),
    ],
)
def test_a_folder_is_a_name_only_if_it_is_spoken(folder: str, name: str | None) -> None:
    assert spoken_name(folder) == name
