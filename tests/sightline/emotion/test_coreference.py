"""Whom a pronoun stands for."""

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
def test_a_pronoun_stands_for_the_one_person_named_before(told, text, expected):
    assert told(text) == [expected]


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
def test_a_pronoun_stays_where_it_could_stand_for_another(told, text, expected):
    assert told(text) == [expected]


def test_a_pronoun_does_not_stand_for_somebody_named_long_before(say):
    near = say("This is John.", "He is happy.", seconds=30)
    far = say("This is John.", "", "", "He is happy.", seconds=30)
    assert [found.person for found in (*near.annotations, *far.annotations)] == ["John", "he"]


@pytest.mark.parametrize(
    ("text", "people"),
    [
        ("john is happy he looks surprised", ("john",)),
        ("He is happy. Mary is sad.", ("Mary",)),
        ("She is sad.", ("she",)),
    ],
)
def test_people_are_called_by_name_where_one_is_told(say, text, people):
    assert say(text).people == people
