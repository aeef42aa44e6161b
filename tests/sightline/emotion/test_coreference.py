"""The name that a pronoun refers to."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("This is John. He is happy.", "John happy"),
        ("This is a video of Mary Ann. She looks sad.", "Mary Ann sad"),
        ("Ana is sitting on the mat. She looks calm.", "Ana neutral"),
        ("The patient is here. She was upset.", "patient sad"),
        ("Dr. Jones is here today, and I think he is annoyed.", "Dr. Jones angry"),
    ],
)
def test_pronoun_resolves_to_the_only_person_named_before(statements, text, expected):
    assert statements(text) == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("She feels sad.", "she sad"),
        ("John is here. Mary is here. He is happy.", "he happy"),
        ("John is here. Mary came in. She is happy.", "she happy"),
        ("This is John with his mother. She is sad.", "she sad"),
        ("John is here. We met Peter. He is happy.", "he happy"),
        ("We are in Boston. He is happy.", "he happy"),
        ("John and Peter are here. He is happy.", "he happy"),
        ("John is here. They are happy.", "they happy"),
        ("John is here. I am happy.", "I happy"),
        ("He is happy. John is here.", "he happy"),
        ("ana is here she is happy", "she happy"),
    ],
)
def test_ambiguous_pronoun_is_not_resolved(statements, text, expected):
    assert statements(text) == [expected]


def test_pronoun_does_not_resolve_to_a_name_long_before(analyse):
    near = analyse("This is John.", "He is happy.", seconds=30)
    far = analyse("This is John.", "", "", "He is happy.", seconds=30)
    assert [annotation.person for annotation in (*near.annotations, *far.annotations)] == ["John", "he"]


@pytest.mark.parametrize(
    ("text", "people"),
    [
        ("john is happy he looks surprised", ("john",)),
        ("He is happy. Mary is sad.", ("Mary",)),
        ("She is sad.", ("she",)),
    ],
)
def test_people_contains_names_rather_than_pronouns(analyse, text, people):
    assert analyse(text).people == people
