"""Tables of languages: the built-in ones, those of a user, and errors in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sightline.emotion import load_keywords, load_languages, table_languages
from sightline.errors import InvalidKeywords


def test_english_and_german_are_built_in() -> None:
    assert table_languages() == ("en", "de")


def test_german_has_keywords_for_every_emotion() -> None:
    assert load_languages().tables["de"].emotions.keys() == load_keywords().emotions.keys()


def test_table_of_a_user_adds_a_language(tables: Path) -> None:
    assert table_languages(tables) == ("en", "de", "es")


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["Ana está triste."], ["Ana sad patient"]),
        (["Ella está muy contenta."], ["Ella happy patient"]),
        (["Ana no está triste."], []),
        (["¿Está triste Ana?"], []),
        (["Si Ana está triste, espera."], []),
        (["Ana está triste.", "Ben está enfadado."], ["Ana sad patient", "Ben angry other"]),
        (["Ana está con Ben.", "El hermano de Ana está triste."], []),
    ],
)
def test_small_table_finds_statements(spanish, texts: list[str], expected: list[str]) -> None:
    findings = spanish(*texts, names=("Ana",))
    assert [f"{a.person} {a.emotion} {a.about}".casefold() for a in findings.annotations] == [
        one.casefold() for one in expected
    ]


def test_dropped_subject_is_who_is_talked_about(spanish) -> None:
    assert spanish("Ana es una niña.", "Está triste.", names=("Ana",)).dominant == "sad"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "Spanish"\n', "", "name is missing"),
        ("linking", "verbos", "linking is missing"),
        ('"no", "nunca"', "5", r"negation.1 "),
        ('prepositions = ["a"', 'prepositions = ["A"', "prepositions.1: 'A' is not one word in lower case"),
        ('"triste"', '"feliz"', "emotions.sad: 'feliz' is already in emotions.happy"),
        ('"él" = "he"', '"él" = "him"', "pronouns.él "),
        ("drops_subject = true", 'drops_subject = "yes"', "drops_subject .*Write true or false"),
        ("drops_subject = true", 'discourse = ["vale"]', "discourse: 'vale' is not a keyword of any emotion"),
        ("drops_subject = true", 'kin = ["madre"]\ncarers = ["madre"]', "carers: 'madre' is also in kin"),
        ("drops_subject = true", "drops_subject", "it is not TOML.*line 3"),
    ],
)
def test_error_names_file_place_and_fix(tables: Path, old: str, new: str, message: str) -> None:
    path = tables / "es.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InvalidKeywords, match=message) as caught:
        load_languages(tables)
    assert (caught.value.subject, bool(caught.value.fix)) == (str(path), True)


@pytest.mark.parametrize(("name", "message"), [("en", "English has rules of its own"), ("Spanish", "not the code")])
def test_file_of_another_name_is_rejected(tables: Path, name: str, message: str) -> None:
    (tables / "es.toml").rename(tables / f"{name}.toml")
    with pytest.raises(InvalidKeywords, match=message):
        load_languages(tables)


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidKeywords, match="LANGUAGE_TABLES"):
        load_languages(tmp_path / "none")
